"""`Inbox`: takes one lane of this node's mail from the broker, and brings it to whom it is for."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ..actor import Actor, on
from ..completion import Completion
from ..errors import ActorDead, MailboxFull, Timeout, WouldBlock
from ..events import DeadLetter
from ..messages import Ask, Down
from ..reasons import NO_PROC
from ..supervision.spec import Backoff
from .address import Address, Scheme
from .arrivals import Arrived
from .envelope import Envelope, Kind, Lane, decode
from .errors import BadAddress, MalformedEnvelope, NotDecodable, NotEncodable, RemotingError
from .frames import (
    AnyFrame,
    Beat,
    CountWaiting,
    Digest,
    Ended,
    ExitActor,
    Goodbye,
    Recount,
    SpawnActor,
    StopActor,
    Unwatch,
    Watch,
    Watches,
    Watching,
    decode_frame,
    write_failure,
)
from .messages import (
    Answered,
    CollectAgain,
    Collected,
    CollectFailed,
    Lapsed,
    Letter,
    Said,
    Subscribe,
    Unsubscribe,
)
from .requests import count_waiting, exit_actor, spawn_actor, stop_actor

if TYPE_CHECKING:
    from ..clock import Clock
    from ..ref import Ref
    from .remoting import Remoting

logger: logging.Logger = logging.getLogger("understudy.actors")

RETRY = Backoff(first=0.05, factor=2.0, maximum=2.0, jitter=0.2)


class Expiring(Completion[Any]):
    """The answer to an ask from elsewhere: given up by itself once nobody waits for it any more."""

    def __init__(self, clock: Clock, deadline: float | None) -> None:
        super().__init__()
        self._clock = clock
        self._deadline = deadline

    def done(self) -> bool:
        """Whether it is resolved; the cell looks before it handles the ask."""
        if not super().done() and self.expired:
            self.fail(Timeout("whoever asked has given up"))
        return super().done()

    @property
    def expired(self) -> bool:
        """Whether the asker's deadline has passed."""
        return self._deadline is not None and self._clock.time() >= self._deadline


