"""What a supervisor answers where it cannot do what it was asked (OTP's error terms, as exceptions)."""

from __future__ import annotations

from typing import Any

from ..errors import UnderstudyError


class SupervisorError(UnderstudyError):
    """Root of a supervisor's refusals."""


class BadSpec(SupervisorError):
    """A child spec or a supervisor's flags make no sense; says which field, and what it may be."""


class DuplicateId(BadSpec):
    """Two children of one supervisor have the same id, or ids that read the same in a path."""


class UnknownStrategy(BadSpec):
    """There is no such strategy, or not for this kind of supervisor."""


class BadIntensity(BadSpec):
    """A restart intensity is a number of restarts, and a period is seconds."""


class AlreadyStarted(SupervisorError):
    """A child of that id is running; `ref` is it."""

    def __init__(self, message: str, ref: Any) -> None:
        super().__init__(message)
        self.ref = ref


class AlreadyPresent(SupervisorError):
    """A child of that id is specified, and not running: restart or delete it."""


class ChildNotFound(SupervisorError):
    """There is no child of that id."""


class ChildRunning(SupervisorError):
    """The child is running: terminate it first."""


class ChildRestarting(SupervisorError):
    """The child is about to be restarted."""


class TooManyChildren(SupervisorError):
    """The supervisor has `max_children` already."""


class ChildStartError(SupervisorError):
    """The child did not finish its start; `reason` is its `ExitReason`."""

    def __init__(self, message: str, reason: Any) -> None:
        super().__init__(message)
        self.reason = reason
