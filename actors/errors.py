"""Errors of the kernel; every error of this project descends from `UnderstudyError`."""

from __future__ import annotations

from typing import Any

import pykka


class UnderstudyError(Exception):
    """Root of every error that this project raises on purpose."""


class Timeout(UnderstudyError, pykka.Timeout, TimeoutError):
    """What was waited for did not come in time."""


class ActorDead(UnderstudyError, pykka.ActorDeadError):
    """The actor ended before it could answer; `reason` says how it ended.

    `reason` is an `ExitReason`, or None where it is not known any more.
    """

    def __init__(self, message: str, reason: object = None) -> None:
        super().__init__(message)
        self.reason = reason


class MailboxFull(UnderstudyError):
    """A bounded mailbox with the policy `reject` had no room."""


class WouldBlock(UnderstudyError):
    """A blocking wait was tried inside a turn on a shared dispatcher, which would starve its other actors."""


class AlreadyResolved(UnderstudyError):
    """A completion was set twice."""


class NameTaken(UnderstudyError):
    """The name is held by a living actor; `ref` is that actor."""

    def __init__(self, message: str, ref: Any) -> None:
        super().__init__(message)
        self.ref = ref


class StartFailed(UnderstudyError):
    """An actor did not finish its start; `reason` is its `ExitReason`, or None where it chose not to run."""

    def __init__(self, message: str, reason: Any) -> None:
        super().__init__(message)
        self.reason = reason


class Unhandled(UnderstudyError):
    """The actor takes no such message."""


class ChildCrashed(UnderstudyError):
    """A child of an actor that is no supervisor ended abnormally; its parent ends with it."""


class SystemStopped(UnderstudyError):
    """The actor system has been stopped."""
