"""`Stagehand`: starts and stops single children; what supervisors are made of."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

from ..actor import Actor, on
from ..events import ChildStopFailed
from ..messages import ChildStarted, Start, StopSignal
from ..reasons import SHUTDOWN, Error, ExitReason
from ..ref import Ref
from .children import Child, Children
from .decisions import ends_as_told
from .jobs import Job, Jobs, Procedure
from .messages import StopOverdue
from .spec import Restart

logger: logging.Logger = logging.getLogger("understudy.actors")


class Stagehand(Actor):
    """Has records of children, and procedures that start and stop one of them; it decides nothing."""

    keeps_specs: ClassVar[bool] = True
    """Whether the spec of a child that ended for good is kept, unless it is temporary, so that it can be restarted."""

    _children: Children
    _jobs: Jobs

    @on(ChildStarted)
    def child_started(self, event: ChildStarted) -> None:
        """Go on with the job that waits for it."""
        child = self._children.playing(event.child)
        if child is not None and child is self._jobs.awaited and not child.stopping:
            self._jobs.resume(event)

    def _start_one(self, child: Child) -> Procedure[ExitReason | None]:
        """Start an incarnation and wait until it has started; return why it did not. It may also choose not to run."""
        spec = child.spec
        failure = self._launch(child)
        if failure is not None:
            return failure
        event = yield child
        if isinstance(event, ChildStarted):
            child.restarting = False
            child.started_at = self.clock.now()
            child.info = event.info
            if spec.restart is Restart.TEMPORARY:
                child.spec = replace(spec, args=(), kwargs={})  # it is never started again
            return None
        if child.suspended is None:
            self._children.leave(child)
        if event.reason is None:
            child.restarting = False
            if spec.restart is Restart.TEMPORARY or not self.keeps_specs:
                self._children.forget(child)
        return event.reason

    def _launch(self, child: Child) -> ExitReason | None:
        """Begin a new incarnation, or a new life of the one that waits for it; return why it cannot be."""
        spec = child.spec
        if child.suspended is not None and child.ref is not None and child.ended is None:
            child.suspended = None
            child.ref.signal(Start(child.again))
            return None
        self._children.leave(child)
        try:
            cell = self.system.spawn_child(self._cell, spec.actor, (spec.args, spec.kwargs), spec.name, spec.in_place)
        except Exception as error:  # noqa: BLE001 - as with any other failed start
            return Error.of(error)
        self._children.enter(child, cell.ref)
        return None

    def _stop_all(self, children: Iterable[Child]) -> Job:
        """Stop the incarnations of `children` that there are, one after the other, and wait for their ends."""
        for child in children:
            ref = child.ref
            if ref is None:
                continue
            self._order_stop(child)
            if child.ended is None:
                yield child
            if child.stopping and child.ended is not None:
                self._check_end(child, ref, child.ended)
            self._children.leave(child)

    def _check_end(self, child: Child, ref: Ref[Any], reason: ExitReason) -> None:
        """Report a child that was told to stop and ended in another way."""
        if reason != child.suspended and not ends_as_told(child.spec, reason):
            logger.error("%s: child %r was told to stop, and ended: %s", self.path, child.spec.id, reason)
            self.system.events.publish(ChildStopFailed(self.ref, child.spec.id, ref, reason))

    def _order_stop(self, child: Child) -> None:
        ref, shutdown = child.ref, child.spec.shutdown
        if ref is None or child.ended is not None or child.stopping:
            return
        child.stopping = True
        if shutdown == "brutal_kill":
            ref.kill()
            return
        ref.signal(StopSignal(child.suspended or SHUTDOWN))
        if isinstance(shutdown, float):
            child.overdue = self.after(shutdown, StopOverdue(ref))

    @on(StopOverdue)
    def stop_overdue(self, event: StopOverdue) -> None:
        """Kill a child that took too long to stop."""
        child = self._children.playing(event.child)
        if child is not None and child.lives:
            event.child.kill()
