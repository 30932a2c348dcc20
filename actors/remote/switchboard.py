"""`Switchboard`: what leaves this node, and who here waits for what from others.

All that is sent to other nodes comes by here, so that what one actor sends to another stays in order. It finds the node
of a name, keeps the enquiries that have no answer yet and the monitors that local actors have on remote ones, and sees
to it that each ends in exactly one way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from zlib import crc32

from ..actor import Actor, on
from ..completion import Completion
from ..errors import MailboxFull, Timeout
from ..events import DeadLetter
from ..messages import Down
from ..reasons import NO_PROC, ExitReason
from .address import Address, Scheme
from .bus import Receipt
from .detector import NO_CONNECTION
from .envelope import Kind, Lane
from .errors import NodeDown, NotDecodable, Undeliverable
from .frames import Digest, Ended, Frame, Recount, Unwatch, Watch, Watches, Watching, encode, read_failure, read_reason
from .messages import (
    Answered,
    CompareDigests,
    Demonitor,
    Enquire,
    GiveUp,
    Letter,
    Monitor,
    NodeJoined,
    NodeLeft,
    Overdue,
    Refused,
    Reply,
    Said,
)

if TYPE_CHECKING:
    from ..ref import Ref
    from ..timers import Timer
    from .remoting import Remoting


@dataclass(slots=True)
class Pending:
    """An enquiry without an answer; node is "" until that of its name is found."""

    promise: Completion[Reply]
    reply: Any
    to: str
    timer: Timer
    node: str = ""


@dataclass(slots=True)
class Watched:
    """A monitor on a remote actor: local_watch is the one by which the watcher's own end is heard."""

    watcher: Ref[Any]
    target: Ref[Any]
    address: Address
    local_watch: int
    node: str = ""
    uid: int = 0


