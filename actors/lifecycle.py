"""`Lifecycle`: what a cell goes through, from its start to its end; one that is restarted in place has several lives.

NEW -> STARTING -> RUNNING -> STOPPING -> DEAD, and from anywhere straight to DEAD. A failure ends the cell too, unless
its supervisor may restart it in place: then it is SUSPENDED until that sends `Start` or `StopSignal`.

All of it happens in the owner's turn, except that anybody may `kill`, which abandons a turn that hangs. Whoever is the
first to `end` it does so alone.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from .bouncing import died
from .coroutines import cancel, check_carried, follow
from .errors import ActorDead
from .events import ActorCrashed, ActorStarted, ActorStopped
from .life import Deferred, IgnoreStart, Status
from .messages import ChildExited, ChildFailed, ChildStarted, ChildStartFailed, StopSignal
from .native import allocate_lock
from .reasons import KILLED, NORMAL, SHUTDOWN, Error, ExitReason

if TYPE_CHECKING:
    from .cell import Cell
    from .completion import Completion

logger: logging.Logger = logging.getLogger("understudy.actors")


class Lifecycle:
    """The start, the restarts in place and the end of one cell.

    reason: why it ends, or is about to. gone: it has ended, and everybody been told.
    """

    __slots__ = (
        "_again",
        "_arguments",
        "_cell",
        "_ended",
        "_has_started",
        "_in_place",
        "_waiters",
        "gone",
        "reason",
        "status",
    )

    def __init__(self, cell: Cell, arguments: tuple[tuple[Any, ...], dict[str, Any]], in_place: bool) -> None:
        self.status: Status = Status.NEW
        self.reason: ExitReason | None = None
        self.gone: bool = False
        self._cell = cell
        self._arguments = arguments
        self._in_place = in_place
        self._again: tuple[Any, ...] = ()
        self._has_started = False
        self._ended = allocate_lock()
        self._waiters: list[Completion[bool]] = []

    # -- the start -------------------------------------------------------------------------------------------------

    def start(self, again: bool) -> None:
        """Make an instance and run its `on_start`; `again`: what the last life crashed on comes first."""
        if self.status not in (Status.NEW, Status.SUSPENDED):
            return
        cell = self._cell
        if again:
            cell.retry(self._again)
        self._again = ()
        self.status = Status.STARTING
        cell.paused = self._has_started = False
        args, kwargs = self._arguments
        if not self._in_place:
            del self._arguments  # this incarnation is started once; it need not keep them for as long as it lives
        try:
            check_carried(cell.actor_class, cell.dispatcher)
            cell.actor = cell.actor_class.construct(cell, args, kwargs)
            follow(cell, cell.actor.on_start(), self._hook_started, self._not_started)
        except BaseException as error:  # noqa: BLE001 - a failed start is reported to the parent
            self._not_started(error)

    def _hook_started(self, later: Any) -> None:
        if later is not Deferred.LATER:
            self.started()

    def _not_started(self, error: BaseException) -> None:
        if isinstance(error, IgnoreStart):
            self.end(NORMAL, ignored=True)
            return
        self.fail(Error.of(error))
        heed_interrupt(error)

    def started(self, info: object = None) -> None:
        """Finish the start: the parent is told."""
        if self.status is not Status.STARTING:
            return
        cell = self._cell
        self.status = Status.RUNNING
        self._has_started = True
        if not cell.lives:
            cell.system.events.publish(ActorStarted(cell.ref))
        self._tell_parent(ChildStarted(cell.ref, info))

    # -- an ordered end --------------------------------------------------------------------------------------------

    def stop(self, reason: ExitReason, done: Completion[bool] | None) -> None:
        """Run `on_stop`, and end with `reason`; `done` is resolved after that."""
        if done is not None:
            self.promise_end(done)
        if self.status is Status.STOPPING:
            return
        self.status = Status.STOPPING
        self.reason = reason
        actor = self._cell.actor
        try:
            follow(self._cell, None if actor is None else actor.on_stop(), self._hook_stopped, self._not_stopped)
        except BaseException as error:  # noqa: BLE001 - it ends all the same
            self._not_stopped(error)

    def _hook_stopped(self, later: Any) -> None:
        if later is not Deferred.LATER:
            self.stopped()

    def _not_stopped(self, error: BaseException) -> None:
        cell, failure = self._cell, Error.of(error)
        logger.error("%s failed while it stopped", cell.path, exc_info=error)
        cell.system.events.publish(ActorCrashed(cell.ref, failure))
        self.end(failure)
        heed_interrupt(error)

    def stopped(self, reason: ExitReason | None = None) -> None:
        """Finish a stop, with its own reason or another."""
        self.end(reason or self.reason or SHUTDOWN)

    # -- a failure -------------------------------------------------------------------------------------------------

    @property
    def survives(self) -> bool:
        """Whether a failure of now would leave it to its supervisor to restart it in place."""
        started = self._has_started or self._cell.lives > 0
        return self._in_place and started and self.status is not Status.STOPPING

    def fail(self, reason: ExitReason, again: tuple[Any, ...] = ()) -> None:
        """End this life with `reason`, and the cell too where it is not to be restarted in place.

        again: the told message that it failed on, in case the next life is to have it.
        """
        if self.survives and self._cell.alive:
            self._again = again
            self._suspend(reason)
        else:
            self.end(reason)

    def _suspend(self, reason: ExitReason) -> None:
        """Wait for the next life: who sends or watches notices nothing, what this one held is let go."""
        cell = self._cell
        cell.paused = True
        self.status = Status.SUSPENDED
        cancel(cell)
        cell.lives += 1
        self._let_go()
        cell.actor = None
        children, cell.children = cell.children, {}
        for child in children:
            child.signal(StopSignal(SHUTDOWN))
        cell.bonds.watch_nobody(cell.ref)
        if cell.debts:
            cell.debts.fail(ActorDead(f"{cell.path} crashed before it answered: {reason}", reason))
        self._tell_parent(ChildFailed(cell.ref, reason))

    # -- the end: own turn, or a killer's thread -------------------------------------------------------------------

    def kill(self) -> None:
        """End now, from any thread, whatever its code is doing; a handler that still runs is abandoned."""
        self.end(KILLED)
        ask = self._cell.asking
        if ask is not None:
            ask.completion.fail(died(self._cell))

    def end(self, reason: ExitReason, *, ignored: bool = False) -> None:
        """End with `reason`: release the name, close the mailbox, then tell links, monitors and the parent. Once.

        ignored: it chose not to run.
        """
        if not self._ended.acquire(blocking=False):
            return
        cell = self._cell
        self.abandon(reason)
        self._let_go()
        cell.system.release(cell)
        for signal in cell.bonds.take_in(cell.mailbox.signals):  # links and monitors from before are told the reason
            cell.bounce(signal, "dead")
        cell.mailbox.close()
        self._tell_everybody(reason, ignored)
        if cell.debts:
            cell.debts.fail(died(cell))
        cell.dispatcher.gone(cell)
        cell.actor = None
        self.gone = True
        for waiter in list(self._waiters):
            waiter.resolve(True)
        cell.system.forget(cell)

    def _tell_everybody(self, reason: ExitReason, ignored: bool) -> None:
        cell = self._cell
        cell.system.events.publish(ActorStopped(cell.ref, reason))
        for child in list(cell.children):
            child.signal(StopSignal(SHUTDOWN))
        cell.bonds.tell(cell.ref, reason)
        if self._has_started:
            self._tell_parent(ChildExited(cell.ref, reason))
        else:
            self._tell_parent(ChildStartFailed(cell.ref, None if ignored else reason))

    def _let_go(self) -> None:
        """Have the actor let go of what it holds outside, before anybody hears of the end."""
        actor = self._cell.actor
        try:
            if actor is not None:
                actor.let_go()
        except Exception:
            logger.exception("%s failed to let go", self._cell.path)

    def _tell_parent(self, event: Any) -> None:
        parent = self._cell.parent
        if parent is not None:
            parent.tell_past_bound(event)

    def promise_end(self, done: Completion[bool]) -> None:
        """Resolve `done` when everybody has been told of the end, or where that is so already."""
        self._waiters.append(done)
        if self.gone:
            done.resolve(False)

    def abandon(self, reason: ExitReason) -> None:
        """Be dead, and tell nobody: what is sent from now on is bounced."""
        cell = self._cell
        self.reason = reason
        self.status = Status.DEAD
        cell.alive = False
        cell.mailbox.closed = True
        cell.scheduled = False

    def vanish(self) -> None:
        """Be gone as with a killed process: no code of the actor runs, nobody is told, nothing is bounced."""
        if self._ended.acquire(blocking=False):
            self.abandon(KILLED)
            self._cell.mailbox.vanish()


def heed_interrupt(error: BaseException) -> None:
    """Raise an interrupt on, where it is the user's at the terminal and not an actor's own doing."""
    if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
        raise error
