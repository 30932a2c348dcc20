"""`AmqpIntake`: takes messages as they are pushed, and settles them by their outcomes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from ...actors.completion import Completion
from ..api import Publisher
from ..errors import BrokerRefused, BrokerUnavailable
from ..lane import now, unix_time
from ..message import Delivery, Outcome, Verdict
from ..server_options import ServerOptions
from ..session import Session
from ..settlement import bind
from .channel import Channel, Listener
from .consumers import Consumers
from .ear import Ears
from .holding import Held, Holding
from .protocol import methods as amqp
from .protocol.connection import Delivered, Event, Said
from .protocol.errors import ChannelClosed
from .settling import SENT_AGAIN, answer_of, overdue, prepared, sent_again
from .topology import Topology
from .wire import Wire

_REST_AFTER = 0.05
"""Seconds without a fetch after which nothing is received any more: others may want it."""
_SURPLUS = 50
_PATIENCE = 0.01
"""Seconds in which settlements may make the room that a fetch needs, before it gets a consumer of its own."""

logger: logging.Logger = logging.getLogger(__name__)


class _Ears(Listener):
    """What the channel tells an intake."""

    def __init__(self, intake: AmqpIntake) -> None:
        self._intake = intake

    def heard(self, events: Sequence[Event]) -> None:
        self._intake.heard(events)

    def channel_closed(self, error: ChannelClosed) -> None:
        self._intake.channel_closed(error)


class AmqpIntake(Session[Wire]):
    """One owner's claim on some queues, on a connection of its own. Thread-safe.

    What arrives is handed out by the thread that reads it; the lane connects, and does what is due at some time. A
    channel that is lost voids the tags that were handed out: the broker delivers their messages again.
    """

    hold_limit: float = 900.0
    """Seconds for which a message that is not due is held: RabbitMQ closes the channel that holds one for too long."""

    def __init__(
        self, queues: Sequence[str], owner: str, url: str, options: ServerOptions, patience: float,
        publisher: Publisher, ears: Ears,
    ) -> None:  # fmt: skip
        super().__init__(
            f"intake {owner} of {', '.join(queues)}", lambda: Wire(url, options, ears, self.wake, owner), patience
        )
        self.owner = owner
        self._queues = list(queues)
        self._options = options
        self._goes_with_its_consumer = any(options.queues.of(queue).auto_delete for queue in queues)
        self._publisher = publisher
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._holding = Holding()
        self._channel: Channel | None = None
        self._consumers: Consumers | None = None
        self._closed_by: ChannelClosed | None = None
        self._gone = False
        self._waiting: Completion[list[Delivery]] | None = None
        self._credit = 0
        self._unmet = 0
        """How many more the last fetch would have taken: if it was given all, another need not come soon."""
        self._short_since: float | None = None
        """Since when the broker may push too little."""
        self._asked = 0.0
        self._answered = 0.0
        self._looked = now()
        self._watched = False
        """Whether the lane looks soon for whether nobody fetches any more."""

    # What others call, from any thread

    def fetch(self, credit: int) -> Completion[list[Delivery]]:
        """Claim up to `credit` due messages; see `Intake.fetch`."""
        completion: Completion[list[Delivery]] = Completion()
        if self.lane.closed:
            completion.resolve([])
            return completion
        with self._lock:
            before, self._waiting = self._waiting, completion
            self._credit, self._asked = credit, now()
            answer = self._ready()
            if answer is None:
                self._demand()
            connected = self._channel is not None
        if before is not None:
            before.resolve([])
        self._give(answer)
        if not connected:
            self.lane.post(_nothing, lambda: completion.resolve([]))
        elif self.lane.closed:
            completion.resolve([])
        return completion

    def settle(self, outcomes: Sequence[Outcome]) -> Completion[list[bool]]:
        """Carry out outcomes: follow-ups, results, and last the messages; see `Intake.settle`."""
        claimed = self._claim(outcomes)
        ours = [one for one, held in zip(outcomes, claimed, strict=True) if held is not None or one.tag == 0]
        held = {one.tag: found for one, found in zip(outcomes, claimed, strict=True) if found is not None}
        kept = self._options.dead_letter_expires
        back = [one for one in ours if one.tag and one.verdict in SENT_AGAIN]
        again = [sent_again(one, held[one.tag], self.owner, kept) for one in back]
        ready = prepared(ours, again, self._publisher)
        ready.add_done_callback(lambda done: done.error() is not None and self._release(ours))
        settled = bind(ready, lambda _: self._dispose(ours, held))

        def answer(tags: set[int]) -> list[bool]:
            mine = zip(outcomes, claimed, strict=True)
            return [(one.tag == 0) or (found is not None and one.tag in tags) for one, found in mine]

        return settled.then(answer)

    def holds(self, tags: Sequence[int]) -> Completion[list[bool]]:
        """Tell which messages are held: those that came by the connection of now; see `Intake.holds`."""
        with self._lock:
            return Completion.of([self._holding.of(tag) is not None for tag in tags])

    def renew(self) -> Completion[bool]:
        """Tell that what is held is still held: the connection sees to that; see `Intake.renew`."""
        return self.run(lambda _: True)

    def close(self) -> Completion[None]:
        """Give back every unsettled message; see `Intake.close`."""
        given_back = self.lane.submit(self._give_back)
        given_back.add_done_callback(lambda _: self.lane.close())
        return given_back

    def wake(self) -> None:
        """Have the lane look around."""
        self.lane.post(_nothing)

    # What the channel tells, on the thread that reads

    def heard(self, events: Sequence[Event]) -> None:
        """Take what was pushed, and hand it out."""
        gone = False
        with self._lock:
            for event in events:
                if isinstance(event, Delivered):
                    self._take_in(event)
                else:
                    gone |= self._ended(event)
            answer = self._ready()
            if answer is None:
                self._demand()  # for what has come is not due
            unasked = self._waiting is None and answer is None
        self._give(answer)
        if gone or (unasked and not self._watched):
            self._watched = True
            self.wake()

    def channel_closed(self, error: ChannelClosed) -> None:
        """Begin again: nothing is held any more."""
        with self._lock:
            self._closed_by = error
            self._forget_channel()
        self.wake()

    # What the session asks for, on the lane's thread

    def needed(self) -> bool:
        return self._waiting is not None or bool(self._holding)

    def serve(self, link: Wire) -> float | None:
        pauses = [link.tick()]
        if self._closed_by is not None:
            self._begin_again(link, self._closed_by)
        if self._gone:
            self._gone = False
            raise ConnectionError(f"{', '.join(self._queues)}: a queue was deleted, or moved to another server")
        with self._lock:
            answer = self._ready()
            pauses += [self._keep(), self._watch()]
            if self._short_since is not None:
                self._demand()
                pauses.append(_PATIENCE)
        self._give(answer)
        return min((pause for pause in pauses if pause is not None), default=None)

    def opened(self, link: Wire) -> None:
        topology = Topology(link, self._options.queues)
        for queue in self._queues:
            topology.declare(queue)
        channel = link.channel(_Ears(self))
        with self._lock:
            self._closed_by, self._gone = None, False
            self._channel = channel
            self._consumers = Consumers(channel, self._queues)
            self._demand()

    def lost(self, link: Wire) -> None:
        with self._lock:
            self._forget_channel()

    def disappoint(self, error: BrokerUnavailable | BrokerRefused, asked_before: float) -> None:
        with self._lock:
            waiting = self._waiting
            if waiting is None or self._asked > asked_before:
                return
            self._waiting = None
        waiting.fail(error)

    def leave(self) -> None:
        self._give_back()
        super().leave()

    def abandon(self) -> None:
        self._reset()
        super().abandon()

    def _begin_again(self, link: Wire, error: ChannelClosed) -> None:
        """Give the connection up whose channel the broker has closed, and say so to whoever waits."""
        self._closed_by = None
        if "timed out" in error.text:
            raise ConnectionError(overdue(error))
        self.disappoint(link.explained(error), now())
        raise error

    # Taking, with the lock held

    def _take_in(self, delivered: Delivered) -> None:
        if self._consumers is not None:
            self._holding.take_in(delivered, self._consumers.of(delivered.consumer))

    def _ended(self, said: Said) -> bool:
        """Note that the broker has ended a consumer; returns whether it has."""
        if not isinstance(said.method, amqp.Cancel) or self._consumers is None:
            return False
        self._consumers.ended(said.method.consumer_tag)
        self._gone = True
        return True

    def _ready(self) -> Callable[[], object] | None:
        """Return what answers the fetch that waits, where something is there for it."""
        waiting = self._waiting
        if waiting is None:
            return None
        deliveries = self._holding.hand_out(self._credit, unix_time(), now())
        if not deliveries:
            return None
        self._waiting = None
        self._unmet = self._credit - len(deliveries)
        self._answered = now()
        return lambda: waiting.resolve(deliveries)

    def _give(self, answer: Callable[[], object] | None) -> None:
        """Answer a fetch; the lock is not held."""
        if answer is None:
            return
        answer()
        if not self._watched:
            self._watched = True
            self.wake()

    def _demand(self) -> None:
        """Have the broker push what the fetch that waits may take."""
        if self._waiting is None or self._consumers is None:
            self._short_since = None
        else:
            patient = self._short_since is None or now() < self._short_since + _PATIENCE
            if self._consumers.want(self._credit, patient=patient):
                self._short_since = None
            elif self._short_since is None:
                self._short_since = now()
                self.wake()
            self._return(self._holding.surplus(self._credit + _SURPLUS))

    def _watch(self) -> float | None:
        """Stop receiving where nobody has fetched for a while; returns the seconds until that may be so."""
        if not self._consumers and not self._holding.arrived:
            self._watched = False
            return None
        idle = now() - self._answered
        if self._waiting is None and idle >= _REST_AFTER:
            self._rest()
            self._watched = False
            return None
        self._watched = self._waiting is None or idle < 20 * _REST_AFTER
        return _REST_AFTER if self._watched else None

    def _rest(self) -> None:
        """Stop receiving, and return what nobody has asked for."""
        channel, consumers = self._channel, self._consumers
        if channel is None or consumers is None or self._goes_with_its_consumer:
            return
        for ended in consumers.rest():
            ended.add_done_callback(lambda _: self._rested(channel, consumers))
        self._return_arrived()

    def _rested(self, channel: Channel, consumers: Consumers) -> None:
        with self._lock:
            if self._waiting is None and self._channel is channel and not consumers:
                self._return_arrived()

    def _return_arrived(self) -> None:
        self._return(list(self._holding.arrived))
        self._holding.arrived.clear()

    def _return(self, held: Sequence[Held]) -> None:
        if held and self._channel is not None:
            self._channel.send(self._holding.give_back(self._channel, held))

    # Holding, with the lock held

    def _keep(self) -> float | None:
        """Give back, to take it again, what was held for long; returns the seconds until something is due."""
        if now() >= self._looked + self.hold_limit / 10:
            self._looked = now()
            self._return(self._holding.delayed.pop_held_since(now() - self.hold_limit))
        due = self._holding.delayed.next_due()
        if due is None:
            return None
        until = max(0.0, due - unix_time()) if self._waiting is not None else self.hold_limit
        return min(until, self.hold_limit / 10)

    def _forget_channel(self) -> None:
        self._channel = self._consumers = self._short_since = None
        self._holding.clear()

    def _give_back(self) -> None:
        """Return everything, and wait until the broker has it. On the lane's thread."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.resolve([])
        if self.link is None:
            return
        try:
            self.attempt(self._return_everything)
        except (BrokerUnavailable, BrokerRefused) as error:
            logger.warning("%s: what it held stays so until the broker finds it gone: %s", self.lane.name, error)

    def _return_everything(self, link: Wire) -> None:
        channel, consumers = self._channel, self._consumers
        if channel is None or consumers is None:
            return
        with self._lock:
            resting = consumers.rest()
        for ended in resting:
            link.wait(ended)
        with self._lock:
            channel.send(self._holding.give_back(channel, self._holding.give_up()))
        channel.call(amqp.Qos(0, 1, False), amqp.QosOk)  # its answer says that the rest has come through

    # Settling

    def _claim(self, outcomes: Sequence[Outcome]) -> list[Held | None]:
        claimed: list[Held | None] = []
        with self._lock:
            for outcome in outcomes:
                held = self._holding.of(outcome.tag)
                if held is not None:
                    self._holding.claim(outcome.tag)  # a tag settles once
                claimed.append(held)
        return claimed

    def _release(self, outcomes: Sequence[Outcome]) -> None:
        with self._lock:
            self._holding.release(outcomes)

    def _dispose(self, outcomes: Sequence[Outcome], claimed: dict[int, Held]) -> Completion[set[int]]:
        """Do with the messages what the verdicts say; resolves with the tags of those that were still held."""
        with self._lock:
            channel = self._channel
            held = {tag: one for tag, one in claimed.items() if self._holding.is_held(tag, one)}
            if channel is None or not held:
                return Completion.of(set())
            back = [one for one in outcomes if one.verdict is Verdict.REQUEUE and one.tag in held]
            returned = {one.tag for one in back}
            if self._waiting is None and (back or not self._unmet):
                self._rest()  # or more would come to us, whom nobody asks for messages
            done = self._holding.acknowledge(channel, [one for tag, one in held.items() if tag not in returned])
            done += self._holding.give_back(channel, [held[one.tag] for one in back if one.delay <= 0])
            for one in back:
                if one.delay > 0:
                    self._holding.delayed.add(held[one.tag], unix_time() + one.delay, now())
            for tag in held:
                self._holding.forget(tag)
            with channel.wire.sending:
                channel.send(done)
                fence = channel.request(amqp.Qos(0, 1, False))  # its answer says that the rest has come through
        if any(one.delay > 0 for one in back):
            self.wake()
        return answer_of(fence, set(held))


def _nothing() -> None:
    """Be a job that wakes the lane."""
