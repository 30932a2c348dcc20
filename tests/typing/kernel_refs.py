"""What type checkers say about what may be told and asked, and what comes back; nothing here runs.

A wrong line says so to both checkers: an expected error that does not come is an error itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from understudy.actors import (
    Actor,
    AsyncioHost,
    ChildCounts,
    ChildInfo,
    ChildSpec,
    Completion,
    CountChildren,
    Deferred,
    Down,
    Message,
    Ref,
    StartChild,
    Supervisor,
    System,
    WhichChildren,
    on,
)


@dataclass(frozen=True, slots=True)
class Add(Message["Counter", int]):
    amount: int


@dataclass(frozen=True, slots=True)
class Reset(Message["Counter", None]):
    pass


@dataclass(frozen=True, slots=True)
class Ring(Message["Bell", str]):
    pass


@dataclass(frozen=True, slots=True)
class Tick(Message[Any, None]):
    """For anybody."""


class Counter(Actor):
    def __init__(self, value: int = 0) -> None:
        self.value = value

    @on(Add)
    def add(self, message: Add) -> int:
        assert_type(message, Add)
        return self.value + message.amount

    @on(Reset)
    def reset(self, message: Reset) -> None:
        me: Ref[Counter] = self.ref
        me.tell(Add(1))

    @on(Down)
    def down(self, event: Down) -> None:
        assert_type(event.target, Ref[Any])

    @on(Reset)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    def wrong(self, message: Add) -> None:
        """A method must take what it is marked for."""


class LoudCounter(Counter):
    pass


class Bell(Actor):
    @on(Ring)
    def ring(self, message: Ring) -> Completion[str]:
        return Completion.of("ding")


def right(counter: Ref[Counter], bell: Ref[Bell], loud: Ref[LoudCounter]) -> None:
    counter.tell(Add(1))
    counter.tell(Tick())
    assert_type(counter.ask(Add(1)), int)
    assert_type(counter.ask(Add(1), timeout=1.0), int)
    assert_type(counter.ask(Add(1), block=True), int)
    assert_type(counter.ask(Add(1), block=False), Completion[int])
    assert_type(bell.ask(Ring()), str)
    assert_type(bell.ask(Ring(), block=False).then(len), Completion[int])
    assert_type(loud.ask(Add(1)), int)  # a subclass takes what its base takes
    general: Ref[Counter] = loud
    anybody: Ref[Actor] = counter
    anybody.tell(Tick())
    general.stop()
    assert_type(counter.stop(), bool)
    assert_type(counter.stop(block=False), Completion[bool])
    bell.ask(Ring(), block=False).pipe_to(counter, lambda ding: Add(len(ding)), lambda error: Reset())


def wrong(counter: Ref[Counter], bell: Ref[Bell], anybody: Ref[Actor]) -> None:
    counter.tell(Ring())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    counter.tell("add")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bell.ask(Add(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    anybody.tell(Add(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    text: str = counter.ask(Add(1))  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    bells: Ref[Bell] = counter  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    del text, bells


class Patient(Counter):
    """Handlers and hooks may be coroutines."""

    async def on_start(self) -> None:
        await self.ref.ask(Add(1), block=False)

    async def on_stop(self) -> Deferred | None:
        return Deferred.LATER

    @on(Add)
    async def add(self, message: Add) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return message.amount


async def awaited(counter: Ref[Counter]) -> None:
    assert_type(await counter.ask(Add(1), block=False), int)
    async with System("loop", AsyncioHost()) as system:
        assert_type(await system.start(Patient), Ref[Patient])
        assert_type(await system.stop(block=False), bool)
    assert_type(system.stop(), bool)


def supervised(system: System, supervisor: Ref[Supervisor], counter: Ref[Counter]) -> None:
    assert_type(system.spawn(Counter, 5, name="counter"), Ref[Counter])
    assert_type(system.start(Counter), Completion[Ref[Counter]])
    assert_type(system.find("/counter"), Ref[Any] | None)
    assert_type(supervisor.ask(WhichChildren()), list[ChildInfo])
    assert_type(supervisor.ask(CountChildren()), ChildCounts)
    assert_type(supervisor.ask(StartChild(ChildSpec("a", Counter))), Ref[Any] | None)
    counter.ask(WhichChildren())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ChildSpec("a", dict)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
