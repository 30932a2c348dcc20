"""`Cell`: one incarnation of an actor, from its start to its end; one that is restarted in place has several lives.

A host calls `turn`; nothing else runs user code. All state but the mailbox's lanes and the `scheduled` flag is touched
only by the owner's turn, or by whoever wins `_ended` (a killer abandons a turn that hangs).
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, cast

from .batch import ONE_BY_ONE, Batch
from .bonds import Bonds
from .bouncing import bounce, died
from .completion import Completion
from .coroutines import cancel, carry_out, check_carried, follow, is_coroutine
from .debts import Debts
from .errors import ActorDead
from .events import ActorCrashed, ActorStarted, ActorStopped, MailboxOverflowed
from .life import Deferred, IgnoreStart, Status
from .mailbox import Mailbox
from .messages import (
    Ask,
    ChildExited,
    ChildFailed,
    ChildStarted,
    ChildStartFailed,
    Down,
    Exited,
    ExitSignal,
    LinkSignal,
    MonitorSignal,
    Signal,
    Start,
    StopSignal,
)
from .native import allocate_lock
from .reasons import KILLED, NORMAL, SHUTDOWN, Error, ExitReason, Kill, Normal
from .ref import Ref

if TYPE_CHECKING:
    from collections import deque

    from .actor import Actor
    from .hosts.api import Dispatcher
    from .system import System

logger: logging.Logger = logging.getLogger("understudy.actors")

BUDGET = 64


class Cell:
    """One incarnation: mailbox, identity, bonds.

    gone: it has ended, and everybody been told. busy: its turn is not over, since a coroutine is carried out. paused:
    messages stay in the mailbox, signals do not. lives: how many are over; one more with each crash after which it may
    be restarted in place. born_in: the parent's life that it is a child of. again: what it crashed on, in case the next
    life is to have it.

    `scheduled` says that somebody will look at the lanes: the dispatcher on which the cell is queued, or the turn that
    runs. A sender puts first and looks at it after; a turn clears it first and looks at the lanes after.
    """

    __slots__ = (
        "__weakref__",
        "_arguments",
        "_ended",
        "_has_started",
        "_in_place",
        "actor",
        "actor_class",
        "again",
        "alive",
        "asking",
        "bonds",
        "born_in",
        "busy",
        "children",
        "debts",
        "dispatcher",
        "gone",
        "lives",
        "mailbox",
        "parent",
        "path",
        "paused",
        "reason",
        "ref",
        "scheduled",
        "status",
        "stop_waiters",
        "system",
        "trap_exit",
        "uid",
        "waits_for",
    )

    def __init__(
        self,
        system: System,
        dispatcher: Dispatcher,
        parent: Cell | None,
        path: str,
        actor_class: type[Actor],
        arguments: tuple[tuple[Any, ...], dict[str, Any]],
        in_place: bool = False,
    ) -> None:
        self.system: System = system
        self.dispatcher: Dispatcher = dispatcher
        self.parent: Cell | None = parent
        self.born_in: int = 0 if parent is None else parent.lives
        self.path: str = path
        self.uid: int = system.next_id()
        self.actor_class: type[Actor] = actor_class
        self.actor: Actor | None = None
        self.alive: bool = True
        self.gone: bool = False
        self.scheduled: bool = False
        self.paused: bool = False
        self.busy: bool = False
        self.lives: int = 0
        self.status: Status = Status.NEW
        self.reason: ExitReason | None = None
        self.trap_exit: bool = actor_class.trap_exit
        self.mailbox: Mailbox = Mailbox(actor_class.mailbox, self.bounce, self._overflowed)
        self.ref: Ref[Any] = Ref(self)
        self.bonds: Bonds = Bonds()
        self.children: dict[Ref[Any], None] = {}
        self.stop_waiters: list[Completion[bool]] = []
        self.waits_for: Completion[Any] | None = None
        self.asking: Ask | None = None
        self._arguments = arguments
        self._in_place = in_place
        self.again: tuple[Any, ...] = ()
        self.debts: Debts = Debts()
        self._has_started = False
        self._ended = allocate_lock()

    def __repr__(self) -> str:
        return f"<Cell {self.path}#{self.uid} {self.status.value}>"

    def is_child_of(self, parent: Cell | None) -> bool:
        """Whether `parent` has it for a child now, and not in an earlier life."""
        return self.parent is parent and (parent is None or self.born_in == parent.lives)

    # -- sending: any thread ---------------------------------------------------------------------------------------

    def tell(self, item: Any) -> None:
        """Put a message, or the envelope of an ask; the actor's own messages to itself pass its bound."""
        mailbox = self.mailbox
        if mailbox.bound is not None and not self.dispatcher.runs(self) and not mailbox.make_room(item):
            return
        mailbox.user.append(item)
        if not self.scheduled:
            self.wake()

    def _overflowed(self, policy: str) -> None:
        self.system.events.publish(MailboxOverflowed(self.ref, policy, len(self.mailbox)))

    def tell_past_bound(self, item: Any) -> None:
        """Put a message of the kernel's own (a timer's, an exit, a `Down`)."""
        self.mailbox.user.append(item)
        if not self.scheduled:
            self.wake()

    def signal(self, signal: Signal) -> None:
        """Put a signal; it overtakes every waiting message."""
        self.mailbox.signals.append(signal)
        if not self.scheduled:
            self.wake()

    def wake(self) -> None:
        """Get a turn for what was put; bounce it where the cell has ended."""
        self.scheduled = True
        if self.alive:
            self.dispatcher.ready(self)
        else:
            self.scheduled = False
            self.mailbox.close()

    # -- the turn: the dispatcher's thread -------------------------------------------------------------------------

    def turn(self, budget: int = BUDGET) -> None:
        """Handle at most `budget` items, signals first, then yield; schedules itself again where more is waiting."""
        mailbox = self.mailbox
        signals, user = mailbox.signals, mailbox.user
        try:
            while budget and (user or signals) and not self.busy:
                budget -= 1
                if signals:
                    self._handle_next(signals)
                    continue
                if self.paused:
                    break
                try:
                    item = user.popleft()
                except IndexError:
                    continue  # a killer, or a sender that dropped the oldest, was faster
                self._handle(item)
        finally:
            if not self.busy:
                self.resume()
            if mailbox.bound is not None:
                mailbox.took()

    def resume(self) -> None:
        """End a turn: let others schedule the cell again, or do so where more is waiting."""
        mailbox = self.mailbox
        self.scheduled = False
        if mailbox.signals or (mailbox.user and not (self.paused and self.alive)):
            self.wake()

    def _handle(self, item: Any) -> None:
        actor = self.actor
        if actor is None or not self.alive:
            self.bounce(item, "dead")
            return
        try:
            handler = actor.direct.get(item.__class__)
            if handler is not None:
                outcome = handler(actor, item)
            elif isinstance(item, Ask):
                outcome = self._answer(actor, item)
            elif actor.takes_batches and item.__class__ not in ONE_BY_ONE:
                outcome = self._handle_batch(actor, item)
            else:
                outcome = actor.receive(item)
            if outcome is not None and is_coroutine(outcome):
                carry_out(self, actor, outcome, item)
        except actor.expected:
            logger.debug("%s refused %r", self.path, item, exc_info=True)
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is this actor's crash, nobody else's
            self.again = (item,)
            self.crash(error, item)

    def _answer(self, actor: Actor, ask: Ask) -> Any:
        """Answer an ask; or return the coroutine that will."""
        completion = ask.completion
        if completion.done():
            self.system.late_asks += 1
            return None
        self.asking = ask
        try:
            reply = actor.receive(ask.message)
        except actor.expected as error:
            if self.asking is ask:
                completion.fail(error)
        except BaseException as error:  # noqa: BLE001 - as in `_handle`; the asker finds the actor ended
            self.crash(error, ask.message)
            if self.asking is ask:
                completion.fail(error)
        else:
            if is_coroutine(reply):
                return reply
            if self.asking is ask:  # it was not handed on
                self.reply(completion, reply)
        finally:
            self.asking = None
        return None

    def reply(self, completion: Completion[Any], reply: Any) -> None:
        """Answer an ask with what its handler returned."""
        if isinstance(reply, Completion):
            self.debts.owe(completion, cast("Completion[Any]", reply))
            if not self.alive:
                completion.fail(died(self))
        elif not completion.resolve(reply):
            self.system.late_replies += 1

    def take(self, message: Any) -> Any:
        """Return `message` as an item for another cell: with the asker of what is handled now, if somebody asked."""
        ask, self.asking = self.asking, None
        if ask is None:
            return message
        ask.completion.answerer = None
        self.debts.forget(ask.completion)
        return Ask(message, ask.completion)

    def _handle_batch(self, actor: Actor, first: Any) -> None:
        batch = Batch.take(first, self.mailbox.user)
        try:
            self._take_batch(actor, batch)
        except actor.expected:
            logger.debug("%s refused message %d of %d in a batch", self.path, batch.position, len(batch), exc_info=True)
            if batch.position:
                self.mailbox.user.extendleft(reversed(batch.rest()))
        except BaseException as error:  # noqa: BLE001 - as in `_handle`
            error.add_note(f"at message {batch.position} of {len(batch)} in a batch")
            self._leave_rest(batch)
            self.again = (batch.latest,) if batch.position else ()
            self.crash(error, batch.latest)

    def _take_batch(self, actor: Actor, batch: Batch) -> None:
        actor.on_batch(batch)

    def _leave_rest(self, batch: Batch) -> None:
        """Put back what a batch that crashed had not reached, or bounce it where it may hold what it crashed on."""
        if self._survives and batch.position:
            self.mailbox.user.extendleft(reversed(batch.rest()))
            return
        for message in batch.rest():
            self.bounce(message, "dead")

    # -- signals ---------------------------------------------------------------------------------------------------

    def _handle_next(self, signals: deque[Signal]) -> None:
        try:
            signal = signals[0]
            if isinstance(signal, LinkSignal | MonitorSignal):
                self._take_in(signal, signals)
                return
            signal = signals.popleft()
        except IndexError:
            return  # a killer was faster
        match signal:
            case _ if not self.alive:
                self.bounce(signal, "dead")
            case Start(again):
                self._start(again)
            case StopSignal(reason, done):
                self._stop(reason, done)
            case ExitSignal():
                self._exit_signal(signal)
            case _:
                raise AssertionError(f"not a signal: {signal!r}")

    def _take_in(self, signal: LinkSignal | MonitorSignal, signals: deque[Signal]) -> None:
        """Note what a peer wants, or answer it where the cell has ended, and only then take it off the lane.

        So a killer, or whoever waits for the end, finds it there or noted, and the peer is told in time; twice at
        worst, of which it notices nothing.
        """
        self.bonds.note(signal)
        if not self.alive:
            self.bounce(signal, "dead")
        taken = signals.popleft()
        if taken is not signal:  # a killer was faster
            self.bounce(taken, "dead")

    def _exit_signal(self, signal: ExitSignal) -> None:
        """Apply the reference manual's table of exit signals (Erlang, "Receiving Exit Signals")."""
        source, reason = signal.source, signal.reason
        if signal.linked and not self.bonds.breaks(signal):
            return
        if isinstance(reason, Kill) and not signal.linked:
            self.end(KILLED)
        elif self.trap_exit:
            self.tell_past_bound(Exited(source, reason))
        elif not isinstance(reason, Normal) or source == self.ref:
            self.end(reason)

    # -- life: the dispatcher's thread -----------------------------------------------------------------------------

    def _start(self, again: bool) -> None:
        if self.status not in (Status.NEW, Status.SUSPENDED):
            return
        if again:
            self.mailbox.user.extendleft(self.again)
        self.again = ()
        self.status = Status.STARTING
        self.paused = self._has_started = False
        args, kwargs = self._arguments
        if not self._in_place:
            del self._arguments  # this incarnation is started once; it need not keep them for as long as it lives
        try:
            check_carried(self.actor_class, self.dispatcher)
            self.actor = self.actor_class.construct(self, args, kwargs)
            follow(self, self.actor.on_start(), self._hook_started, self._not_started)
        except BaseException as error:  # noqa: BLE001 - a failed start is reported to the parent
            self._not_started(error)

    def _hook_started(self, later: Any) -> None:
        if later is not Deferred.LATER:
            self.started()

    def _not_started(self, error: BaseException) -> None:
        if isinstance(error, IgnoreStart):
            self.end(NORMAL, ignored=True)
            return
        self.start_failed(Error.of(error))
        self._heed_interrupt(error)

    def started(self, info: object = None) -> None:
        """Finish the start: the parent is told."""
        if self.status is not Status.STARTING:
            return
        self.status = Status.RUNNING
        self._has_started = True
        if not self.lives:
            self.system.events.publish(ActorStarted(self.ref))
        self._tell_parent(ChildStarted(self.ref, info))

    def start_failed(self, reason: ExitReason) -> None:
        """End before the start was finished; one that was restarted in place may be restarted again."""
        self._fail(reason)

    def _stop(self, reason: ExitReason, done: Completion[bool] | None) -> None:
        if done is not None:
            self.promise_end(done)
        if self.status is Status.STOPPING:
            return
        self.status = Status.STOPPING
        self.reason = reason
        try:
            follow(self, None if self.actor is None else self.actor.on_stop(), self._hook_stopped, self._not_stopped)
        except BaseException as error:  # noqa: BLE001 - it ends all the same
            self._not_stopped(error)

    def _hook_stopped(self, later: Any) -> None:
        if later is not Deferred.LATER:
            self.stopped()

    def _not_stopped(self, error: BaseException) -> None:
        logger.error("%s failed while it stopped", self.path, exc_info=error)
        failure = Error.of(error)
        self.system.events.publish(ActorCrashed(self.ref, failure))
        self.end(failure)
        self._heed_interrupt(error)

    def stopped(self, reason: ExitReason | None = None) -> None:
        """Finish a stop that `on_stop` deferred."""
        self.end(reason or self.reason or SHUTDOWN)

    def crash(self, error: BaseException, culprit: object = None) -> None:
        """End this incarnation because its code raised, on a message `culprit` if on one; `on_failure` runs."""
        if self.alive and self.actor is not None:
            reason = Error.of(error, culprit)
            logger.error("%s crashed: %s", self.path, reason, exc_info=error)
            self.system.events.publish(ActorCrashed(self.ref, reason))
            try:
                self.actor.on_failure(type(error), error, error.__traceback__)
            except BaseException:
                logger.exception("%s failed in on_failure", self.path)
            self._fail(reason)
        self._heed_interrupt(error)

    @property
    def _survives(self) -> bool:
        """Whether a failure of now would leave it to its supervisor to restart it in place."""
        return self._in_place and (self._has_started or self.lives > 0) and self.status is not Status.STOPPING

    def _fail(self, reason: ExitReason) -> None:
        if self._survives and self.alive:
            self._suspend(reason)
        else:
            self.end(reason)

    def _suspend(self, reason: ExitReason) -> None:
        """End this life and wait for the next: who sends or watches notices nothing, what it held is let go."""
        self.paused = True
        self.status = Status.SUSPENDED
        cancel(self)
        self.lives += 1
        self._let_go()
        self.actor = None
        children, self.children = self.children, {}
        for child in children:
            child.signal(StopSignal(SHUTDOWN))
        self.bonds.watch_nobody(self.ref)
        self.debts.fail(ActorDead(f"{self.path} crashed before it answered: {reason}", reason))
        self._tell_parent(ChildFailed(self.ref, reason))

    def heeds(self, event: Any) -> bool:
        """Whether what the kernel tells is about something that this life of the actor began."""
        match event:
            case Down():
                return self.bonds.awaits(event)
            case ChildStarted() | ChildStartFailed() | ChildFailed() | ChildExited():
                return event.child.born_in == self.lives
            case _:
                return True

    def _heed_interrupt(self, error: BaseException) -> None:
        """Raise an interrupt on, where it is the user's at the terminal and not an actor's own doing."""
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise error

    # -- the end: own turn, or a killer's thread -------------------------------------------------------------------

    def kill(self) -> None:
        """End now, from any thread, whatever its code is doing; a handler that still runs is abandoned."""
        self.end(KILLED)
        ask = self.asking
        if ask is not None:
            ask.completion.fail(died(self))

    def end(self, reason: ExitReason, *, ignored: bool = False) -> None:
        """End with `reason`: release the name, close the mailbox, then tell links, monitors and the parent. Once.

        ignored: it chose not to run.
        """
        if not self._ended.acquire(blocking=False):
            return
        self.abandon(reason)
        self._let_go()
        self.system.release(self)
        for signal in self.bonds.take_in(self.mailbox.signals):  # links and monitors from before are told the reason
            self.bounce(signal, "dead")
        self.mailbox.close()
        self.system.events.publish(ActorStopped(self.ref, reason))
        for child in list(self.children):
            child.signal(StopSignal(SHUTDOWN))
        self.bonds.tell(self.ref, reason)
        if self._has_started:
            self._tell_parent(ChildExited(self.ref, reason))
        else:
            self._tell_parent(ChildStartFailed(self.ref, None if ignored else reason))
        self.debts.fail(died(self))
        self.dispatcher.gone(self)
        self.actor = None
        self.gone = True
        for waiter in list(self.stop_waiters):
            waiter.resolve(True)
        self.system.forget(self)

    def _let_go(self) -> None:
        """Have the actor let go of what it holds outside, before anybody hears of the end."""
        try:
            if self.actor is not None:
                self.actor.let_go()
        except Exception:
            logger.exception("%s failed to let go", self.path)

    def abandon(self, reason: ExitReason) -> None:
        """Be dead, and tell nobody: what is sent from now on is bounced."""
        self.reason = reason
        self.status = Status.DEAD
        self.alive = False
        self.mailbox.closed = True
        self.scheduled = False

    def vanish(self) -> None:
        """Be gone as with a killed process: no code of the actor runs, nobody is told, nothing is bounced."""
        if self._ended.acquire(blocking=False):
            self.abandon(KILLED)
            self.mailbox.vanish()

    def promise_end(self, done: Completion[bool]) -> None:
        """Resolve `done` when everybody has been told of the end, or where that is so already."""
        self.stop_waiters.append(done)
        if self.gone:
            done.resolve(False)

    def _tell_parent(self, event: Any) -> None:
        if self.parent is not None:
            self.parent.tell_past_bound(event)

    def bounce(self, item: Any, why: str) -> None:
        """Answer, or report, an item that will not be handled; `why` is dead, full or dropped."""
        bounce(self, item, why)
