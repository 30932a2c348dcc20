"""`Administered`: what an administrator may ask of a supervisor, with OTP's answers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ..actor import on
from ..completion import Completion
from ..errors import NameTaken
from ..reasons import Error, ExitReason
from ..ref import Ref
from .children import Child
from .errors import AlreadyStarted, ChildStartError, SupervisorError
from .jobs import Job, Procedure, T
from .messages import (
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from .spec import ChildSpec, Restart
from .stagehand import Stagehand


class Administered(Stagehand):
    """Carries out requests one after the other, each as a job of its own."""

    @on(StartChild)
    def start_child(self, request: StartChild) -> Completion[Ref[Any] | None]:
        """See `StartChild`."""
        return self._promise(self._start_child(request.spec))

    @on(TerminateChild)
    def terminate_child(self, request: TerminateChild) -> Completion[None]:
        """See `TerminateChild`."""
        return self._promise(self._terminate_child(request.id))

    @on(RestartChild)
    def restart_child(self, request: RestartChild) -> Completion[Ref[Any] | None]:
        """See `RestartChild`."""
        return self._promise(self._restart_child(request.id))

    @on(DeleteChild)
    def delete_child(self, request: DeleteChild) -> Completion[None]:
        """See `DeleteChild`."""
        return self._promise(self._delete_child(request.id))

    @on(WhichChildren)
    def which_children(self, _: WhichChildren) -> list[ChildInfo]:
        """See `WhichChildren`."""
        return self._children.infos()

    @on(CountChildren)
    def count_children(self, _: CountChildren) -> ChildCounts:
        """See `CountChildren`."""
        return self._children.counts()

    def _promise(self, procedure: Procedure[T]) -> Completion[T]:
        """Run an administrator's procedure as a job, and promise what it returns."""
        promise: Completion[T] = Completion()
        self._jobs.add(self._keep(promise, procedure))
        return promise

    def _keep(self, promise: Completion[T], procedure: Procedure[T]) -> Job:
        try:
            promise.resolve((yield from procedure))
        except SupervisorError as error:
            promise.fail(error)

    def _start_child(self, spec: ChildSpec) -> Procedure[Ref[Any] | None]:
        child = self._children.add(spec)
        failure = yield from self._start_one(child)
        if failure is not None:
            self._children.forget(child)
        self._check_started(child, failure)
        return child.ref

    def _terminate_child(self, child_id: Hashable) -> Procedure[None]:
        child = self._children.get(child_id)
        child.restarting = False
        yield from self._stop_all([child])
        if child.spec.restart is Restart.TEMPORARY or not self.keeps_specs:
            self._children.forget(child)

    def _restart_child(self, child_id: Hashable) -> Procedure[Ref[Any] | None]:
        child = self._children.idle(child_id)
        self._check_started(child, (yield from self._start_one(child)))
        return child.ref

    def _delete_child(self, child_id: Hashable) -> Procedure[None]:
        self._children.forget(self._children.idle(child_id))
        yield from ()

    def _check_started(self, child: Child, failure: ExitReason | None) -> None:
        cause = failure.exception if isinstance(failure, Error) else None
        if isinstance(cause, NameTaken):
            raise AlreadyStarted(str(cause), cause.ref) from cause
        if failure is not None:
            raise ChildStartError(f"child {child.spec.id!r} did not start: {failure}", failure) from cause