class Switchboard(Actor):
    """See the module."""

    def __init__(self, remoting: Remoting) -> None:
        self._remoting = remoting
        self._pending: dict[str, Pending] = {}
        self._watched: dict[int, Watched] = {}
        self._local: dict[int, int] = {}
        self._nameless: dict[str, list[Letter]] = {}
        """Letters to names of which nobody has been heard yet."""

    def on_start(self) -> None:
        """Compare with others, once in an interval, what is watched there; by a former switchboard too."""
        self._watched_on = dict.fromkeys(self._remoting.directory.present)
        self.every(self._remoting.options.interval, CompareDigests())

    # -- out -------------------------------------------------------------------------------------------------------

    @on(Letter)
    def send(self, letter: Letter) -> None:
        """Pass a letter on, once it is known where to."""
        if "!" in letter.node:
            self._send_to(letter, letter.node)
        elif letter.node:
            self._find(letter)
        else:
            self._remoting.tell("publisher", letter)

    def _find(self, letter: Letter) -> None:
        """Send to whoever has the name; where nobody was heard of who might have it, wait a moment."""
        name = letter.node
        directory = self._remoting.directory
        found, lost = directory.called(name), directory.lost_called(name)
        if self._remoting.is_me(name):
            self._send_to(letter, self._remoting.node)
        elif len(found) > 1:
            self._fail(letter, Undeliverable(f"{letter.to} could be any of {', '.join(found)}: name the host too"))
        elif name in self._nameless:
            self._nameless[name].append(letter)
        elif found:
            self._send_to(letter, found[0])
        elif lost is not None:
            self._fail(letter, self._down(*lost), lost[1])
        elif self._remoting.knows_everybody():
            self._fail(letter, self._nobody(letter))
        else:
            self._nameless[name] = [letter]
            self.after(self._remoting.options.patience, GiveUp(name))

    @on(GiveUp)
    def give_up(self, message: GiveUp) -> None:
        """Let letters go that nobody can have."""
        for letter in self._nameless.pop(message.name, ()):
            self._fail(letter, self._nobody(letter))

    def _nobody(self, letter: Letter) -> Undeliverable:
        there = ", ".join(self._remoting.directory.present) or "none"
        return Undeliverable(f"{letter.to} is on a node that nobody has heard of; the nodes there are: {there}")

    def _send_to(self, letter: Letter, node: str) -> None:
        fate = self._remoting.directory.fate_of(node)
        if fate is not None:
            self._fail(letter, self._down(node, fate), fate)
            return
        if letter.id in self._pending:
            self._pending[letter.id].node = node
        if letter.monitor in self._watched:
            self._watched[letter.monitor].node = node
            self._watched_on[node] = None
        self._remoting.tell("publisher", letter if letter.node == node else replace(letter, node=node))

    def _down(self, node: str, reason: ExitReason) -> NodeDown:
        return NodeDown(f"the node {node} is gone: {reason}", reason)

    def _say(self, node: str, frame: Frame, monitor: int = 0) -> None:
        self.send(Letter(node, node, Kind.SYSTEM, Lane.SYSTEM, encode(frame), monitor=monitor))

    @on(Refused)
    def refused(self, message: Refused) -> None:
        """Tell whoever sent it, or make it a dead letter."""
        letter, error = message.letter, message.error
        if letter.lane is Lane.SYSTEM and error is None and message.receipt is Receipt.NO_MAILBOX:
            if letter.node in self._remoting.directory.present and not letter.id:
                return  # it is about to collect again: the digests set right what it has missed
            self._end_watches_on(letter.node, NO_CONNECTION)  # nobody is there who could tell of them
            self._watched_on.pop(letter.node, None)
        if error is None and message.receipt is Receipt.FULL:
            error = MailboxFull(
                f"{letter.to} is on a node, or behind a broker, that has too much to do: nothing more is taken"
            )
        self._fail(letter, error or Undeliverable(f"{letter.to} is on a node that has no inbox at the broker any more"))

    def _fail(self, letter: Letter, error: BaseException, reason: ExitReason = NO_CONNECTION) -> None:
        if letter.monitor:
            self._end_watch(letter.monitor, reason)
        elif letter.id:
            self._conclude(letter.id, Reply(error=error))
        elif letter.kind is Kind.TELL and letter.ref is not None:
            self.system.dead_letter(DeadLetter(letter.ref, letter.message, str(error)))
        else:
            self._remoting.counts.undelivered += 1

    # -- enquiries -------------------------------------------------------------------------------------------------

    @on(Enquire)
    def enquire(self, message: Enquire) -> Completion[Reply]:
        """Send it, and promise what comes of it."""
        letter = message.letter
        promise: Completion[Reply] = Completion()
        timer = self.after(message.timeout, Overdue(letter.id))
        self._pending[letter.id] = Pending(promise, message.reply, letter.to, timer)
        self.send(letter)
        return promise

    @on(Overdue)
    def overdue(self, message: Overdue) -> None:
        """Wait no longer."""
        pending = self._pending.get(message.id)
        if pending is not None:
            self._conclude(message.id, Reply(error=Timeout(f"no answer of {pending.to} came in time")))

    @on(Answered)
    def answered(self, message: Answered) -> None:
        """Hand an answer to whoever waits; one that comes too late is counted."""
        envelope = message.envelope
        pending = self._pending.get(envelope.corr)
        if pending is None:
            self.system.late_replies += 1
            return
        try:
            if envelope.kind is Kind.ERROR:
                reply = Reply(error=read_failure(envelope.body))
            else:
                reply = Reply(self._remoting.codec.decode(pending.reply, envelope.ctype, envelope.body))
        except NotDecodable as error:
            reply = Reply(error=error)
        self._conclude(envelope.corr, reply)

    def _conclude(self, enquiry: str, reply: Reply) -> None:
        pending = self._pending.pop(enquiry, None)
        if pending is not None:
            pending.timer.cancel()
            pending.promise.resolve(reply)

    # -- monitors --------------------------------------------------------------------------------------------------

    @on(Monitor)
    def watch(self, message: Monitor) -> None:
        """Have a remote actor watched, for as long as the watcher lives."""
        address = message.target.address
        local = self.monitor(message.watcher)
        self._local[local] = message.monitor
        self._watched[message.monitor] = Watched(message.watcher, message.target, address, local, uid=address.uid)
        if address.scheme is Scheme.TOPIC:
            self._end_watch(message.monitor, NO_PROC)
            return
        frame = Watch(message.monitor, address.path, address.uid)
        self.send(Letter(address.node, address.node, Kind.SYSTEM, Lane.SYSTEM, encode(frame), monitor=message.monitor))

    @on(Demonitor)
    def unwatch(self, message: Demonitor) -> None:
        """Have it watched no more."""
        watched = self._forget(message.monitor)
        if watched is not None and watched.node:
            self._say(watched.node, Unwatch(message.monitor))

    @on(Down)
    def watcher_ended(self, event: Down) -> None:
        """Watch nothing for the dead."""
        monitor = self._local.pop(event.monitor, 0)
        watched = self._watched.pop(monitor, None)
        if watched is not None and watched.node:
            self._say(watched.node, Unwatch(monitor))

    @on(Said)
    def said(self, message: Said) -> None:
        """Take in what another node knows of the actors that are watched there."""
        match message.frame:
            case Watching(monitor, uid):
                if monitor in self._watched:
                    self._watched[monitor].uid = uid
            case Ended(monitor, reason):
                self._end_watch(monitor, read_reason(reason))
            case Recount():
                self._say(message.node, Watches([watch for watch, _ in self._watches_on(message.node)]))
            case _:
                pass

    @on(CompareDigests)
    def compare_digests(self, _: CompareDigests) -> None:
        """Say in one number what is watched on a node, to each where something ever was: so what got lost is found."""
        for node in self._watched_on:
            if self._remoting.directory.fate_of(node) is None:
                self._say_digest(node)

    def _say_digest(self, node: str) -> None:
        self._say(node, Digest(checksum((watch.monitor, uid) for watch, uid in self._watches_on(node))))

    def _watches_on(self, node: str) -> list[tuple[Watch, int]]:
        return [
            (Watch(monitor, watched.address.path, watched.uid), watched.uid)
            for monitor, watched in self._watched.items()
            if watched.node == node
        ]

    def _end_watch(self, monitor: int, reason: ExitReason) -> None:
        watched = self._forget(monitor)
        if watched is not None:
            watched.watcher.tell_past_bound(Down(monitor, watched.target, reason))

    def _end_watches_on(self, node: str, reason: ExitReason) -> None:
        for monitor in [monitor for monitor, watched in self._watched.items() if watched.node == node]:
            self._end_watch(monitor, reason)

    def _forget(self, monitor: int) -> Watched | None:
        watched = self._watched.pop(monitor, None)
        if watched is not None:
            self._local.pop(watched.local_watch, None)
            self.demonitor(watched.local_watch)
        return watched

    # -- nodes -----------------------------------------------------------------------------------------------------

    @on(NodeJoined)
    def node_joined(self, event: NodeJoined) -> None:
        """Send what waited for it, and set right what it may still watch, or have watched, from before."""
        for name in [name for name in self._nameless if event.node in self._remoting.directory.called(name)]:
            for letter in self._nameless.pop(name):
                self.send(letter)
        self._say_digest(event.node)

    @on(NodeLeft)
    def node_left(self, event: NodeLeft) -> None:
        """End all that waits for it."""
        error = self._down(event.node, event.reason)
        for enquiry in [enquiry for enquiry, pending in self._pending.items() if pending.node == event.node]:
            self._conclude(enquiry, Reply(error=error))
        self._end_watches_on(event.node, event.reason)
        if event.reason != NO_CONNECTION:
            self._watched_on.pop(event.node, None)

    # -- the end ---------------------------------------------------------------------------------------------------

    def let_go(self) -> None:
        """End the monitors, since nobody will hear of what is watched; any thread, where it is killed.

        Enquiries are failed by the kernel, to which their promises are debts.
        """
        for monitor in list(self._watched):
            watched = self._watched.pop(monitor, None)
            if watched is not None:
                watched.watcher.tell_past_bound(Down(monitor, watched.target, NO_CONNECTION))


def checksum(watches: Iterable[tuple[int, int]]) -> int:
    """Return a number that two nodes come to if they know of the same (monitor, uid)."""
    return crc32(repr(sorted(watches)).encode())
