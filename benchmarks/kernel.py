"""Measure the kernel: tell, ask, hop, restart, memory, spawn, timers; pykka's ThreadingActor beside it in the same run.

Run: `python -m benchmarks.kernel [--rounds N] [--scale F] [--profile]`, best on an otherwise quiet machine.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import logging
import pstats
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pykka

from understudy.actors import (
    Actor,
    ChildRestarted,
    ChildSpec,
    CountChildren,
    DynamicSupervisor,
    Message,
    Ref,
    StartChild,
    Supervisor,
    System,
    on,
)

from .report import Report, Row

MICRO = 1e6
RING = 1_000
PYKKA_RING = 50
"""Of threads; a thousand would measure the operating system."""


# -- actors of ours ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Count(Message["Counter", int]):
    amount: int


@dataclass(frozen=True, slots=True)
class Await(Message["Counter", None]):
    """Open the gate once so much has been counted."""

    total: int
    gate: threading.Event


class Counter(Actor):
    """Counts what it is told."""

    def __init__(self) -> None:
        self.total = 0
        self.awaited: Await | None = None

    @on(Count)
    def count(self, message: Count) -> int:
        self.total += message.amount
        if self.awaited is not None:
            self.check()
        return self.total

    @on(Await)
    def wait_for(self, message: Await) -> None:
        self.awaited = message
        self.check()

    def call_within(self, act: Callable[[Any], Any]) -> Any:
        """Call `act` inside a turn."""
        return act(self)

    def check(self) -> None:
        if self.awaited is not None and self.total >= self.awaited.total:
            self.awaited.gate.set()
            self.awaited = None
            self.total = 0


@dataclass(slots=True)
class Hop(Message["Node", None]):
    """The one message that goes around; it counts for itself, so that a hop is all that is measured."""

    left: int
    done: threading.Event


@dataclass(frozen=True, slots=True)
class Follow(Message["Node", None]):
    """Who is next."""

    successor: Ref[Any]


class Node(Actor):
    """One of a ring: passes on what it gets, until it has been passed often enough."""

    successor: Ref[Any]

    @on(Follow)
    def follow(self, message: Follow) -> None:
        self.successor = message.successor

    @on(Hop)
    def hop(self, message: Hop) -> None:
        if message.left:
            message.left -= 1
            self.successor.tell(message)
        else:
            message.done.set()


@dataclass(frozen=True, slots=True)
class Call(Message[Any, Any]):
    """Call this inside a turn."""

    act: Callable[[Any], Any]


class Anything(Actor):
    """Does what it is told."""

    @on(Call)
    def call(self, message: Call) -> Any:
        return message.act(self)


class AnythingPinned(Anything):
    """The same on a thread of its own, where it may wait."""

    pinned = True


# -- the same with pykka -----------------------------------------------------------------------------------------------


class PykkaCounter(pykka.ThreadingActor):
    """Counts what it is told, and tells once it has come so far."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, int):
            self.total += message
            return self.total
        total, gate = message
        if self.total < total:
            self.actor_ref.tell(message)
        else:
            self.total = 0
            gate.set()
        return None


class PykkaNode(pykka.ThreadingActor):
    """One of a ring."""

    def __init__(self) -> None:
        super().__init__()
        self.successor: Any = None

    def on_receive(self, message: Any) -> None:
        left, done = message
        if isinstance(left, int):
            if left:
                self.successor.tell((left - 1, done))
            else:
                done.set()
        else:
            self.successor = left


# -- measuring ---------------------------------------------------------------------------------------------------------


