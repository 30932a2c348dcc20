"""`RedisIntake`: takes messages from queues, has those wait that are not due, and settles them by their outcomes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from ...actors.completion import Completion
from ..errors import LeaseLost
from ..lane import now, unix_time
from ..message import Delivery, Outcome, Verdict
from ..redis_results.store import DAY
from ..settlement import bind
from . import scripts
from .bells import Bells
from .envelope import opened, unwrapped
from .holding import Held, Holding
from .keys import field_prefix
from .lease import Lease
from .packing import packed
from .settlements import Settlements, Work
from .settling import Clerk, entry

if TYPE_CHECKING:
    from .packing import Command
    from .transport import RedisTransport

AT_ONCE = 500
"""Messages that one fetch takes at most."""
LOOK_SECONDS = 1.0
"""Seconds after which an intake that waits looks by itself: others may have had messages wait that are due by now."""
CHORD_RETRY = 1.0
_TAGS = 1000
"""Tags for each fetch: a tag is the number of the fetch and the place of the message in it."""

logger: logging.Logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    """A fetch that is not answered. number: how the server tells it from others. room: bytes, 0 for any."""

    number: int
    credit: int
    room: int
    completion: Completion[list[Delivery]]
    since: float


class RedisIntake:
    """One owner's claim on some queues. Thread-safe; answers come on the thread that hears the connection."""

    def __init__(self, transport: RedisTransport, queues: Sequence[str], owner: str) -> None:
        self.owner = owner
        self.queues: tuple[str, ...] = tuple(queues)
        self._boot, _, self._epoch = owner.rpartition(".")
        self._transport = transport
        self._options = transport.options
        self._keys = keys = transport.options.keys
        self._line = transport.line
        self._hub = transport.hub
        self._publisher = transport.publisher()
        self._fields = field_prefix(owner)
        self._shared = (keys.unacked_key, keys.index_key, keys.node(self._boot))
        self._lists = {queue: keys.lists(queue) for queue in self.queues}
        clerk = Clerk(owner, keys, self._publisher, self._options.dead_letter_expires, DAY)
        said = self._epoch, self._fields
        self._settlements = Settlements(self._line, clerk, self._shared, said, transport.results().state)
        self._bells = Bells(
            [key for lists in self._lists.values() for key in lists],
            transport.bell_line,
            self._options.reply_timeout,
        )
        self._lock = threading.RLock()
        self._holding = Holding()
        self._waiting: _Waiting | None = None
        self._fetches = 0
        self._looking = 0
        """Looks that are not answered."""
        self._heard_of = 0
        self._drained = False
        """Whether the last fetch has brought less than it might have: to look at once would bring nothing."""
        self._promote_at: float | None = None
        self._closed = False
        self._lease = Lease(transport, self.queues, owner, self._held_fields, self._lose)
        self._keep()

    # What others call, from any thread

    def fetch(self, credit: int, room: int | None = None) -> Completion[list[Delivery]]:
        """Claim up to `credit` due messages; see `Intake.fetch`."""
        completion: Completion[list[Delivery]] = Completion()
        with self._lock:
            if self._closed:
                return Completion.of([])
            before, self._waiting = self._waiting, self._next_fetch(credit, room or 0, completion)
            self._lease.enter_again()
            if self._drained:
                self._wait(self._waiting, None)
            else:
                self._look()
        if before is not None:
            before.completion.resolve([])
        return completion

    def settle(self, outcomes: Sequence[Outcome]) -> Completion[list[bool]]:
        """Carry out outcomes in one step on the server; see `Intake.settle`."""
        if any(one.exchange for outcome in outcomes for one in outcome.follow_ups):
            return bind(self._publisher.addressed(outcomes), self.settle)
        with self._lock:
            held = [self._holding.get(outcome.tag) for outcome in outcomes]
        ours = [one is not None or outcome.tag == 0 for outcome, one in zip(outcomes, held, strict=True)]
        if not any(ours):
            return Completion.of(ours)
        work = [pair for pair, own in zip(zip(outcomes, held, strict=True), ours, strict=True) if own]
        return self._settlements.carry_out(work, self._settled).then(lambda done: _spread(ours, done))

    def holds(self, tags: Sequence[int]) -> Completion[list[bool]]:
        """Tell which messages are held, as far as the server knows; see `Intake.holds`."""
        if not tags or self._closed:
            return Completion.of([False] * len(tags))
        asked = [("HEXISTS", self._keys.unacked_key, f"{self._fields}{tag}") for tag in tags]
        replies = self._line.call_all([("HEXISTS", self._shared[2], self._epoch), *asked])
        return replies.then(lambda said: [bool(said[0] and there) for there in said[1:]])

    def renew(self) -> Completion[bool]:
        """Renew the lease; see `Intake.renew`. The intake does so by itself, too."""
        return self._lease.renew()

    def close(self) -> Completion[None]:
        """Give back every unsettled message; see `Intake.close`."""
        with self._lock:
            if self._closed:
                return Completion.of(None)
            self._closed = True
            waiting, self._waiting = self._waiting, None
            tags = self._holding.tags()
            work = [(Outcome(tag, Verdict.REQUEUE), self._holding.get(tag)) for tag in tags]
            commands = self._settlements.commands(work)
            self._holding.clear()
        commands.append(self._lease.leaving())
        if waiting is not None:
            waiting.completion.resolve([])
        left = bind(self._line.call_all(commands), lambda replies: self._recover_strays(int(replies[-1])))
        closed: Completion[None] = Completion()
        closed.waiter = left.waiter
        left.add_done_callback(lambda done: self._end(done, closed))
        return closed

    # Keeping, closing

    def _lose(self) -> None:
        with self._lock:
            self._holding.clear()
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.completion.fail(LeaseLost(f"{self.owner} lost its lease: it holds nothing any more"))

    def _keep(self) -> None:
        """Renew the lease, and look whether something is due, as long as this process lives."""
        if self._closed:
            return
        self._lease.keep()
        with self._lock:
            if self._is_overdue():
                self._look()
        self._hub.after(min(self._options.lease / 4, LOOK_SECONDS), self._keep)

    def _is_overdue(self) -> bool:
        """Whether to look by itself, unless what comes is on its way: it would come twice, however large it is."""
        waiting = self._waiting
        if waiting is None or self._looking or self._bells.ringing or now() < waiting.since + LOOK_SECONDS:
            return False
        waiting.since = now()
        return True

    def _held_fields(self) -> list[str]:
        with self._lock:
            return [f"{self._fields}{tag}" for tag in self._holding.tags()]

    def _recover_strays(self, last: int) -> Completion[Any]:
        """Give back what was handed out as the intake closed, and never heard of."""
        with self._lock:
            missed = last > self._heard_of
        return self._transport.sweeper.recover(self._boot) if missed else Completion.of(None)

    def _end(self, done: Completion[Any], closed: Completion[None]) -> None:
        error = done.error()
        if error is not None:
            logger.warning("%s: what it held stays so until its lease runs out: %s", self.owner, error)
        self._bells.close()
        self._transport.forget(self)
        closed.resolve(None)

    # Taking

    def _next_fetch(self, credit: int, room: int, completion: Completion[list[Delivery]]) -> _Waiting:
        self._fetches += 1
        return _Waiting(self._fetches, max(1, min(credit, AT_ONCE)), room, completion, now())

    def _look(self) -> None:
        """Ask for messages; what the waiting fetch was given before, and was not heard of, comes again."""
        self._drained = False
        if self._waiting is not None:
            number = self._waiting.number
            self._looking += 1
            asked = self._line.call_all([self._fetch_command(self._waiting, again=True)])
            asked.add_done_callback(lambda done: self._seen(number, done))

    def _seen(self, number: int, done: Completion[list[Any]]) -> None:
        with self._lock:
            self._looking -= 1
        self._heard(number, done, rung=False)

    def _fetch_command(self, waiting: _Waiting, *, again: bool) -> Command:
        queues = self._in_turn(waiting.number)
        keys = [key for queue in queues for key in (self._keys.delayed(queue), *self._lists[queue])]
        return scripts.run(
            scripts.FETCH,
            (*self._shared, *keys),
            self._epoch,
            waiting.number,
            waiting.credit,
            self._fields,
            waiting.number * _TAGS + 1,
            "1" if again else "0",
            len(self._keys.steps),
            waiting.room,
            *map(msgspec.json.encode, queues),
        )

    def _in_turn(self, number: int) -> tuple[str, ...]:
        """Return the queues, for each fetch with another one at the front."""
        first = number % len(self.queues)
        return self.queues[first:] + self.queues[:first]

    def _heard(self, number: int, done: Completion[list[Any]], *, rung: bool) -> None:
        error = done.error()
        with self._lock:
            waiting = self._waiting
            if waiting is None:
                return  # a bell rings late: its fetch was answered, or will be given back
            if waiting.number != number or (rung and error is not None):
                if rung:
                    self._look()
                return
            deliveries, failure = self._judge(waiting, done)
            if failure is None and not deliveries:
                return
            self._waiting = None
        if failure is not None:
            waiting.completion.fail(failure)
        else:
            waiting.completion.resolve(deliveries)

    def _judge(self, waiting: _Waiting, done: Completion[list[Any]]) -> tuple[list[Delivery], BaseException | None]:
        """Return what a fetch has brought; where it is nothing yet, go on waiting."""
        error = done.error()
        if error is not None:
            return [], error
        state, due, *items = done.get()[-1]
        if state < 0:
            self._holding.clear()
            return [], LeaseLost(f"{self.owner} holds no lease: open an intake with the next epoch")
        if not items:
            self._wait(waiting, float(due) if due else None)
            return [], None
        self._heard_of = waiting.number
        brought = sum(map(len, items[1::2]))
        self._drained = len(items) // 2 < waiting.credit and (not waiting.room or brought < waiting.room)
        deliveries = self._take(waiting.number, items)
        if not deliveries:
            self._waiting = self._next_fetch(waiting.credit, waiting.room, waiting.completion)
            self._look()
        return deliveries, None

    def _take(self, number: int, items: Sequence[Any]) -> list[Delivery]:
        queues, lists = self._in_turn(number), len(self._keys.steps)
        deliveries: list[Delivery] = []
        parked: list[tuple[str, str, bytes, float]] = []
        for place in range(0, len(items), 2):
            tag = number * _TAGS + 1 + place // 2
            which: int = items[place]
            item: bytes = items[place + 1]
            if which < 0:
                item, queue, key = unwrapped(item, self._keys)
                step = self._lists[queue].index(key)
            else:
                queue, step = queues[which // lists], which % lists
            message = opened(item)
            if message.due and message.due > unix_time():
                waits = entry(tag, self.owner, step, item)
                parked.append((f"{self._fields}{tag}", self._keys.delayed(queue), waits, message.due - unix_time()))
                continue
            self._holding.add(tag, Held(queue, self._lists[queue][step], step, item, message.losses))
            counts = message.losses, message.redelivered, message.deaths
            deliveries.append(Delivery(tag, queue, message.head, message.body, *counts))
        if parked:
            self._park(parked)
        return deliveries

    def _wait(self, waiting: _Waiting, due: float | None) -> None:
        """Wait for a message to come, and for the next one to be due."""
        if due is not None:
            self._promote_in(due)
        number = waiting.number
        self._bells.arm(self._fetch_command(waiting, again=False), lambda done: self._heard(number, done, rung=True))

    # Messages that are not due

    def _park(self, parked: Sequence[tuple[str, str, bytes, float]]) -> None:
        self._line.call(*scripts.run(scripts.PARK, self._shared, self._epoch, packed(parked)))
        self._promote_in(min(one[3] for one in parked))

    def _promote_in(self, seconds: float) -> None:
        at = now() + seconds
        if self._promote_at is None or at < self._promote_at:
            self._promote_at = at
            self._hub.after(seconds, lambda: self._promote(at))

    def _promote(self, at: float) -> None:
        if self._promote_at != at or self._closed:
            return  # another time is sooner
        self._promote_at = None
        for queue in self.queues:
            keys = (self._keys.delayed(queue), *self._lists[queue])
            self._line.call(*scripts.run(scripts.PROMOTE, keys)).add_done_callback(self._promoted)

    def _promoted(self, done: Completion[bytes]) -> None:
        if done.error() is None and done.get():
            self._promote_in(float(done.get()))

    # Settling

    def _settled(self, work: Work, said: str) -> list[bool]:
        with self._lock:
            self._holding.forget(outcome.tag for (outcome, _), digit in zip(work, said, strict=True) if digit != "2")
        for (outcome, _), digit in zip(work, said, strict=True):
            if digit == "2":
                self._hub.after(CHORD_RETRY, lambda outcome=outcome: self.settle([outcome]))
        for (outcome, held), digit in zip(work, said, strict=True):
            if digit == "1" and outcome.delay > 0 and held is not None:
                self._promote_in(outcome.delay)
        return [digit != "0" for digit in said]


def _spread(ours: Sequence[bool], done: Sequence[bool]) -> list[bool]:
    """Return an answer for each outcome: False for those that were not ours, else what was `done`, in order."""
    answers = iter(done)
    return [own and next(answers) for own in ours]
