"""`Supervisor`: starts, watches, stops and replaces its children by OTP's rules.

Each procedure (boot, replacing a group, an administrator's request, the stop) is a job, see `Jobs`. One job runs at a
time and the rest queue up. Only a stop interrupts a job.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, ClassVar

from ..actor import on
from ..events import ChildRestarted, DeadLetter, SupervisorGaveUp
from ..life import Deferred
from ..messages import ChildExited, ChildFailed, ChildStartFailed
from ..reasons import SHUTDOWN, ExitReason, FailedStart, Shutdown
from ..ref import Ref
from .administration import Administered
from .children import Child, Children
from .decisions import (
    REMEMBERED,
    ChildEnd,
    Decision,
    GiveUp,
    Leave,
    Poison,
    Replace,
    count_restart,
    decide,
    ends_supervisor,
)
from .errors import (
    BadSpec,
    SupervisorError,
    UnknownStrategy,
)
from .jobs import Job, Jobs
from .messages import (
    BackoffOver,
    Budget,
    Role,
    TryAgain,
)
from .spec import AutoShutdown, ChildSpec, Flags, Restart, Strategy, checked_children

logger: logging.Logger = logging.getLogger("understudy.actors")

FLAGS = ("strategy", "intensity", "period", "auto_shutdown", "max_children")


class Supervisor(Administered):
    """Subclass it, and return child specs from `children`; they are started in that order and stopped in reverse.

    A child's crash replaces it, or more of them, by `strategy`. More than `intensity` restarts within `period` seconds
    stop all children and end the supervisor with `Shutdown`. Defaults are Elixir's, 3 in 5 seconds.
    """

    strategy: ClassVar[Strategy | str] = Strategy.ONE_FOR_ONE
    intensity: ClassVar[int] = 3
    period: ClassVar[float] = 5.0
    auto_shutdown: ClassVar[AutoShutdown | str] = AutoShutdown.NEVER
    max_children: ClassVar[int | None] = None
    concurrent_stop: ClassVar[bool] = False
    """Whether children are stopped all at once instead of one after the other."""
    ties_children: ClassVar[bool] = True
    """Whether children may depend on each other, so that a strategy may replace several of them."""
    expected: ClassVar[tuple[type[BaseException], ...]] = (SupervisorError,)

    def children(self) -> Sequence[ChildSpec]:
        """Return the children to start with; called once for each incarnation of the supervisor."""
        return ()

    def decide(self, end: ChildEnd) -> Decision:
        """Return what follows from a child's end: override it for a strategy of your own. A pure function."""
        return decide(Strategy(self.strategy), end)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if any(isinstance(getattr(cls, name), property) for name in FLAGS):
            return  # each instance says for itself, and is asked when it starts
        try:
            flags_of(cls)
        except BadSpec as error:
            raise type(error)(f"{cls.__name__}: {error}") from None

    # -- seen from outside: any thread -----------------------------------------------------------------------------

    def budget(self) -> Budget:
        """Return how many restarts have been used up of those that are allowed."""
        flags, history = flags_of(self), vars(self).get("_history", ())
        used = sum(moment >= self.clock.now() - flags.period for moment in history)
        return Budget(str(flags.strategy), flags.intensity, flags.period, used)

    def roles(self) -> list[Role]:
        """Return the names of all children in start order, and whether each runs, or is about to."""
        children: Iterable[Child] = vars(self).get("_children", ())
        return [Role(child.spec.name, child.ref is not None, child.restarting) for child in children]

    # -- life ------------------------------------------------------------------------------------------------------

    def on_start(self) -> Deferred | None:
        """Check the flags and specs, then start the children one after the other."""
        self._flags = flags_of(self)
        self._children = Children(self.path, self._flags, checked_children(self.children(), self._flags))
        self._history: tuple[float, ...] = ()
        self._jobs = Jobs()
        self._jobs.add(self._boot())
        return Deferred.LATER

    def on_stop(self) -> Deferred | None:
        """Drop what is under way and stop the children in reverse order."""
        self._close(None)
        return Deferred.LATER

    def _boot(self) -> Job:
        for child in self._children:
            failure = yield from self._start_one(child)
            if failure is not None:
                self._close(Shutdown(FailedStart(child.spec.id, failure)))
                return
        self.started()

    def _close(self, reason: ExitReason | None) -> None:
        """Stop the children and end with `reason` (None: with the reason of the stop signal)."""
        self._jobs.close(self._finish(reason))

    def _finish(self, reason: ExitReason | None) -> Job:
        if self.concurrent_stop:
            for child in reversed(self._children):
                self._order_stop(child)
        yield from self._stop_all(reversed(self._children))
        self.stopped(reason)

    # -- a child ends ----------------------------------------------------------------------------------------------

    @on(ChildStartFailed)
    def child_start_failed(self, event: ChildStartFailed) -> None:
        """Go on with the job that waits for it."""
        self._child_ended(event, event.reason or SHUTDOWN)

    @on(ChildExited)
    def child_exited(self, event: ChildExited) -> None:
        """Go on with the job that waits for it, or see to a child that ended by itself."""
        self._child_ended(event, event.reason)

    @on(ChildFailed)
    def child_failed(self, event: ChildFailed) -> None:
        """Go on with the job that waits for it, or see to a child that crashed and may be restarted in place."""
        child = self._children.playing(event.child)
        if child is None or child.stopping:
            return
        child.suspended = event.reason
        self._go_on(child, event)

    def _child_ended(self, event: ChildStartFailed | ChildExited, reason: ExitReason) -> None:
        child = self._children.playing(event.child)
        if child is None:
            return
        child.ended = reason
        self._go_on(child, event)

    def _go_on(self, child: Child, event: ChildStartFailed | ChildFailed | ChildExited) -> None:
        if child is self._jobs.awaited:
            self._jobs.resume(event)
        else:
            self._jobs.add(self._see_to(child, event.child))

    def _see_to(self, child: Child, ref: Ref[Any]) -> Job:
        reason = child.ended or child.suspended
        if child.ref != ref or reason is None:
            return  # replaced, or terminated, in the meantime
        if child.ended is not None:
            self._children.leave(child)
        if child.restarting:
            return  # it was to be restarted in place, and is restarted elsewhere
        backoff = child.spec.backoff
        if backoff is not None and self.clock.now() - child.started_at >= backoff.reset_after:
            child.failures = 0
        decision = self._decided(child.end(reason, self._children.specs, self.clock.now()))
        match decision:
            case Replace():
                self._children.check_group(decision.ids)
                self._see_to_poison(child, ref, decision)
                yield from self._replace(child, decision.ids, reason, decision.delay)
            case Leave(forget):
                yield from self._stop_all([child])
                self._leave(child, forget)
            case GiveUp():
                self._close(SHUTDOWN)
            case other:  # pyright: ignore[reportUnnecessaryComparison] - not everybody checks types
                raise TypeError(f"decide() returns a Replace, a Leave or a GiveUp, not {other!r}")

    def _decided(self, end: ChildEnd) -> Decision:
        """Return what its strategy decides; an error of that is a crash, also one that would be an administrator's."""
        try:
            return self.decide(end)
        except self.expected as error:
            raise RuntimeError(f"decide() raised {type(error).__name__}: {error}") from error

    def _leave(self, child: Child, forget: bool) -> None:
        if forget or not self.keeps_specs:
            self._children.forget(child)
        if child.spec.significant:
            left = any(each.spec.significant and each.counts for each in self._children)
            if ends_supervisor(AutoShutdown(self._flags.auto_shutdown), child.spec, left):
                self._close(SHUTDOWN)

    # -- restart ---------------------------------------------------------------------------------------------------

    def _see_to_poison(self, child: Child, ref: Ref[Any], decision: Replace) -> None:
        child.again = decision.poison is Poison.RETRY
        if decision.poison is Poison.DEAD_LETTER and child.culprit is not None:
            self.system.dead_letter(DeadLetter(ref, child.culprit, "poison"))

    def _replace(self, failed: Child, ids: Sequence[Hashable], reason: ExitReason, delay: float | None = None) -> Job:
        """Restart `ids` together, as one restart."""
        flags = self._flags
        self._history, allowed = count_restart(self._history, self.clock.now(), flags.intensity, flags.period)
        if not allowed:
            straw = SupervisorGaveUp(self.ref, failed.spec.id, len(self._history) - 1, reason)
            self.system.events.publish(straw)
            self._close(Shutdown("reached_max_restart_intensity"))
            return
        group = self._children.group(ids)
        failed.restarting = failed in group
        if failed.suspended is None or group != [failed]:
            yield from self._stop_all(reversed(group if failed in group else [*group, failed]))
        for child in group:
            if child is not failed and child.spec.restart is Restart.TEMPORARY:
                self._children.forget(child)
        delay = self._backoff(failed) if delay is None else delay
        if delay > 0:
            self.after(delay, BackoffOver(failed.spec.id, tuple(ids), reason))
        else:
            yield from self._start_group(ids, reason)

    def _start_group(self, ids: Sequence[Hashable], reason: ExitReason) -> Job:
        """Start a group in order, as far as it does not run; one that fails to start is tried again, as a restart."""
        group = self._children.group(ids)
        for position, child in enumerate(group):
            if child.ref is not None and child.suspended is None:
                continue
            failure = yield from self._start_one(child)
            if failure is not None:
                logger.error("%s: child %r did not start again: %s", self.path, child.spec.id, failure)
                child.restarting = True
                left = tuple(each.spec.id for each in group[position:])
                self.ref.tell(TryAgain(child.spec.id, left, failure))
                return
            if child.ref is not None:
                child.restarts = (*child.restarts[1 - REMEMBERED :], self.clock.now())
                self.system.events.publish(ChildRestarted(self.ref, child.spec.id, child.ref, reason))

    @on(TryAgain)
    def try_again(self, event: TryAgain) -> None:
        """Attempt a restart once more."""
        self._jobs.add(self._try_again(event))

    def _try_again(self, event: TryAgain) -> Job:
        child = self._children.restarting(event.id)
        if child is not None:
            everybody = self._flags.strategy is Strategy.ONE_FOR_ALL
            yield from self._replace(child, self._children.ids if everybody else event.ids, event.reason)

    @on(BackoffOver)
    def backoff_over(self, event: BackoffOver) -> None:
        """Start a group whose restart had to wait."""
        self._jobs.add(self._end_backoff(event))

    def _end_backoff(self, event: BackoffOver) -> Job:
        if self._children.restarting(event.id) is not None:
            yield from self._start_group(event.ids, event.reason)

    def _backoff(self, child: Child) -> float:
        backoff = child.spec.backoff
        if backoff is None:
            return 0.0
        child.failures += 1
        return backoff.delay(child.failures, self.rng.random())


def flags_of(it: Supervisor | type[Supervisor]) -> Flags:
    """Return what a supervisor, or its class, says of itself; raises `BadSpec` for what makes no sense."""
    flags = Flags(it.strategy, it.intensity, it.period, it.auto_shutdown, it.max_children)
    if flags.strategy is not Strategy.ONE_FOR_ONE and not it.ties_children:
        raise UnknownStrategy(f"a dynamic supervisor's strategy is one_for_one, not {str(flags.strategy)!r}")
    return flags


class DynamicSupervisor(Supervisor):
    """A supervisor whose children come and go by `StartChild`; they are independent, and stopped all at once.

    A child that ended for good, or was terminated, is forgotten (as Elixir's DynamicSupervisor does).
    """

    concurrent_stop = True
    keeps_specs = False
    ties_children = False
