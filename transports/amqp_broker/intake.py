"""`AmqpIntake`: takes messages as they are pushed, and settles them by their outcomes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from math import inf

from ...actors.completion import Completion
from ..api import Publisher
from ..errors import BrokerRefused, BrokerUnavailable
from ..lane import now, unix_time
from ..message import Delivery, Outcome, Verdict
from ..server_options import ServerOptions
from ..session import Session
from ..settlement import bind
from .channel import Listener
from .doubts import Doubts
from .ear import Ears
from .holding import Held
from .protocol import methods as amqp
from .protocol.connection import Delivered, Event, Said
from .protocol.errors import ChannelClosed
from .settling import SENT_AGAIN, answer_of, overdue, prepared, sent_again
from .supply import Answer, Supply
from .tally import SUSPECT
from .topology import Topology
from .wire import Wire

_ASIDE = 1.0
"""Seconds for which a suspect waits before it is asked again whether another is held."""

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
        publisher: Publisher, ears: Ears, ladder: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            f"intake {owner} of {', '.join(queues)}", lambda: Wire(url, options, ears, self.wake, owner), patience
        )
        self.owner = owner
        self._queues = list(queues)
        self._options = options
        self._goes_with_its_consumer = any(options.queues.of(queue).auto_delete for queue in queues)
        self._publisher = publisher
        self._ladder = ladder
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._doubts = Doubts(self._queues, self._publisher, self._looked_into)
        self._supply = Supply(
            self._queues, self._lock, self.wake, self._doubts.given_back, keeps_consumers=self._goes_with_its_consumer
        )
        self._closed_by: ChannelClosed | None = None
        self._gone = False
        self._looked = now()

    # What others call, from any thread

    def fetch(self, credit: int, room: int | None = None) -> Completion[list[Delivery]]:
        """Claim up to `credit` due messages; see `Intake.fetch`."""
        completion: Completion[list[Delivery]] = Completion()
        if self.lane.closed:
            completion.resolve([])
            return completion
        with self._lock:
            before = self._supply.waiting
            answer = self._supply.ask(completion, credit, inf if room is None else room)
            connected = self._supply.channel is not None
            doubtful = self._supply.doubtful()
        if before is not None:
            before.resolve([])
        self._give(answer)
        if not connected:
            self.lane.nudge(lambda: completion.resolve([]))
        elif self.lane.closed:
            completion.resolve([])
        elif doubtful:
            self.wake()
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
            return Completion.of([self._supply.holding.of(tag) is not None for tag in tags])

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
        self.lane.nudge()

    # What the channel tells, on the thread that reads

    def heard(self, events: Sequence[Event]) -> None:
        """Take what was pushed, and hand it out."""
        supply, gone = self._supply, False
        with self._lock:
            for event in events:
                if isinstance(event, Delivered):
                    supply.take_in(event)
                else:
                    gone |= self._ended(event)
            answer = supply.ready_or_demand()
            unasked = supply.waiting is None and answer is None and not supply.watched
            supply.watched |= unasked
            doubtful = supply.doubtful()
        self._give(answer)
        if gone or unasked or doubtful:
            self.wake()

    def channel_closed(self, error: ChannelClosed) -> None:
        """Begin again: nothing is held any more."""
        with self._lock:
            self._closed_by = error
            self._forget_channel()
        self.wake()

    # What the session asks for, on the lane's thread

    def needed(self) -> bool:
        return self._supply.waiting is not None or bool(self._supply.holding)

    def serve(self, link: Wire) -> float | None:
        pauses = [link.tick()]
        if self._closed_by is not None:
            self._begin_again(link, self._closed_by)
        if self._gone:
            self._gone = False
            raise ConnectionError(f"{', '.join(self._queues)}: a queue was deleted, or moved to another server")
        self._look_into(link)
        pauses.append(self._doubts.tend(link))
        with self._lock:
            answer = self._supply.ready()
            pauses += [self._keep(), self._supply.watch(), self._supply.demand_again()]
        self._give(answer)
        return min((pause for pause in pauses if pause is not None), default=None)

    def opened(self, link: Wire) -> None:
        topology = Topology(link, self._options.queues)
        for queue in self._queues:
            topology.declare(queue)
        channel = link.channel(_Ears(self))
        with self._lock:
            self._closed_by, self._gone = None, False
            self._supply.open(channel)
        if self._ladder is not None:
            self._lead_to_queues(topology, self._ladder)

    def _lead_to_queues(self, topology: Topology, kind: str) -> None:
        """Make the ladder for clients that only use it, as Celery's do: what they send is lost where there is none."""
        try:
            for queue in self._queues:
                topology.delay(queue, kind)
                for binding in self._options.queues.of(queue).bindings:
                    if binding.exchange and binding.kind != "direct":
                        topology.delay_exchange(binding.exchange, kind)
        except ChannelClosed as error:
            logger.warning("%s: clients cannot have messages wait in the broker: %s", self.lane.name, error)

    def lost(self, link: Wire) -> None:
        self._doubts.disconnected()
        with self._lock:
            self._forget_channel()

    def disappoint(self, error: BrokerUnavailable | BrokerRefused, asked_before: float) -> None:
        with self._lock:
            waiting = self._supply.waiting
            if waiting is None or self._supply.asked > asked_before:
                return
            self._supply.waiting = None
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

    # Taking

    def _give(self, answer: Answer | None) -> None:
        """Answer a fetch; the lock is not held."""
        if answer is None:
            return
        answer()
        if not self._supply.watched:
            self._supply.watched = True
            self.wake()

    def _ended(self, said: Said) -> bool:
        """Note that the broker has ended a consumer; returns whether it has. With the lock held."""
        if not isinstance(said.method, amqp.Cancel) or self._supply.consumers is None:
            return False
        self._supply.consumers.ended(said.method.consumer_tag)
        self._gone = True
        return True

    def _look_into(self, link: Wire) -> None:
        """Have those counted that came before and are to be handed out; those that this took too long for go as is."""
        with self._lock:
            doubtful = [] if self._doubts.busy else self._supply.doubtful()
            for held in doubtful:
                held.doubtful = held.key is None
            uncounted = [held for held in doubtful if held.doubtful]
            suspects = not any(held.deaths >= SUSPECT for held in self._supply.holding.unsettled())
        if uncounted:
            self._doubts.look_into(link, uncounted, suspects=suspects)

    def _looked_into(self, held: Sequence[Held]) -> None:
        """Hand out what was counted, and have wait what may not be yet; on any thread."""
        with self._lock:
            self._supply.holding.put_aside([one for one in held if one.doubtful], unix_time() + _ASIDE, now())
            answer = self._supply.ready()
        self._give(answer)
        self.wake()

    # Holding

    def _keep(self) -> float | None:
        """Give back, to take it again, what was held for long; returns the seconds until something is due.

        With the lock held.
        """
        delayed = self._supply.holding.delayed
        if now() >= self._looked + self.hold_limit / 10:
            self._looked = now()
            self._supply.give_back(delayed.pop_held_since(now() - self.hold_limit))
        due = delayed.next_due()
        if due is None:
            return None
        until = max(0.0, due - unix_time()) if self._supply.waiting is not None else self.hold_limit
        return min(until, self.hold_limit / 10)

    def _forget_channel(self) -> None:
        """Hold nothing any more, which nobody has died of. With the lock held."""
        self._doubts.given_back(self._supply.holding.unsettled())
        self._supply.close()

    def _give_back(self) -> None:
        """Return everything, and wait until the broker has it. On the lane's thread."""
        with self._lock:
            waiting, self._supply.waiting = self._supply.waiting, None
        if waiting is not None:
            waiting.resolve([])
        if self.link is None:
            return
        try:
            self.attempt(self._return_everything)
        except (BrokerUnavailable, BrokerRefused) as error:
            logger.warning("%s: what it held stays so until the broker finds it gone: %s", self.lane.name, error)

    def _return_everything(self, link: Wire) -> None:
        supply = self._supply
        channel, consumers = supply.channel, supply.consumers
        if channel is None or consumers is None:
            return
        with self._lock:
            resting = consumers.rest()
        for ended in resting:
            link.wait(ended)
        with self._lock:
            supply.give_back(supply.holding.give_up())
        channel.call(amqp.Qos(0, 1, False), amqp.QosOk)  # its answer says that the rest has come through
        self._doubts.finish(link)

    # Settling

    def _claim(self, outcomes: Sequence[Outcome]) -> list[Held | None]:
        claimed: list[Held | None] = []
        with self._lock:
            for outcome in outcomes:
                held = self._supply.holding.of(outcome.tag)
                if held is not None:
                    self._supply.holding.claim(outcome.tag)  # a tag settles once
                claimed.append(held)
        return claimed

    def _release(self, outcomes: Sequence[Outcome]) -> None:
        with self._lock:
            self._supply.holding.release(outcomes)

    def _dispose(self, outcomes: Sequence[Outcome], claimed: dict[int, Held]) -> Completion[set[int]]:
        """Do with the messages what the verdicts say; resolves with the tags of those that were still held."""
        supply = self._supply
        with self._lock:
            channel, holding = supply.channel, supply.holding
            held = {tag: one for tag, one in claimed.items() if holding.is_held(tag, one)}
            if channel is None or not held:
                return Completion.of(set())
            back = [one for one in outcomes if one.verdict is Verdict.REQUEUE and one.tag in held]
            returned = {one.tag for one in back}
            supply.rest_unless_wanted(returning=bool(back))
            done = holding.acknowledge(channel, [one for tag, one in held.items() if tag not in returned])
            done += holding.give_back(channel, [held[one.tag] for one in back if one.delay <= 0])
            for one in back:
                if one.delay > 0:
                    holding.delayed.add(held[one.tag], unix_time() + one.delay, now())
            for tag in held:
                holding.forget(tag)
            with channel.wire.sending:
                channel.send(done)
                fence = channel.request(amqp.Qos(0, 1, False))  # its answer says that the rest has come through
        if self._note_ends(back, held) or any(one.delay > 0 for one in back):
            self.wake()
        return answer_of(fence, set(held))

    def _note_ends(self, back: Sequence[Outcome], held: Mapping[int, Held]) -> bool:
        """Note what became of messages that were counted; returns whether there were any."""
        returned = {one.tag for one in back}
        self._doubts.given_back(held[one.tag] for one in back if one.delay <= 0)
        self._doubts.ended(one for tag, one in held.items() if tag not in returned)
        return any(one.key is not None for one in held.values())