def timed(operations: int, act: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that `act` takes, and its CPU microseconds per operation."""
    gc.collect()
    cpu, began = time.process_time(), time.perf_counter()
    act()
    return time.perf_counter() - began, (time.process_time() - cpu) * MICRO / operations


def rates(rounds: int, operations: int, act: Callable[[], object]) -> tuple[list[float], list[float]]:
    """Return operations a second, and CPU per operation, of each round; a first one warms up."""
    measured = [timed(operations, act) for _ in range(rounds + 1)][1:]
    return [operations / seconds for seconds, _ in measured], [cpu for _, cpu in measured]


def tells(ref: Any, producers: int, messages: int, one: Any, done: Callable[[int, threading.Event], Any]) -> None:
    """Tell from so many threads, and wait until all has been handled."""
    each = messages // producers

    def produce() -> None:
        tell = ref.tell
        for _ in range(each):
            tell(one)

    gate = threading.Event()
    threads = [threading.Thread(target=produce) for _ in range(producers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ref.tell(done(each * producers, gate))
    assert gate.wait(120), "not every message was handled"


def latencies(count: int, ask: Callable[[], object]) -> tuple[float, float]:
    """Return the median and the 99th percentile of the microseconds that a call takes."""
    clock = time.perf_counter
    times = []
    for _ in range(count):
        began = clock()
        ask()
        times.append(clock() - began)
    times.sort()
    return times[count // 2] * MICRO, times[count * 99 // 100] * MICRO


def bare_round_trips(count: int) -> float:
    """Return the median of the microseconds that two threads take to wake each other: no ask can take less."""
    there = threading.Lock()
    there.acquire()
    callers: list[Any] = []

    def answer() -> None:
        for _ in range(count):
            there.acquire()
            callers.pop().release()

    def call() -> None:
        here = threading.Lock()
        here.acquire()
        callers.append(here)
        there.release()
        here.acquire()

    answering = threading.Thread(target=answer)
    answering.start()
    half, _ = latencies(count, call)
    answering.join()
    return half


def resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def in_a_fresh_process(measure: str, count: int) -> float:
    """Return what a function of this module prints for `count` in a process that has done nothing before."""
    quiet = "import logging; logging.disable(logging.CRITICAL)"  # a turn that starts so many is a slow one
    program = f"{quiet}; from benchmarks.kernel import {measure}; print({measure}({count}))"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def memory_of_ours(count: int) -> float:
    """Return the KiB that each of `count` idle actors takes."""
    with System("memory") as system:
        parent = system.spawn(Anything)
        parent.ask(Call(lambda this: [this.spawn(Counter) for _ in range(10)]), timeout=120)
        gc.collect()
        before = resident()
        parent.ask(Call(lambda this: [this.spawn(Counter) for _ in range(count)]), timeout=120)
        parent.ask(Call(lambda _: None), timeout=120)
        return (resident() - before) / 1024 / count


def memory_of_theirs(count: int) -> float:
    """Return the KiB that each of `count` idle pykka actors takes."""
    actors = [PykkaCounter.start()]
    gc.collect()
    before = resident()
    actors += [PykkaCounter.start() for _ in range(count)]
    grown = (resident() - before) / 1024 / count
    for actor in actors:
        actor.stop()
    return grown


# -- measures ----------------------------------------------------------------------------------------------------------


class Measures:
    """Each method measures one thing, ours and pykka's where it has such a thing."""

    def __init__(self, system: System, report: Report, rounds: int, scale: float) -> None:
        self.system = system
        self.report = report
        self.rounds = rounds
        self.scale = scale

    def many(self, count: int) -> int:
        """Return how often to do what is done `count` times at full scale."""
        return max(100, int(count * self.scale))

    def tell(self) -> None:
        counter = self.system.spawn(Counter)
        theirs = PykkaCounter.start()
        messages = self.many(200_000)
        for producers in (1, 4):
            ours, cpu = rates(self.rounds, messages, lambda p=producers: tells(counter, p, messages, Count(1), Await))
            peer, _ = rates(self.rounds, messages, lambda p=producers: tells(theirs, p, messages, 1, lambda *a: a))
            name = f"tell, {producers} producer{'s' if producers > 1 else ''}"
            self.report.add(Row(name, "/s", ours, peer, 1e6, cpu))
        theirs.stop()

    def ask(self) -> None:
        counter = self.system.spawn(Counter)
        theirs = PykkaCounter.start()
        asker = self.system.spawn(AnythingPinned)
        count = self.many(10_000)
        message = Count(1)

        def from_actor() -> tuple[float, float]:
            within = Call(lambda _: latencies(count, lambda: counter.ask(message)))
            return asker.ask(within, timeout=120)  # type: ignore[no-any-return]

        outside, inside, pykkas, bare = [], [], [], []
        for _ in range(self.rounds):
            bare.append(bare_round_trips(count))
            outside.append(latencies(count, lambda: counter.ask(message)))
            inside.append(from_actor())
            pykkas.append(latencies(count, lambda: theirs.ask(1)))
        for place, name in enumerate(("p50", "p99")):
            target = 10.0 if name == "p50" else None
            peer = [each[place] for each in pykkas]
            self.report.add(Row(f"ask from a thread, {name}", "us", [each[place] for each in outside], peer, target))
            self.report.add(Row(f"ask from a pinned actor, {name}", "us", [each[place] for each in inside], peer))
        self.report.add(Row("two bare locks between two threads, p50", "us", bare))
        theirs.stop()

    def hop(self) -> None:
        nodes = self.ring()
        hops = self.many(300_000)
        ours, cpu = rates(self.rounds, hops, lambda: self.around(nodes, hops))
        theirs = [PykkaNode.start() for _ in range(PYKKA_RING)]
        for place, node in enumerate(theirs):
            node.ask((theirs[(place + 1) % PYKKA_RING], None))
        fewer = hops // 10

        def around() -> None:
            done = threading.Event()
            theirs[0].tell((fewer, done))
            assert done.wait(120)

        peer, _ = rates(self.rounds, fewer, around)
        self.report.add(Row(f"hop around {RING:,} actors on one dispatcher", "/s", ours, peer, 1e6, cpu))
        for node in theirs:
            node.stop()

    def ring(self) -> list[Ref[Any]]:
        """Return actors of which each passes on to the next."""
        parent = self.system.spawn(Anything)
        nodes: list[Ref[Any]] = parent.ask(Call(lambda this: [this.spawn(Node) for _ in range(RING)]), timeout=60)
        for place, node in enumerate(nodes):
            node.ask(Follow(nodes[(place + 1) % RING]), timeout=60)
        return nodes

    def around(self, nodes: list[Ref[Any]], hops: int) -> None:
        """Pass a message around so often."""
        done = threading.Event()
        nodes[0].tell(Hop(hops, done))
        assert done.wait(120), "the message got lost"

    def restart(self) -> None:
        """Measure restarts where they happen, and as a thread sees them that waits: two wake-ups of a thread more."""

        class Troupe(Supervisor):
            period = 1e-6  # restarts that are further apart are no loop

            def children(self) -> list[ChildSpec]:
                return [ChildSpec("child", Anything)]

        troupe = self.system.spawn(Troupe)
        restarted = threading.Semaphore(0)
        clock = time.perf_counter
        began, took = 0.0, list[float]()

        def crash(_: Any) -> None:
            nonlocal began
            began = clock()
            raise ZeroDivisionError

        def started_again(_: ChildRestarted) -> None:
            took.append((clock() - began) * MICRO)
            restarted.release()

        bad = Call(crash)

        def tell_and_wait() -> None:
            child = self.system.find(f"{troupe.path}/child")
            assert child is not None
            child.tell(bad)
            assert restarted.acquire(timeout=60)

        unsubscribe = self.system.events.subscribe(ChildRestarted, started_again)
        count = self.many(2_000)
        inside, outside, cpu = [], [], []
        for _ in range(self.rounds):
            took.clear()
            _, spent = timed(count, lambda: outside.append(latencies(count, tell_and_wait)[0]))
            inside.append(median(took))
            cpu.append(spent)
        unsubscribe()
        self.report.add(Row("supervised restart, crash to started again, p50", "us", inside, [], 100.0))
        self.report.add(Row("the same, from a thread that tells and waits, p50", "us", outside, [], None, cpu))

    def spawn(self) -> None:
        parent = self.system.spawn(Anything)
        crowd = self.system.spawn(DynamicSupervisor)
        count = self.many(5_000)

        def children() -> None:
            parent.ask(Call(lambda this: [this.spawn(Anything) for _ in range(count)]), timeout=60)
            newest = parent.ask(Call(lambda this: this.spawn(Anything)), timeout=60)
            newest.ask(Call(lambda _: None), timeout=60)

        def supervised(first: list[int] = [0]) -> None:  # noqa: B006 - ids that are never used again
            answers = [crowd.ask(StartChild(ChildSpec(first[0] + n, Anything)), block=False) for n in range(count)]
            answers[-1].get(timeout=60)
            first[0] += count

        def pykkas() -> None:
            for _ in range(count // 10):
                PykkaCounter.start()
            pykka.ActorRegistry.stop_all()

        for name, act in (("child of an actor", children), ("child of a supervisor", supervised)):
            measured = [timed(count, act) for _ in range(self.rounds)]
            peer = [timed(count, pykkas)[0] * MICRO / (count // 10) for _ in range(self.rounds)]
            values = [seconds * MICRO / count for seconds, _ in measured]
            target = 20.0 if act is children else None
            self.report.add(Row(f"spawn a {name}", "us", values, peer, target, [cpu for _, cpu in measured]))
        assert crowd.ask(CountChildren(), timeout=60).active == self.rounds * count
        crowd.stop(timeout=60)

    def crowd(self) -> None:
        """Start and stop supervisors of more and more idle children: the microseconds for each must not grow."""

        class Crowd(Supervisor):
            concurrent_stop = True

            def __init__(self, size: int) -> None:
                self.size = size

            def children(self) -> list[ChildSpec]:
                return [ChildSpec(number, Anything) for number in range(self.size)]

        each: dict[str, dict[int, float]] = {"start": {}, "stop": {}}
        for size in (self.many(1_000), self.many(10_000), self.many(100_000)):
            crowds: list[Ref[Any]] = []
            starting, _ = timed(size, lambda n=size, c=crowds: c.append(self.system.spawn(Crowd, n, timeout=120)))
            stopping, _ = timed(size, lambda c=crowds: c[0].stop(timeout=120))
            each["start"][size], each["stop"][size] = starting * MICRO / size, stopping * MICRO / size
        for what, measured in each.items():
            few, _, many = measured
            self.report.add(Row(f"{what} a supervisor of {many:,} idle children, for each", "us", [measured[many]]))
            growth = measured[many] / measured[few]
            self.report.add(Row(f"the same against one of {few:,}", "x", [growth], [], 3.0))

    def memory(self) -> None:
        """Measure each in a process of its own: where others have left memory behind, it would be used again."""
        count, theirs = self.many(20_000), max(50, self.many(2_000) // 4)
        values = [in_a_fresh_process("memory_of_ours", count) for _ in range(self.rounds)]
        peer = [in_a_fresh_process("memory_of_theirs", theirs) for _ in range(self.rounds)]
        self.report.add(Row("memory of an idle actor", "KiB", values, peer, 4.0))

    def timers(self) -> None:
        counter = self.system.spawn(Counter)
        count = self.many(100_000)
        one = Count(1)

        def set_them(this: Any, delay: float) -> None:
            for _ in range(count):
                this.after(delay, one)

        def never() -> None:
            actor = self.system.spawn(Anything)
            actor.ask(Call(lambda this: set_them(this, 3600.0)), timeout=60)
            actor.stop()

        def at_once() -> None:
            gate = threading.Event()
            counter.proxy().call_within(lambda this: set_them(this, 0.0)).get(timeout=60)
            counter.tell(Await(count, gate))
            assert gate.wait(60), "not every timer fired"

        for name, act, target in (("set", never, 1.0), ("set and fire", at_once, None)):
            measured = [timed(count, act) for _ in range(self.rounds)]
            values = [seconds * MICRO / count for seconds, _ in measured]
            self.report.add(Row(f"{count:,} timers: {name}", "us", values, [], target, [cpu for _, cpu in measured]))

    def profile(self, hops: int) -> None:
        """Print where the time of a dispatcher goes while it passes a message around."""
        nodes = self.ring()
        profiler = cProfile.Profile()
        starter = self.system.spawn(Anything)
        starter.ask(Call(lambda _: profiler.enable()), timeout=10)
        self.around(nodes, hops)
        starter.ask(Call(lambda _: profiler.disable()), timeout=10)
        pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(15)


MEASURES: tuple[Callable[[Measures], None], ...] = (
    Measures.tell,
    Measures.ask,
    Measures.hop,
    Measures.restart,
    Measures.spawn,
    Measures.crowd,
    Measures.memory,
    Measures.timers,
)


def main() -> None:
    """Run the measurements, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="how much of each to do")
    parser.add_argument("--only", help="measures by name, with commas between them")
    parser.add_argument("--profile", action="store_true", help="show where the time of a dispatcher goes")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/kernel.json"))
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    report = Report("The kernel", "pykka", ("pykka",))
    with System("benchmark") as system:
        measures = Measures(system, report, arguments.rounds, arguments.scale)
        if arguments.profile:
            measures.profile(measures.many(300_000))
            return
        for measure in MEASURES:
            if arguments.only is None or measure.__name__ in arguments.only.split(","):
                measure(measures)
    report.show()
    report.write(arguments.json)


if __name__ == "__main__":
    main()