class Inbox(Actor):
    """Collects without end; what arrives twice, late or after its deadline is counted and dropped."""

    def __init__(self, remoting: Remoting, lane: Lane) -> None:
        self._remoting = remoting
        self._lane = lane
        self._round = 0
        self._failures = 0
        self._subscribers: dict[int, tuple[str, Ref[Any]]] = {}

    def on_start(self) -> None:
        """Begin to collect, for those too who had subscribed before this inbox was restarted."""
        if self._lane is Lane.USER:
            for topic, refs in self._remoting.subscriptions.items():
                for ref in refs:
                    self._subscribers[self.monitor(ref)] = (topic, ref)
        self._collect()

    def on_stop(self) -> None:
        """Leave nothing at the broker."""
        self._round += 1
        self._remoting.bus.drop(self._mailbox)

    @property
    def _mailbox(self) -> str:
        return self._remoting.mailbox(self._remoting.node, self._lane)

    def _topics(self) -> list[str]:
        if self._lane is Lane.SYSTEM:
            return [self._remoting.nodes_topic]
        return [
            str(Address.of_topic(topic)) for topic in dict.fromkeys(topic for topic, _ in self._subscribers.values())
        ]

    # -- collecting ------------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        self._round += 1
        number = self._round
        collection = self._remoting.bus.collect(self._mailbox, self._topics(), self._remoting.options.mailbox_ttl)
        collection.pipe_to(self.ref, partial(Collected, number), partial(CollectFailed, number))

    @on(Collected)
    def collected(self, message: Collected) -> None:
        """Ask for more, then deliver what came."""
        self._failures = 0
        if message.round == self._round:
            self._collect()
        for data in message.mail:
            self._open(data)

    @on(CollectFailed)
    def collect_failed(self, message: CollectFailed) -> None:
        """Try again in a moment."""
        if message.round == self._round:
            self._failures += 1
            self.after(RETRY.delay(self._failures, self.rng.random()), CollectAgain())

    @on(CollectAgain)
    def collect_again(self, _: CollectAgain) -> None:
        """Collect: the moment is over."""
        self._collect()

    def _open(self, data: bytes) -> None:
        counts = self._remoting.counts
        try:
            envelope = decode(data)
        except MalformedEnvelope as error:
            counts.unreadable += 1
            logger.warning("%s: %s", self.path, error)
            return
        topic = envelope.to if envelope.to.startswith("topic:") else ""
        arrived, gap = self._remoting.arrivals[self._lane].note(envelope.sender, topic, envelope.seq)
        counts.lost += gap
        if arrived is Arrived.BEFORE:
            counts.duplicates += 1
        elif envelope.dl and self.clock.time() * 1000 >= envelope.dl:
            counts.late += 1
        else:
            self._deliver(envelope)

    # -- delivering ------------------------------------------------------------------------------------------------

    def _deliver(self, envelope: Envelope) -> None:
        try:
            match envelope.kind:
                case Kind.TELL | Kind.ASK:
                    self._hand_over(envelope)
                case Kind.REPLY | Kind.ERROR:
                    self._remoting.tell("switchboard", Answered(envelope))
                case Kind.SYSTEM:
                    self._obey(envelope, decode_frame(envelope.body))
        except RemotingError as error:
            self._reject(envelope, error)

    def _hand_over(self, envelope: Envelope) -> None:
        try:
            address = Address.parse(envelope.to)
        except BadAddress as error:
            raise NotDecodable(str(error)) from error
        if address.scheme is Scheme.TOPIC:
            self._fan_out(envelope, address.name)
            return
        ref = self._remoting.local(address.path, address.uid)
        if ref is None:
            gone = ActorDead(f"nobody holds {address} on this node", NO_PROC)
            self._reject(envelope, gone)
            return
        message = self._remoting.codec.decode_message(ref.actor_class, envelope.type, envelope.ctype, envelope.body)
        if envelope.kind is Kind.ASK:
            message = Ask(message, self._promise(envelope))
        try:
            ref.tell(cast("Any", message))
        except (MailboxFull, WouldBlock) as error:
            self._reject(envelope, error)

    def _promise(self, envelope: Envelope) -> Expiring:
        """Return the completion of an ask from elsewhere, which is answered there, or lapses."""
        deadline = envelope.dl / 1000 if envelope.dl else None
        completion = Expiring(self.clock, deadline)
        completion.add_done_callback(partial(self._answer, envelope))
        if deadline is not None:
            timer = self.after(deadline - self.clock.time(), Lapsed(completion))
            completion.add_done_callback(lambda _: timer.cancel())
        return completion

    @on(Lapsed)
    def lapsed(self, message: Lapsed) -> None:
        """Let the actor owe nothing to somebody who has given up."""
        message.completion.done()

    def _fan_out(self, envelope: Envelope, topic: str) -> None:
        for ref in self._remoting.subscriptions.get(topic, ()):
            try:
                message = self._remoting.codec.decode_message(
                    ref.actor_class, envelope.type, envelope.ctype, envelope.body
                )
                ref.tell(message)
            except (RemotingError, MailboxFull, WouldBlock) as error:
                self.system.dead_letter(DeadLetter(ref, envelope, str(error)))

    def _obey(self, envelope: Envelope, frame: AnyFrame) -> None:
        said = Said(envelope.sender, frame)
        match frame:
            case Beat() | Goodbye():
                self._remoting.tell("herald", said)
            case Watch() | Unwatch() | Digest() | Watches():
                self._remoting.tell("lookout", said)
            case Watching() | Ended() | Recount():
                self._remoting.tell("switchboard", said)
            case ExitActor():
                exit_actor(self._remoting, frame)
            case StopActor():
                stop_actor(self._remoting, frame).add_done_callback(partial(self._answer, envelope))
            case CountWaiting():
                count_waiting(self._remoting, frame).add_done_callback(partial(self._answer, envelope))
            case SpawnActor():
                spawn_actor(self._remoting, frame).add_done_callback(partial(self._answer, envelope))

    # -- answering -------------------------------------------------------------------------------------------------

    def _answer(self, envelope: Envelope, done: Completion[Any]) -> None:
        """Send an answer back; called wherever it is made."""
        if isinstance(done, Expiring) and done.expired:
            return  # the asker has been told
        error = done.error()
        if error is None:
            try:
                ctype, body = self._remoting.codec.encode(done.get())
            except RemotingError as unencodable:
                error = NotEncodable(f"the reply of {envelope.to} cannot be sent: {unencodable}")
            else:
                self._remoting.send(self._letter_back(envelope, Kind.REPLY, body, ctype))
                return
        self._remoting.send(self._letter_back(envelope, Kind.ERROR, write_failure(error)))

    def _letter_back(self, envelope: Envelope, kind: Kind, body: bytes, ctype: str = "msgpack") -> Letter:
        lane = Lane.SYSTEM if envelope.kind is Kind.SYSTEM else Lane.USER
        return Letter(envelope.rto, envelope.rto, kind, lane, body, ctype=ctype, corr=envelope.id)

    def _reject(self, envelope: Envelope, error: Exception) -> None:
        """Say why it was not taken: to the asker, or as a dead letter."""
        if envelope.rto:
            self._remoting.send(self._letter_back(envelope, Kind.ERROR, write_failure(error)))
        elif envelope.kind is Kind.TELL:
            self.system.dead_letter(DeadLetter(self._remoting.ref_for(envelope.to), envelope, str(error)))
        else:
            self._remoting.counts.unreadable += 1
            logger.warning("%s: what %s sent is not understood: %s", self.path, envelope.sender, error)

    # -- topics ----------------------------------------------------------------------------------------------------

    @on(Subscribe)
    def subscribe(self, message: Subscribe) -> None:
        """Let an actor hear a topic, for as long as it lives."""
        if (message.topic, message.ref) not in self._subscribers.values():
            self._subscribers[self.monitor(message.ref)] = (message.topic, message.ref)
            self._subscriptions_changed()

    @on(Unsubscribe)
    def unsubscribe(self, message: Unsubscribe) -> None:
        """Let it hear it no more."""
        for monitor, subscribed in list(self._subscribers.items()):
            if subscribed == (message.topic, message.ref):
                self.demonitor(monitor)
                del self._subscribers[monitor]
                self._subscriptions_changed()

    @on(Down)
    def subscriber_ended(self, event: Down) -> None:
        """Forget what it wanted to hear."""
        if self._subscribers.pop(event.monitor, None) is not None:
            self._subscriptions_changed()

    def _subscriptions_changed(self) -> None:
        subscriptions: dict[str, tuple[Ref[Any], ...]] = {}
        for topic, ref in self._subscribers.values():
            subscriptions[topic] = (*subscriptions.get(topic, ()), ref)
        self._remoting.subscriptions = subscriptions
        self._collect()
