"""What type checkers say about refs to actors of other nodes: the same as about local ones; nothing here runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from understudy.actors import Actor, Completion, Message, Ref, System, on
from understudy.remote import Address, Remoting, join, wire


@wire("counter.add")
@dataclass(frozen=True, slots=True)
class Add(Message["Counter", int]):
    amount: int


@wire
@dataclass(frozen=True, slots=True)
class Ring(Message["Bell", str]):
    to: Ref[Counter]


@wire
class Counter(Actor):
    def __init__(self, start: int = 0) -> None:
        self._sum = start

    @on(Add)
    def add(self, message: Add) -> int:
        return message.amount


class Bell(Actor):
    pass


def right(system: System) -> None:
    remoting = join(system, "sqlite:///site.db", "frontend", actors=[Counter])
    assert_type(remoting, Remoting)
    counter = system.resolve("name://site/backend/counter", Counter)
    assert_type(counter, Ref[Counter])
    assert_type(counter.ask(Add(1)), int)
    assert_type(counter.ask(Add(1), block=False), Completion[int])
    assert_type(system.resolve("topic://news"), Ref[Any])
    assert_type(remoting.resolve(counter.address, Counter), Ref[Counter])
    assert_type(counter.address, Address)
    assert_type(remoting.spawn("backend", Counter, 5, name="guest"), Ref[Counter])
    assert_type(remoting.start("backend", Counter, name="guest"), Completion[Ref[Counter]])
    assert_type(Add(1), Add)  # the decorator changes nothing
    assert_type(Ring(counter).to, Ref[Counter])


def wrong(system: System, bell: Ref[Bell]) -> None:
    counter = system.resolve("name://site/backend/counter", Counter)
    counter.tell(Ring(counter))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    system.resolve(7)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    system.resolve("name://site/backend/counter", int)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    Ring(bell)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
