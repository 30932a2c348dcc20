"""What travels between an actor's stand-in and the child process with its body."""

from __future__ import annotations

import io
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import cloudpickle

from ..errors import UnderstudyError
from ..ref import Ref

if TYPE_CHECKING:
    from ..actor import Actor
    from ..reasons import ExitReason
    from .likeness import Likeness

Name = Callable[[Ref[Any]], object]
"""Returns what stands for a ref in a frame."""
Find = Callable[[Any], Ref[Any]]
"""Returns the ref that something stands for."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Make the body and start it. `ref` is the actor's own, `parent` its parent's."""

    body: type[Actor]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    ref: Ref[Any]
    parent: Ref[Any] | None
    system: str


@dataclass(frozen=True, slots=True)
class Act:
    """What the body is to do: `receive` a message, `on_stop`, or take the `Outcome` of what it asked (`answered`)."""

    method: str
    message: Any = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an ask of the body's own came to: a value, or an error."""

    number: int
    value: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What the body, amid an act, wants done in the actor's process: a method of `Services`."""

    service: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """Stands for a completion that the body will resolve."""

    number: int


@dataclass(frozen=True, slots=True)
class Acted:
    """What the body, or a service, returned.

    stop: why the body wants to end, where it does. dropped: the refs that it has no more. likeness: what proxies find.
    """

    value: Any
    stop: ExitReason | None = None
    dropped: list[int] = field(default_factory=list[int])
    likeness: Likeness | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """What the body, or a service, raised."""

    error: BaseException


Frame = Setup | Act | Call | Acted | Failed


class _Pickler(cloudpickle.Pickler):
    """Pickles what a script defines, too; refs by what stands for them."""

    def __init__(self, file: io.BytesIO, name: Name) -> None:
        super().__init__(file)  # pyright: ignore[reportUnknownMemberType]
        self._name = name

    def persistent_id(self, obj: Any) -> Any:
        return self._name(cast("Ref[Any]", obj)) if isinstance(obj, Ref) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, find: Find) -> None:
        super().__init__(file)
        self._find = find

    def persistent_load(self, pid: Any) -> Any:
        return self._find(pid)


def dump(frame: Frame, name: Name) -> bytes:
    """Return a frame as bytes; raises what pickling raises where something in it cannot be sent."""
    file = io.BytesIO()
    _Pickler(file, name).dump(frame)  # pyright: ignore[reportUnknownMemberType]
    return file.getvalue()


def load(data: bytes, find: Find) -> Any:
    """Return the frame of these bytes; both ends are one program."""
    return _Unpickler(io.BytesIO(data), find).load()


def failure(error: BaseException, name: Name, find: Find) -> bytes:
    """Return the frame of an error; one that cannot be sent is told in words."""
    try:
        frame = dump(Failed(error), name)
        load(frame, find)
    except Exception:  # noqa: BLE001 - whatever its class does when it is pickled
        text = f"{type(error).__name__}: {error}"
        return dump(Failed(UnderstudyError(f"{text} (of a class that cannot be sent)")), name)
    return frame


def noted(error: BaseException) -> BaseException:
    """Return an error with a note of where it was raised, which its pickle would lose."""
    error.add_note(f"in a child process:\n{''.join(traceback.format_exception(error))}")
    return error
