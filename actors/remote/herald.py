"""`Herald`: lets the others hear that this node is there, and finds out who of them is not any more."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar

from ..actor import Actor, on
from ..life import Deferred, Status
from .address import name_of
from .bus import Parcel
from .detector import Appeared, Detector, Event, Gone, Peer, hear, hear_goodbye, judge
from .envelope import VERSION, Envelope, Kind, Lane, encode
from .frames import Beat, Frame, Goodbye
from .frames import encode as encode_frame
from .messages import BeatSent, DoBeat, GoodbyeSent, NodeJoined, NodeLeft, Said

if TYPE_CHECKING:
    from .remoting import Remoting

logger: logging.Logger = logging.getLogger("understudy.actors")

LAST_WORD = 1.0
"""Seconds that the goodbye may take."""


class Herald(Actor):
    """Beats once in an interval, and judges the others by the beats that it hears, its own among them.

    It has a thread of its own: whoever keeps a shared dispatcher busy must not make the node look dead.
    """

    pinned: ClassVar[bool] = True

    def __init__(self, remoting: Remoting) -> None:
        self._remoting = remoting
        self._beating = False
        self._namesakes: set[str] = set()
        """Other nodes of this one's name, of which the log was told."""

    def on_start(self) -> None:
        """Say hello; whoever was there before this herald was restarted has to be heard again."""
        remoting, now = self._remoting, self.clock.now()
        interval = remoting.options.interval
        there = {node: Peer(0.0, now, interval) for node in remoting.directory.present}
        self._detector = Detector(remoting.node, interval, peers=there)
        self.every(interval, DoBeat())
        self._beat()

    @on(DoBeat)
    def beat(self, _: DoBeat) -> None:
        """Be heard, and judge."""
        self._detector, events = judge(self._detector, self.clock.now())
        self._act_on(events)
        if not self._beating:
            self._beat()

    def _beat(self) -> None:
        """Beat; until it has heard itself it says hello, since nobody may have heard it either."""
        self._beating = True
        parcel = self._parcel(self._beat_of_mine(hello=self._detector.echo is None))
        sent = self._remoting.bus.post([parcel])
        sent.pipe_to(self.ref, lambda _: BeatSent(), lambda _: BeatSent())

    @on(BeatSent)
    def beat_sent(self, _: BeatSent) -> None:
        """Let the next follow."""
        self._beating = False

    @on(Said)
    def said(self, message: Said) -> None:
        """Take in who is there, and who leaves."""
        now, events = self.clock.now(), ()
        match message.frame:
            case Beat(node, booted, interval, hello):
                self._detector, events = hear(self._detector, node, booted, now, interval)
                if node == self._remoting.node:
                    self._remoting.heard_itself(now)
                elif hello:
                    self._greet(node)
                self._warn_of_namesake(node, booted)
            case Goodbye(node, booted):
                self._detector, events = hear_goodbye(self._detector, node, booted)
            case _:
                pass
        self._act_on(events)

    def _greet(self, node: str) -> None:
        self._remoting.bus.post([self._parcel(self._beat_of_mine(), self._remoting.mailbox(node, Lane.SYSTEM))])

    def _beat_of_mine(self, *, hello: bool = False) -> Beat:
        return Beat(self._remoting.node, self._remoting.booted, self._remoting.options.interval, hello)

    def _warn_of_namesake(self, node: str, booted: float) -> None:
        me = self._remoting.node
        if name_of(node) != name_of(me) or node == me or node in self._namesakes:
            return
        if booted >= self._remoting.booted:
            self._namesakes.add(node)
            logger.warning("another node calls itself %s: whoever looks for it finds the other one", name_of(me))

    def _act_on(self, events: tuple[Event, ...]) -> None:
        for event in events:
            match event:
                case Appeared(node):
                    self._remoting.directory = self._remoting.directory.having(node)
                    self._announce(NodeJoined(node), "switchboard", "lookout")
                case Gone(node, reason):
                    logger.info("the node %s is gone: %s", node, reason)
                    self._namesakes.discard(node)
                    self._remoting.directory = self._remoting.directory.lacking(node, reason)
                    self._announce(NodeLeft(node, reason), "switchboard", "lookout")

    def _announce(self, event: NodeJoined | NodeLeft, *parts: str) -> None:
        for part in parts:
            self._remoting.tell(part, event)
        self.system.events.publish(event)

    def _parcel(self, frame: Frame, mailbox: str = "") -> Parcel:
        node = self._remoting.node
        to = mailbox or self._remoting.nodes_topic
        envelope = Envelope(
            v=VERSION,
            id=self._remoting.next_id(),
            to=to,
            sender=node,
            kind=Kind.SYSTEM,
            seq=0,
            body=encode_frame(frame),
        )
        return Parcel(to, encode(envelope), topic=not mailbox)

    def on_stop(self) -> Deferred | None:
        """Say goodbye, so that nobody has to find out; not where this herald alone is to be replaced."""
        parent = self._cell.parent
        if parent is None or parent.life.status is not Status.STOPPING:
            return None
        said = self._remoting.bus.post([self._parcel(Goodbye(self._remoting.node, self._remoting.booted))])
        said.pipe_to(self.ref, lambda _: GoodbyeSent(), lambda _: GoodbyeSent())
        self.after(LAST_WORD, GoodbyeSent())
        return Deferred.LATER

    @on(GoodbyeSent)
    def goodbye_sent(self, _: GoodbyeSent) -> None:
        """End: that was all."""
        self.stopped()
