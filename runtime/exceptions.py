"""Errors of tasks and canvases, by Celery's names."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..actors.errors import Timeout, UnderstudyError
from ..transports import codecs
from ..transports.errors import BrokerUnavailable

if TYPE_CHECKING:
    from .canvas.signature import Signature

ContentDisallowed = codecs.ContentDisallowed
DecodeError = codecs.DecodeError
EncodeError = codecs.EncodeError
OperationalError = BrokerUnavailable
TimeoutError = Timeout  # noqa: A001 - Celery's name


class ImproperlyConfigured(UnderstudyError):
    """The app, a task or a canvas is set up in a way that cannot work."""


class UnknownSetting(ImproperlyConfigured, AttributeError, KeyError):
    """There is no setting of that name; the message has the nearest one."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would show the message's repr


class QueueNotFound(ImproperlyConfigured, KeyError):
    """A queue was named that `task_queues` does not have, and `task_create_missing_queues` makes no others."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would show the message's repr


class AppNotFound(ImproperlyConfigured):
    """What `-A` names is not there, or holds no app."""


class NoResultBackend(ImproperlyConfigured, NotImplementedError):
    """Results are not stored, and one was asked for."""


class TaskError(UnderstudyError):
    """Root of what goes wrong with a task."""


class NotRegistered(TaskError, KeyError):
    """The app has no task of that name."""

    def __str__(self) -> str:
        return f"task {self.args[0]!r} is not registered: is its module among those that the app imports?"


class AlreadyRegistered(TaskError):
    """Another task of the app has that name."""


class MaxRetriesExceededError(TaskError):
    """The task was to be tried again, and has used up its retries."""

    def __init__(self, *args: Any, task_args: Any = (), task_kwargs: Any = None) -> None:
        super().__init__(*args)
        self.task_args = task_args
        self.task_kwargs: dict[str, Any] = dict(task_kwargs or {})


class TaskRevokedError(TaskError):
    """The task was revoked, or expired before it could run."""


class IncompleteStream(TaskError):
    """What a task has called was asked for before it has finished."""


class ChordError(TaskError):
    """A task in a chord's header failed, so that its body cannot run."""


class WorkerLostError(TaskError):
    """The process that ran the task ended before the task did."""


class TimeLimitExceeded(TaskError):
    """The task ran longer than its hard time limit, whose seconds it has as its argument; its process was killed."""

    def __str__(self) -> str:
        return f"TimeLimitExceeded{self.args}"


class SoftTimeLimitExceeded(TaskError):
    """Raised inside a task that runs longer than its soft time limit."""

    def __str__(self) -> str:
        return f"SoftTimeLimitExceeded{self.args}"


class TaskPredicate(UnderstudyError):
    """Root of what a task raises to say what is to become of it; not errors."""


class Retry(TaskPredicate):
    """The task is to be tried again; raised by `Task.retry`.

    when: seconds, a datetime, or None for at once. exc: the error that led to it. sig: the task as it will be called.
    """

    def __init__(
        self,
        message: str | None = None,
        exc: BaseException | None = None,
        when: float | datetime | None = None,
        *,
        is_eager: bool = False,
        sig: Signature[Any] | None = None,
    ) -> None:
        super().__init__(message, repr(exc) if exc else None, when)
        self.message = message
        self.exc = exc
        self.when = when
        self.is_eager = is_eager
        self.sig = sig

    def __str__(self) -> str:
        if self.message:
            return self.message
        moment = (
            f"in {self.when}s" if isinstance(self.when, (int, float)) else f"at {self.when}" if self.when else "now"
        )
        return f"Retry {moment}: {self.exc!r}" if self.exc else f"Retry {moment}"


class Ignore(TaskPredicate):
    """The task has taken care of its own state: nothing is stored."""


class Reject(TaskPredicate):
    """The message goes to the dead letter queue, or with `requeue` back to its queue."""

    def __init__(self, reason: object = None, requeue: bool = False) -> None:
        super().__init__(reason, requeue)
        self.reason = reason
        self.requeue = requeue

    def __str__(self) -> str:
        return f"reject requeue={self.requeue}: {self.reason}"


class WorkerShutdown(SystemExit):
    """The worker is to stop, warm; passes through a running task."""


class WorkerTerminate(SystemExit):
    """The worker is to stop at once; passes through a running task."""
