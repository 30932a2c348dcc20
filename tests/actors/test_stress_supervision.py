"""Crashes, restarts in place and routers while threads take turns at every bytecode: nothing is lost or done twice."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ActorDead,
    ChildSpec,
    DeadLetter,
    Demand,
    DemandRouter,
    Down,
    LeastLoaded,
    MailboxFull,
    Message,
    Partitions,
    PartitionSupervisor,
    Poison,
    Ref,
    Replace,
    Router,
    Supervisor,
    System,
    WhichChildren,
    on,
)

from ..support.waiting import wait_until
from .loops import LOOPS
from .stage import PATIENCE, host_of
from .test_stress import at_once

THREADS, EACH = 4, 200
POISON = 10
"""Each of so many messages is one on which its actor crashes."""


@pytest.fixture(autouse=True)
def _every_bytecode() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(params=["shared", "pinned", *LOOPS])
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    with host_of(request.param) as host, System("stress", host) as made:
        yield made


class Oops(Exception):
    """What every tenth message leads to."""


@dataclass(frozen=True, slots=True)
class Item(Message[Any, int]):
    sender: int
    number: int

    @property
    def is_poison(self) -> bool:
        return self.number % POISON == POISON - 1


class Receiver(Actor):
    """Notes what it handles, and crashes on poison."""

    def __init__(self, noted: list[Item]) -> None:
        self.noted = noted

    @on(Item)
    def item(self, message: Item) -> int:
        self.noted.append(message)
        if message.is_poison:
            raise Oops
        return message.number


class Patient(Supervisor):
    intensity = 1_000_000

    def __init__(self, child: ChildSpec) -> None:
        self.child = child

    def children(self) -> list[ChildSpec]:
        return [self.child]


def senders(act: Callable[[Item], object]) -> list[Callable[[], None]]:
    """Return what each of the threads does: act on its items in order."""

    def send(sender: int) -> Callable[[], None]:
        def run() -> None:
            for number in range(EACH):
                act(Item(sender, number))

        return run

    return [send(sender) for sender in range(THREADS)]


def everything() -> set[Item]:
    return {Item(sender, number) for sender in range(THREADS) for number in range(EACH)}


def noted_once(noted: list[Item]) -> None:
    counts = Counter(noted)
    assert set(counts.values()) == {1}
    assert set(counts) == everything()


def test_a_restart_in_place_loses_no_mail_and_keeps_its_order(system: System) -> None:
    noted: list[Item] = []
    system.spawn(Patient, ChildSpec("child", Receiver, (noted,), in_place=True), name="top")
    child = system.get("/top/child")
    at_once(*senders(child.tell))
    wait_until(lambda: len(noted) == THREADS * EACH)
    noted_once(noted)
    for sender in range(THREADS):
        assert [item.number for item in noted if item.sender == sender] == list(range(EACH))
    assert system.dead_letters == 0
    assert child.is_alive()


def test_each_ask_of_an_actor_that_is_restarted_in_place_is_answered_once(system: System) -> None:
    noted: list[Item] = []
    system.spawn(Patient, ChildSpec("child", Receiver, (noted,), in_place=True), name="top")
    child = system.get("/top/child")
    answers: list[int] = []
    crashes: list[Item] = []

    def ask(item: Item) -> None:
        try:
            answers.append(child.ask(item, timeout=PATIENCE))
        except Oops:
            crashes.append(item)

    at_once(*senders(ask))
    noted_once(noted)
    assert len(answers) + len(crashes) == THREADS * EACH
    assert all(item.is_poison for item in crashes)
    assert len(crashes) == THREADS * EACH // POISON


def test_what_is_retried_is_handled_twice_and_in_its_place(system: System) -> None:
    noted: list[Item] = []

    class Retries(Patient):
        def decide(self, end: Any) -> Replace:
            return Replace((end.spec.id,), poison=Poison.RETRY if end.attempts < 2 else Poison.DEAD_LETTER)

    letters: list[DeadLetter] = []
    system.events.subscribe(DeadLetter, letters.append)
    system.spawn(Retries, ChildSpec("child", Receiver, (noted,), in_place=True), name="top")
    at_once(*senders(system.get("/top/child").tell))
    poison = {item for item in everything() if item.is_poison}
    wait_until(lambda: len(noted) == THREADS * EACH + len(poison))
    wait_until(lambda: len(letters) == len(poison))
    counts = Counter(noted)
    assert {item for item, count in counts.items() if count == 2} == poison
    assert {letter.message for letter in letters} == poison


def test_what_is_sent_while_an_actor_is_restarted_in_place_and_killed_is_handled_or_bounced_once(
    system: System,
) -> None:
    noted: list[Item] = []
    letters: list[Item] = []
    system.events.subscribe(DeadLetter, lambda letter: letters.append(letter.message))
    system.spawn(Patient, ChildSpec("child", Receiver, (noted,), in_place=True), name="top")
    over = threading.Event()

    def tell(item: Item) -> None:
        while True:
            ref = system.find("/top/child")
            if ref is not None:
                ref.tell(item)
                return

    def kill() -> None:
        while not over.is_set():
            ref = system.find("/top/child")
            if ref is not None:
                ref.kill()
            over.wait(0.002)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        at_once(*senders(tell))
        wait_until(lambda: len(noted) + len(letters) >= THREADS * EACH)
    finally:
        over.set()
        killer.join()
    counts = Counter([*noted, *letters])
    assert set(counts) == everything()
    assert set(counts.values()) == {1}
    assert system.get("/top").ask(WhichChildren(), timeout=PATIENCE)[0].id == "child"


def test_a_monitor_that_is_set_during_restarts_in_place_is_told_of_the_end_once(system: System) -> None:
    noted: list[Item] = []
    downs: list[Down] = []

    class Watcher(Actor):
        def on_start(self) -> None:
            for _ in range(50):
                self.monitor(child)

        @on(Down)
        def down(self, event: Down) -> None:
            downs.append(event)

    system.spawn(Patient, ChildSpec("child", Receiver, (noted,), in_place=True), name="top")
    child: Ref[Any] = system.get("/top/child")
    at_once(*senders(child.tell), lambda: system.spawn(Watcher))
    wait_until(lambda: len(noted) == THREADS * EACH)
    assert downs == []
    system.get("/top").stop(timeout=PATIENCE)
    wait_until(lambda: len(downs) == 50)


@pytest.mark.parametrize("in_place", [True, False])
def test_what_a_router_is_told_is_handled_or_a_dead_letter_once(system: System, in_place: bool) -> None:
    noted: list[Item] = []
    letters: list[Item] = []
    system.events.subscribe(DeadLetter, lambda letter: letters.append(letter.message))

    class Endless(Router):
        intensity = 1_000_000

    child = ChildSpec("child", Receiver, (noted,), in_place=in_place)
    router = system.spawn(Endless, child, 3, LeastLoaded(), name="router")
    at_once(*senders(router.tell))
    wait_until(lambda: len(noted) + len(letters) >= THREADS * EACH)
    counts = Counter([*noted, *letters])
    assert set(counts) == everything()
    assert set(counts.values()) == {1}


class Worker(Receiver):
    """Demands one item at a time."""

    def on_start(self) -> None:
        assert self.parent is not None
        self.parent.tell(Demand(self.ref))

    @on(Item)
    def item(self, message: Item) -> int:
        assert self.parent is not None
        self.parent.tell(Demand(self.ref))
        return super().item(message)


def test_what_waits_in_a_router_by_demand_is_handed_out_once_over_all_crashes(system: System) -> None:
    noted: list[Item] = []

    class Endless(DemandRouter):
        intensity = 1_000_000

    router = system.spawn(Endless, ChildSpec("child", Worker, (noted,), in_place=True), 3, name="router")
    answered: list[Item] = []

    def ask_or_tell(item: Item) -> None:
        if item.sender % 2:
            router.tell(item)
            return
        with suppress(Oops, MailboxFull):
            router.ask(item, timeout=PATIENCE)
        answered.append(item)

    at_once(*senders(ask_or_tell))
    wait_until(lambda: len(noted) == THREADS * EACH)
    noted_once(noted)
    assert len(answered) == THREADS // 2 * EACH


def test_partitions_are_found_again_after_each_crash(system: System) -> None:
    noted: list[Item] = []

    class Endless(PartitionSupervisor):
        intensity = 1_000_000

    system.spawn(Endless, ChildSpec("child", Receiver, (noted,)), 3, name="parts")
    parts: Partitions[Receiver] = Partitions(system, "/parts", 3)
    outcomes: list[str] = []

    def ask(item: Item) -> None:
        while True:
            try:
                parts.ask(item.number, item, timeout=PATIENCE)
            except ActorDead:  # it is being restarted, or has crashed before this one's turn
                continue
            except Oops:
                outcomes.append("crash")
            else:
                outcomes.append("answer")
            return

    at_once(*senders(ask))
    assert Counter(outcomes) == {
        "answer": THREADS * EACH * (POISON - 1) // POISON,
        "crash": THREADS * EACH // POISON,
    }
