"""What nodes say to each other beside their actors' messages: the bodies of system envelopes."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import msgspec

from ..errors import ActorDead, MailboxFull, Timeout, WouldBlock
from ..reasons import Error, ExitReason, Kill, Killed, NoConnection, NoProc, Normal, Shutdown
from .envelope import UNREADABLE
from .errors import NotDecodable, NotEncodable, RemoteError


class Reason(msgspec.Struct, array_like=True, frozen=True):
    """An exit reason: the name of its class and, for some, what it says."""

    name: str
    text: str | None = None
    traceback: str = ""


class Failure(msgspec.Struct, array_like=True, frozen=True):
    """Why an ask was not answered: the name of an error's class, what it says, and more where there is more."""

    name: str
    text: str
    traceback: str = ""
    reason: Reason | None = None


class Frame(msgspec.Struct, array_like=True, tag=str.lower):
    """Root of the frames; one is a msgpack array of its name and its fields."""


class Beat(Frame):
    """The node is there, and says so every `interval` seconds. booted: unix seconds.

    hello: it has just joined, and wants to know who else is there.
    """

    node: str
    booted: float
    interval: float
    hello: bool = False


class Goodbye(Frame):
    """The node leaves."""

    node: str
    booted: float


class Watch(Frame):
    """Somebody wants to know when an actor ends; uid is 0 where whoever holds the path is meant."""

    monitor: int
    path: str
    uid: int


class Unwatch(Frame):
    """... and does not any more."""

    monitor: int


class Watching(Frame):
    """The answer: which incarnation is watched."""

    monitor: int
    uid: int


class Ended(Frame):
    """A watched actor has ended."""

    monitor: int
    reason: Reason


class Digest(Frame):
    """What a node watches on another, in one number: where the other comes to a different one, a frame was lost."""

    checksum: int


class Recount(Frame):
    """Say all that you watch here."""


class Watches(Frame):
    """All that the sender watches on the receiver."""

    watches: list[Watch]


class StopActor(Frame):
    """Stop an actor in order; answered when it has ended."""

    path: str
    uid: int
    reason: Reason


class ExitActor(Frame):
    """Send an actor an exit signal."""

    path: str
    uid: int
    reason: Reason


class CountWaiting(Frame):
    """Say how many messages wait in an actor's mailbox; answered with that, 0 where nobody holds the path."""

    path: str
    uid: int


class SpawnActor(Frame):
    """Start an actor of a class that the node offers, by its name; answered with its ref."""

    actor: str
    name: str
    restart: str
    ctype: str
    arguments: bytes


AnyFrame = (
    Beat
    | Goodbye
    | Watch
    | Unwatch
    | Watching
    | Ended
    | Digest
    | Recount
    | Watches
    | StopActor
    | ExitActor
    | CountWaiting
    | SpawnActor
)

encode: Callable[[Frame | Failure], bytes] = msgspec.msgpack.Encoder().encode
_decode_frame: Callable[[bytes], AnyFrame] = msgspec.msgpack.Decoder(AnyFrame).decode
_decode_failure: Callable[[bytes], Failure] = msgspec.msgpack.Decoder(Failure).decode


def decode_frame(body: bytes) -> AnyFrame:
    """Return the frame; raises `NotDecodable`, for one of a newer release too."""
    try:
        return _decode_frame(body)
    except UNREADABLE as error:
        raise NotDecodable(f"what another node said is not understood here: {error}") from error


_REASONS: dict[str, type[ExitReason]] = {
    kind.__name__: kind for kind in (Normal, Shutdown, Kill, Killed, NoProc, NoConnection)
}


def write_reason(reason: ExitReason) -> Reason:
    """Return an exit reason as it travels: details as text, an exception as its message and traceback."""
    if isinstance(reason, Error):
        return Reason("Error", reason.message, reason.traceback)
    if isinstance(reason, Shutdown):
        return Reason("Shutdown", None if reason.detail is None else str(reason.detail))
    name = type(reason).__name__
    return Reason(name) if name in _REASONS else Reason("Error", str(reason))


def read_reason(reason: Reason) -> ExitReason:
    """Return the exit reason; one that this release does not know is an `Error` that says its name."""
    if reason.name == "Shutdown":
        return Shutdown(reason.text)
    kind = _REASONS.get(reason.name)
    return Error(reason.text or reason.name, reason.traceback) if kind is None else kind()


_FAILURES: dict[str, Callable[[str], Exception]] = {
    kind.__name__: kind for kind in (MailboxFull, Timeout, NotDecodable, NotEncodable)
}


def write_failure(error: BaseException) -> bytes:
    """Return the error of an ask, as it travels."""
    if isinstance(error, ActorDead):
        reason = write_reason(error.reason) if isinstance(error.reason, ExitReason) else None
        return encode(Failure("ActorDead", str(error), reason=reason))
    if isinstance(error, WouldBlock):
        return encode(Failure("MailboxFull", f"its mailbox is full: {error}"))
    if type(error).__name__ in _FAILURES and isinstance(error, (MailboxFull, Timeout, NotDecodable, NotEncodable)):
        return encode(Failure(type(error).__name__, str(error)))
    trace = "".join(traceback.format_exception(error))
    return encode(Failure(f"!{type(error).__name__}", _text(error), trace))


def read_failure(body: bytes) -> Exception:
    """Return the error that the asker gets; raises `NotDecodable`."""
    try:
        failure = _decode_failure(body)
    except UNREADABLE as error:
        raise NotDecodable(f"the error of another node is not understood here: {error}") from error
    if failure.name == "ActorDead":
        return ActorDead(failure.text, None if failure.reason is None else read_reason(failure.reason))
    make = _FAILURES.get(failure.name)
    if make is not None:
        return make(failure.text)
    return RemoteError(failure.name.removeprefix("!"), failure.text, failure.traceback)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an error that cannot say what it is is an error all the same
        return ""
