"""Why an actor ended: values, compared by what they say (Erlang/OTP, reference manual, processes)."""

from __future__ import annotations

import traceback
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExitReason:
    """Root of the exit reasons."""

    @property
    def abnormal(self) -> bool:
        """Whether a transient child would be restarted after it, and a report be logged."""
        return True

    def __str__(self) -> str:
        return type(self).__name__.lower()


@dataclass(frozen=True, slots=True)
class Normal(ExitReason):
    """The actor finished by itself."""

    @property
    def abnormal(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Shutdown(ExitReason):
    """The actor was told to end, or ended in an ordered way; `detail` says more."""

    detail: object = None

    @property
    def abnormal(self) -> bool:
        return False

    def __str__(self) -> str:
        return "shutdown" if self.detail is None else f"shutdown ({self.detail})"


@dataclass(frozen=True, slots=True)
class Killed(ExitReason):
    """The actor was killed: none of its code ran after it."""


@dataclass(frozen=True, slots=True)
class Kill(ExitReason):
    """The untrappable order to die when sent explicitly; an ordinary reason when it comes through a link."""


@dataclass(frozen=True, slots=True)
class NoProc(ExitReason):
    """There was no such actor."""

    def __str__(self) -> str:
        return "no such actor"


@dataclass(frozen=True, slots=True)
class NoConnection(ExitReason):
    """The actor's node cannot be reached; the actor may be alive."""

    def __str__(self) -> str:
        return "no connection"


@dataclass(frozen=True, slots=True)
class Error(ExitReason):
    """The actor's code raised; two errors are equal when they read the same.

    culprit: the message that it was handling, if one. It crosses processes as text: `exception` and `culprit` stay
    behind.
    """

    message: str
    text: str = field(default="", compare=False, repr=False)
    exception: BaseException | None = field(default=None, compare=False, repr=False)
    culprit: object = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, error: BaseException, culprit: object = None) -> Error:
        """Return the reason for an exception that was raised, on a message if on one."""
        try:
            message = f"{type(error).__name__}: {error}"
        except Exception:  # noqa: BLE001 - an error that cannot say what it is is an error all the same
            message = type(error).__name__
        return cls(message, exception=error, culprit=culprit)

    @property
    def traceback(self) -> str:
        """The traceback as text; it is written when somebody reads it, since that takes longer than a restart."""
        return self.text if self.exception is None else "".join(traceback.format_exception(self.exception))

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[Error], tuple[str, str]]:
        return Error, (self.message, self.traceback)


@dataclass(frozen=True, slots=True)
class FailedStart:
    """The detail of a supervisor's `Shutdown` whose child `id` did not start; `reason` is that child's."""

    id: Hashable
    reason: ExitReason

    def __str__(self) -> str:
        return f"child {self.id!r} did not start: {self.reason}"


NORMAL = Normal()
SHUTDOWN = Shutdown()
KILLED = Killed()
KILL = Kill()
NO_PROC = NoProc()
