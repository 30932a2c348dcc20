"""What the tests of remote actors stand on: several nodes of one simulated network, and actors that are spoken to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from understudy.actors import Actor, ChildSpec, Completion, DeadLetter, Down, Message, Ref, Supervisor, System, on
from understudy.actors.remote import Remoting, wire
from understudy.actors.remote.simulated import SimulatedBus
from understudy.testing import Simulation

INTERVAL = 1.0
NETWORK = "shop"


@wire
@dataclass(frozen=True, slots=True)
class Add(Message["Counter", int]):
    """Count so many up; answered with the sum."""

    amount: int = 1


@wire("counter.fail")
@dataclass(frozen=True, slots=True)
class Fail(Message["Counter", None]):
    """Crash."""

    text: str = "told to"


@wire
@dataclass(frozen=True, slots=True)
class Hang(Message["Counter", int]):
    """Answer never."""


@wire
@dataclass(frozen=True, slots=True)
class Note(Message[Any, None]):
    """Something to be noted."""

    value: Any


@wire
@dataclass(frozen=True, slots=True)
class Introduce(Message["Counter", Ref[Any]]):
    """Tell somebody a note; answered with one's own ref."""

    to: Ref[Any]
    others: tuple[Ref[Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Watch(Message["Observer", None]):
    """Monitor somebody."""

    target: Ref[Any]


@wire
class Counter(Actor):
    """Keeps a sum and notes."""

    def __init__(self, value: int = 0, notes: list[Any] | None = None) -> None:
        self.value = value
        self.notes: list[Any] = [] if notes is None else notes

    @on(Add)
    def add(self, message: Add) -> int:
        self.value += message.amount
        return self.value

    @on(Fail)
    def fail(self, message: Fail) -> None:
        raise ValueError(message.text)

    @on(Hang)
    def hang(self, _: Hang) -> Completion[int]:
        return Completion()

    @on(Note)
    def note(self, message: Note) -> None:
        self.notes.append(message.value)

    @on(Introduce)
    def introduce(self, message: Introduce) -> Ref[Any]:
        for ref in (message.to, *message.others):
            ref.tell(Note(self.path))
        return self.ref


class Observer(Actor):
    """Notes the ends of those whom it watches."""

    def __init__(self) -> None:
        self.downs: list[tuple[str, Any]] = []

    @on(Watch)
    def watch(self, message: Watch) -> None:
        self.monitor(message.target)

    @on(Down)
    def down(self, event: Down) -> None:
        self.downs.append((event.target.path, event.reason))


class Shop(Supervisor):
    """Keeps a counter."""

    intensity = 100

    def children(self) -> Sequence[ChildSpec]:
        return [ChildSpec("counter", Counter)]


@dataclass
class Node:
    """One node: a system of its own on the simulated host, as a process is."""

    world: World
    name: str
    system: System
    remoting: Remoting
    letters: list[DeadLetter] = field(default_factory=list)

    def spawn(self, actor_class: Any, *args: Any, name: str) -> Any:
        return self.system.spawn(actor_class, *args, name=name)

    def actor(self, path: str) -> Any:
        """The actor itself, to look into."""
        ref = self.system.find(path)
        assert ref is not None, self.system.paths()
        return ref._actor_weakref()

    def name_of(self, path: str) -> str:
        return f"name://{NETWORK}/{self.name}{path}"

    def kill(self) -> None:
        """Kill -9."""
        self.world.bus.vanish(self.system)


class World:
    """A bus and the nodes that have joined it."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.bus = SimulatedBus(simulation)

    def join(self, name: str, *, wait: bool = True, **options: Any) -> Node:
        """Start a node, and wait until it hears itself."""
        system = self.simulation.add_system(NETWORK)
        remoting = self.bus.join(system, name, **{"interval": INTERVAL, **options})
        node = Node(self, name, system, remoting)
        system.events.subscribe(DeadLetter, node.letters.append)
        if wait:
            self.simulation.run(until=remoting.joined.done)
        return node

    def pair(self) -> tuple[Node, Node]:
        """Two nodes that have heard of each other."""
        one, other = self.join("one"), self.join("other")
        self.simulation.run(until=lambda: self.acquainted(one, other))
        return one, other

    def acquainted(self, *nodes: Node) -> bool:
        return all(
            other.remoting.node in node.remoting.directory.present
            for node in nodes
            for other in nodes
            if other is not node
        )

    def cut(self, node: Node) -> None:
        self.bus.cut_off(node.name)

    def mend(self) -> None:
        self.simulation.chaos.network.mend()

    def run(self, seconds: float) -> None:
        self.simulation.run(seconds=seconds)
