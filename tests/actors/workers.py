"""Small actors for child processes: those import this module, and should not have to import pytest."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.actors import Actor, Completion, Deferred, Down, IgnoreStart, Message, ProcessActor, Ref, on


class Oops(Exception):
    """What workers crash with."""


@dataclass(frozen=True, slots=True)
class Do(Message["Worker", Any]):
    """Call this in the child process, with the body."""

    what: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Add(Message["Worker", int]):
    number: int


class Refused(Exception):
    """What an answer may be."""


class Unsendable(Exception):
    def __init__(self) -> None:
        super().__init__("cannot be sent")
        self.lock = threading.Lock()


class Worker(ProcessActor):
    expected = (Refused,)

    def __init__(self, start: int = 0) -> None:
        self.total = start

    @on(Do)
    def do(self, message: Do) -> Any:
        return message.what(self)

    @on(Add)
    def add(self, message: Add) -> int:
        self.total += message.number
        return self.total


class Ignores(ProcessActor):
    def on_start(self) -> None:
        raise IgnoreStart


class FailsToStart(ProcessActor):
    def on_start(self) -> None:
        raise Oops("start")


class Leaves(ProcessActor):
    """Leaves its process's number in a file when it stops."""

    def __init__(self, path: str) -> None:
        self.where = path

    def on_stop(self) -> None:
        Path(self.where).write_text(str(os.getpid()))


@dataclass(frozen=True, slots=True)
class Got(Message["Worker", Any]):
    """Note something in the body's list."""

    what: Any


@dataclass(frozen=True, slots=True)
class Ask(Message["Worker", Any]):
    """Ask another actor, and return what it says."""

    whom: Ref[Any]
    message: Any
    timeout: float | None = 10.0


@dataclass(frozen=True, slots=True)
class AskLater(Message["Worker", Any]):
    """Ask another actor, and answer when it has."""

    whom: Ref[Any]
    message: Any


@dataclass(frozen=True, slots=True)
class Watch(Message["Social", None]):
    whom: Ref[Any]


class Social(Worker):
    """A body that has to do with others."""

    def __init__(self, *others: Ref[Any]) -> None:
        super().__init__()
        self.others = others
        self.got: list[Any] = []

    @on(Got)
    def note(self, message: Got) -> None:
        self.got.append(message.what)

    @on(Down)
    def noted_down(self, down: Down) -> None:
        self.got.append(("down", str(down.target), str(down.reason)))

    @on(Ask)
    def ask(self, message: Ask) -> Any:
        return message.whom.ask(message.message, timeout=message.timeout)

    @on(AskLater)
    def ask_later(self, message: AskLater) -> Any:
        return message.whom.ask(message.message, block=False)

    @on(Watch)
    def watch(self, message: Watch) -> None:
        self.monitor(message.whom)

    def add_to_total(self, number: int) -> int:
        self.total += number
        return self.total


class Patient(Social):
    """Starts and stops when it is told to."""

    def on_start(self) -> Deferred:
        self.after(0.01, Do(lambda this: this.started("info")))
        return Deferred.LATER

    def on_stop(self) -> Deferred:
        self.after(0.01, Do(lambda this: this.stopped()))
        return Deferred.LATER


@dataclass(frozen=True, slots=True)
class Say(Message["Echo", str]):
    text: str


@dataclass(frozen=True, slots=True)
class Call(Message["Echo", Any]):
    """Call this with the actor."""

    what: Callable[[Any], Any]


class Echo(Actor):
    """Answers with what it is asked; an actor without a process."""

    expected = (Refused,)

    def __init__(self, heard: Callable[[str], None] = str) -> None:
        self.heard = heard

    @on(Say)
    def say(self, message: Say) -> str:
        self.heard(message.text)
        return f"said {message.text}"

    @on(Call)
    def call(self, message: Call) -> Any:
        return message.what(self)


class Slow(Echo):
    """Answers calls when the test does."""

    def __init__(self) -> None:
        super().__init__()
        self.promised: list[Completion[str]] = []

    def call(self, message: Call) -> Completion[str]:
        self.promised.append(Completion())
        return self.promised[-1]
