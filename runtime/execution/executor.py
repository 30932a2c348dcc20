"""`Executor`: runs the tasks of messages in a pool process. A message goes in, an outcome comes out."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import msgspec

from ...actors.errors import UnderstudyError
from ...transports.errors import MalformedMessage
from ...transports.message import Outcome, Publication, Verdict
from .. import signals
from ..exceptions import (
    NotRegistered,
    TaskRevokedError,
    TimeLimitExceeded,
    WorkerLostError,
    WorkerShutdown,
    WorkerTerminate,
)
from ..results.meta import decode_meta
from ..states import REVOKED, SUCCESS
from ..task.request import NO_EMBED, Request, running
from ..times import moment, utc_now
from .conclusion import conclude, fallen
from .ended import Ended
from .opening import Refused, open_message
from .parts import part_of
from .performing import failed, perform, report, report_killed
from .soft_limit import SoftLimit
from .workshop import Workshop

if TYPE_CHECKING:
    from ..app.app import App

logger: logging.Logger = logging.getLogger("understudy.task")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Outcome).decode


class Executor:
    """Runs an app's tasks, one at a time for each thread.

    hostname: the node's name. A message passes through steps that each give a value: opened, admitted, performed,
    concluded. No message, however broken, raises anything; `WorkerShutdown` and `WorkerTerminate`, which say that the
    process has to end, pass through.
    """

    def __init__(self, app: App, hostname: str) -> None:
        self.app = app
        self.hostname = hostname
        self._shop = Workshop(app)

    def run(
        self, tag: int, queue: str, head: bytes, body: bytes, losses: int = 0, redelivered: bool = False
    ) -> Outcome:
        """Run the task of one message."""
        del losses
        opened = open_message(self._current_shop(), head, body)
        if isinstance(opened, Refused):
            return self._refuse(tag, queue, opened)
        opened.queue, opened.hostname, opened.redelivered = queue, self.hostname, redelivered
        try:
            with running(opened):
                outcome = self._admit(tag, opened) or self._execute(tag, opened)
        except (WorkerShutdown, WorkerTerminate):
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours must not cost the pool process
            return self._broken(tag, opened, error)
        if tag <= 0 and outcome.verdict is Verdict.REQUEUE:  # acknowledged before it ran: there is nothing to give back
            return Outcome(tag, follow_ups=(Publication(opened.id, queue, head, body),))
        return outcome

    def fail(self, tag: int, queue: str, head: bytes, body: bytes, losses: int, reason: str) -> Outcome:
        """Return the outcome of a message whose process died, for `reason`, once too often; nothing of it is run."""
        opened = open_message(self._current_shop(), head, body)
        request = opened.request if isinstance(opened, Refused) else opened
        request.queue, request.hostname = queue, self.hostname
        return self._dead(tag, request, WorkerLostError(reason), reason)

    def overran(self, tag: int, queue: str, head: bytes, body: bytes, limit: float) -> Outcome:
        """Return the outcome of a message whose process was killed after `limit` seconds: its task has failed."""
        opened = open_message(self._current_shop(), head, body)
        request = opened.request if isinstance(opened, Refused) else opened
        request.queue, request.hostname = queue, self.hostname
        ended = failed(TimeLimitExceeded(limit))
        outcome = self._failed(tag, request, ended, dead=None)
        if request.owner is not None:
            with running(request):
                report_killed(self._shop.procedure(request), request, ended)
        return outcome

    def close(self) -> None:
        """Say goodbye: the process ends, on purpose."""
        signals.worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)
        self.app.close()

    def _admit(self, tag: int, request: Request) -> Outcome | None:
        """Return the outcome of a task that is not to run, or None."""
        expires = request.expires
        if expires is not None and moment(expires, self._shop.zone) <= utc_now():
            return self._expire(tag, request)
        if request.redelivered and tag > 0 and self._shop.deduplicates:
            return self._concluded_before(tag, request)
        return None

    def _execute(self, tag: int, request: Request) -> Outcome:
        procedure = self._shop.procedure(request)
        if procedure.track_started and not request.ignore_result:
            self._store_started(request)
        request.entered = procedure.plain
        soft = request.timelimit[1] or procedure.soft_limit
        ended = perform(procedure, request, SoftLimit(soft) if soft else None)
        try:
            outcome = _proper(conclude(self._shop, tag, request, ended, store_errors=procedure.store_errors))
        except Exception as error:  # noqa: BLE001 - its value cannot be stored or passed on, so it has failed
            ended = failed(error)
            outcome = _proper(conclude(self._shop, tag, request, ended, store_errors=procedure.store_errors))
        report(procedure, request, ended)
        return outcome

    def _current_shop(self) -> Workshop:
        if self._shop.version != self.app.conf.version:
            self._shop = Workshop(self.app)
        return self._shop

    def _expire(self, tag: int, request: Request) -> Outcome:
        logger.info("Task %s[%s] expired: not run", request.task, request.id)
        ended = Ended(REVOKED, None, TaskRevokedError("expired"))
        signals.task_revoked.send(sender=request.owner, request=request, terminated=False, signum=None, expired=True)
        return _proper(fallen(self._shop, tag, request, ended))

    def _refuse(self, tag: int, queue: str, refused: Refused) -> Outcome:
        """Return the outcome of a message that cannot be run: a dead letter, and a failure if it says whose."""
        request, error = refused.request, refused.error
        request.queue, request.hostname = queue, self.hostname
        logger.error("message %s of queue %s is refused: %s", request.id or "without an id", queue, error)
        if isinstance(error, NotRegistered):
            signals.task_unknown.send(sender=None, message=request, exc=error, name=request.task, id=request.id)
        return self._dead(tag, request, error, str(error))

    def _broken(self, tag: int, request: Request, error: Exception) -> Outcome:
        """Return the outcome of a task that the runtime itself could not see to its end."""
        logger.error("task %s[%s] could not be concluded", request.task, request.id, exc_info=error)
        signals.task_internal_error.send(
            sender=request.owner,
            task_id=request.id,
            args=request.args,
            kwargs=request.kwargs,
            request=request,
            exception=error,
        )
        return self._dead(tag, request, error, f"the task could not be concluded: {error!r}")

    def _dead(self, tag: int, request: Request, error: BaseException, reason: str) -> Outcome:
        return self._failed(tag, request, failed(error), dead=reason)

    def _failed(self, tag: int, request: Request, ended: Ended, dead: str | None) -> Outcome:
        """Return the outcome of a task that failed without having come to its end here."""
        try:
            return _proper(fallen(self._shop, tag, request, ended, store_errors=True, dead=dead, errbacks_here=False))
        except Exception:
            logger.exception("the failure of message %s could not be told to all who wait for it", request.id)
            request.embed, request.follow_ups = NO_EMBED, ()
            return fallen(self._shop, tag, request, ended, store_errors=True, dead=dead)

    def _store_started(self, request: Request) -> None:
        try:
            self.app.results.store([self._shop.writer.started(request)]).get()
        except UnderstudyError:
            logger.exception("the start of task %s[%s] could not be stored", request.task, request.id)

    def _concluded_before(self, tag: int, request: Request) -> Outcome | None:
        """Return what is left to do for a task that has succeeded: its result is stored, its chord may not know."""
        [payload] = self.app.results.get([request.id]).get()
        if payload is None:
            return None
        meta = decode_meta(payload, self.app.conf.result_serializer, self.app.derived.accepted_results)
        if meta["status"] != SUCCESS:
            return None
        logger.info("Task %s[%s] has succeeded before, and is not run again", request.task, request.id)
        return Outcome(tag, chord=part_of(self._shop, request, SUCCESS, meta["result"]))


def _proper(outcome: Outcome) -> Outcome:
    """Return an outcome that a node can read; raises `MalformedMessage` for one that it could not.

    What follows a task goes by signatures from its message, whose options may be anything.
    """
    if outcome.follow_ups or outcome.more_results or outcome.chord is not None:
        try:
            _decode(_encode(outcome))
        except (msgspec.ValidationError, OverflowError, TypeError) as error:
            raise MalformedMessage(f"what is called after the task has an option of a wrong type: {error}") from None
    return outcome
