"""Threads that take turns at every bytecode: nothing is lost, nothing is done twice.

The simulator orders whole turns; these tests see to what it cannot reach, the lines in which threads meet.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    Bound,
    Completion,
    DeadLetter,
    Down,
    Exited,
    MailboxFull,
    Message,
    System,
    ThreadHost,
    on,
)
from understudy.actors.hosts.api import Host
from understudy.actors.hosts.parking import Gate

from ..support.waiting import wait_until
from .loops import LOOPS
from .stage import host_of

THREADS = 4
EACH = 300


@pytest.fixture(autouse=True)
def _every_bytecode() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(*acts: Callable[[], object]) -> None:
    """Run functions on threads of their own, and raise what one of them raised."""
    barrier = threading.Barrier(len(acts))
    errors: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


@dataclass(frozen=True, slots=True)
class Item(Message[Any, int]):
    sender: int
    number: int


class Receiver(Actor):
    def __init__(self, handled: list[Item]) -> None:
        self.handled = handled

    @on(Item)
    def take(self, message: Item) -> int:
        self.handled.append(message)
        return message.number


@contextmanager
def two_dispatchers() -> Iterator[Host]:
    yield ThreadHost(2)


@pytest.fixture(params=["shared", "two", "pinned", *LOOPS])
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    made = two_dispatchers() if request.param == "two" else host_of(request.param)
    with made as host, System("stress", host) as system:
        yield system


def fresh_dead_letters(system: System) -> list[Item]:
    letters: list[Item] = []
    system.events.subscribe(DeadLetter, lambda letter: letters.append(letter.message))
    return letters


def assert_in_order(items: list[Item]) -> None:
    last = Counter[int]()
    for item in items:
        assert item.number == last[item.sender], f"{item} is out of order"
        last[item.sender] += 1


def test_nothing_is_lost_or_handled_twice_or_out_of_order(system: System) -> None:
    handled: list[Item] = []
    receiver = system.spawn(Receiver, handled)

    def send(sender: int) -> None:
        for number in range(EACH):
            receiver.tell(Item(sender, number))

    at_once(*(lambda sender=sender: send(sender) for sender in range(THREADS)))
    receiver.ask(Item(THREADS, 0), timeout=10)
    assert len(handled) == THREADS * EACH + 1
    assert_in_order(handled)


@pytest.mark.parametrize("end", ["kill", "stop"])
@pytest.mark.parametrize("ask", [False, True], ids=["tell", "ask"])
def test_what_is_sent_while_an_actor_ends_is_handled_or_bounced_once(system: System, end: str, ask: bool) -> None:
    """Conservation: sent = handled + dead-lettered (or answered + refused)."""
    for _ in range(30):
        handled: list[Item] = []
        letters = fresh_dead_letters(system)
        receiver = system.spawn(Receiver, handled)
        answers: list[list[Completion[int]]] = [[] for _ in range(THREADS)]

        def send(sender: int, receiver: Any = receiver, handled: list[Item] = handled, answers: Any = answers) -> None:
            for number in range(50):
                item = Item(sender, number)
                if ask:
                    answers[sender].append(receiver.ask(item, block=False))
                else:
                    receiver.tell(item)
                if sender == 0 and number == 20:
                    receiver.kill() if end == "kill" else receiver.stop(block=False)

        at_once(*(lambda sender=sender: send(sender) for sender in range(THREADS)))
        receiver.stop(timeout=10)
        if ask:
            done = [answer for of_sender in answers for answer in of_sender]
            outcomes = Counter(type(answer.error()) for answer in done if wait(answer))
            assert outcomes.total() == THREADS * 50
            assert outcomes[type(None)] <= len(handled) <= outcomes[type(None)] + 1  # one may have been abandoned
        else:
            # A killed turn may still have one message in hand.
            wait_until(lambda h=handled, d=letters: len(h) + len(d) >= THREADS * 50, what="conservation")
            assert len(handled) + len(letters) == len({*handled, *letters}) == THREADS * 50
        assert_in_order(handled)


def wait(answer: Completion[Any]) -> bool:
    """Wait until `answer` is done, however it ends."""
    try:
        answer.get(timeout=10)
    except TimeoutError:
        return False
    except Exception:  # noqa: BLE001 - an outcome as good as any
        return True
    return True


@pytest.mark.parametrize("overflow", ["block", "reject", "drop_new", "drop_old", "dead_letter"])
def test_a_bounded_mailbox_loses_nothing_silently(system: System, overflow: str) -> None:
    """Conservation: sent = handled + dead-lettered + refused, under each policy."""
    handled: list[Item] = []
    letters = fresh_dead_letters(system)
    bounded = type("Bounded", (Receiver,), {"mailbox": Bound(5, overflow)})
    receiver = system.spawn(bounded, handled)
    refused: list[Item] = []

    def send(sender: int) -> None:
        for number in range(EACH):
            try:
                receiver.tell(Item(sender, number))
            except MailboxFull:
                refused.append(Item(sender, number))

    at_once(*(lambda sender=sender: send(sender) for sender in range(THREADS)))
    receiver.stop(timeout=10)
    everything = handled + letters + refused
    assert len(everything) == THREADS * EACH
    assert len(set(everything)) == THREADS * EACH
    if overflow == "block":
        assert not refused


def test_a_completion_that_many_set_has_one_outcome_and_calls_back_once() -> None:
    for _ in range(300):
        completion: Completion[int] = Completion()
        won: list[int] = []
        called: list[int] = []

        def set_it(value: int, completion: Completion[int] = completion, won: list[int] = won) -> None:
            if completion.resolve(value):
                won.append(value)

        def listen(completion: Completion[int] = completion, called: list[int] = called) -> None:
            completion.add_done_callback(lambda done: called.append(done.get()))

        at_once(lambda s=set_it: s(1), listen, lambda s=set_it: s(2), listen)
        assert len(won) == 1
        assert called == [completion.get()] * 2


def test_asks_across_threads_all_come_back(system: System) -> None:
    receivers = [system.spawn(Receiver, []) for _ in range(THREADS)]

    def ask(sender: int) -> None:
        for number in range(EACH):
            assert receivers[(sender + number) % THREADS].ask(Item(sender, number), timeout=10) == number

    at_once(*(lambda sender=sender: ask(sender) for sender in range(THREADS)))


def test_a_gate_loses_no_wake() -> None:
    gate = Gate()
    for _ in range(2_000):
        parked = threading.Thread(target=gate.wait, args=(10,))
        parked.start()
        gate.wake()
        parked.join(5)
        assert not parked.is_alive()


class Sparrow(Actor):
    """Lives shortly."""

    @on(Item)
    def die(self, message: Item) -> int:
        raise RuntimeError("short")


def test_starts_stops_and_kills_at_the_same_moment_leave_nothing_behind(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "understudy.actors")

    def live(sender: int) -> None:
        for number in range(30):
            ref = system.spawn(Sparrow, timeout=10)
            ref.tell(Item(sender, number))
            match number % 3:
                case 0:
                    ref.kill()
                case 1:
                    ref.stop(timeout=10)
                case _:
                    ref.stop(block=False)

    at_once(*(lambda sender=sender: live(sender) for sender in range(THREADS)))
    assert system.stop(timeout=10)
    assert system.paths() == []


def test_monitors_and_links_that_meet_an_end_are_told_once(system: System) -> None:
    class Watching(Actor):
        trap_exit = True

        def __init__(self, told: Counter[Any]) -> None:
            self.told = told

        @on(Down)
        def down(self, event: Down) -> None:
            self.told[event.monitor] += 1

        @on(Exited)
        def exited(self, event: Exited) -> None:
            self.told[event.source] += 1

        def watch(self, target: Any) -> int:
            self.link(target)
            return self.monitor(target)

        def nothing(self) -> None:
            """Answer."""

    told: Counter[Any] = Counter()
    watcher = system.spawn(Watching, told).proxy()
    for _ in range(100):
        target = system.spawn(Receiver, [])
        monitors: list[int] = []
        at_once(lambda t=target, m=monitors: m.append(watcher.watch(t).get(timeout=10)), target.kill)
        target.stop(timeout=10)
        # An exit signal is on its way to becoming a message while the watcher takes the next one.
        wait_until(lambda t=target, m=monitors: told[m[0]] and told[t])
        watcher.nothing().get(timeout=10)
        assert (told[monitors[0]], told[target]) == (1, 1)
