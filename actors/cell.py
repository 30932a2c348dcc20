"""`Cell`: one incarnation of an actor: what is sent to it, and the turns in which it handles that.

A host calls `turn`; nothing else runs user code. How a cell starts, fails and ends is up to its `Lifecycle`, who is
told of that, to its `Bonds`. All state but the mailbox's lanes and the `scheduled` flag is touched only by the owner's
turn, or by whoever ends it first (a killer abandons a turn that hangs).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .answering import answer, carry_out
from .batch import ONE_BY_ONE, Batch, handle_batch
from .bonds import Bonds
from .bouncing import bounce
from .coroutines import is_coroutine
from .debts import Debts
from .events import ActorCrashed, MailboxOverflowed
from .lifecycle import Lifecycle, heed_interrupt
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
from .reasons import Error
from .ref import Ref

if TYPE_CHECKING:
    from collections import deque

    from .actor import Actor
    from .completion import Completion
    from .hosts.api import Dispatcher
    from .system import System

logger: logging.Logger = logging.getLogger("understudy.actors")

BUDGET = 64


class Cell:
    """One incarnation: mailbox, identity, bonds.

    lives: how many are over; one more with each crash after which it may be restarted in place. born_in: the parent's
    life that it is a child of. busy: its turn is not over, since a coroutine is carried out. paused: messages stay in
    the mailbox, signals do not. asking: the ask that is handled now, unless it was handed on.

    `scheduled` says that somebody will look at the lanes: the dispatcher on which the cell is queued, or the turn that
    runs. A sender puts first and looks at it after; a turn clears it first and looks at the lanes after.
    """

    __slots__ = (
        "__weakref__",
        "actor",
        "actor_class",
        "alive",
        "asking",
        "bonds",
        "born_in",
        "busy",
        "children",
        "debts",
        "dispatcher",
        "life",
        "lives",
        "mailbox",
        "parent",
        "path",
        "paused",
        "ref",
        "scheduled",
        "system",
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
        self.lives: int = 0
        self.scheduled: bool = False
        self.paused: bool = False
        self.busy: bool = False
        self.mailbox: Mailbox = Mailbox(actor_class.mailbox, self.bounce, self._overflowed)
        self.ref: Ref[Any] = Ref(self)
        self.bonds: Bonds = Bonds()
        self.children: dict[Ref[Any], None] = {}
        self.debts: Debts = Debts()
        self.asking: Ask | None = None
        self.waits_for: Completion[Any] | None = None
        self.life: Lifecycle = Lifecycle(self, arguments, in_place)

    def __repr__(self) -> str:
        return f"<Cell {self.path}#{self.uid} {self.life.status.value}>"

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
                self.scheduled = False
                if user or signals:
                    self._go_on()
            if mailbox.bound is not None:
                mailbox.took()

    def resume(self) -> None:
        """End a turn that a coroutine has kept open; see `turn`."""
        self.scheduled = False
        self._go_on()

    def _go_on(self) -> None:
        mailbox = self.mailbox
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
                outcome = answer(self, actor, item)
            elif actor.takes_batches and item.__class__ not in ONE_BY_ONE:
                outcome = handle_batch(self, actor, item)
            else:
                outcome = actor.receive(item)
            if outcome is not None and is_coroutine(outcome):
                carry_out(self, actor, outcome, item)
        except actor.expected:
            logger.debug("%s refused %r", self.path, item, exc_info=True)
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is this actor's crash, nobody else's
            self.crash(error, item, told=True)

    def take(self, message: Any) -> Any:
        """Return `message` as an item for another cell: with the asker of what is handled now, if somebody asked."""
        ask, self.asking = self.asking, None
        if ask is None:
            return message
        ask.completion.answerer = None
        self.debts.forget(ask.completion)
        return Ask(message, ask.completion)

    def take_batch(self, actor: Actor, batch: Batch) -> None:
        """Have the actor handle a batch; raises whatever it does."""
        actor.on_batch(batch)

    def retry(self, messages: tuple[Any, ...]) -> None:
        """Put messages that were handled before all others, to be handled once more."""
        self.mailbox.user.extendleft(messages)

    def crash(self, error: BaseException, culprit: object = None, *, told: bool = False) -> None:
        """Fail because its code raised, on a message `culprit` if on one; `on_failure` runs.

        told: nobody waits for an answer to `culprit`, so that another life may have it again.
        """
        if self.alive and self.actor is not None:
            reason = Error.of(error, culprit)
            logger.error("%s crashed: %s", self.path, reason, exc_info=error)
            self.system.events.publish(ActorCrashed(self.ref, reason))
            try:
                self.actor.on_failure(type(error), error, error.__traceback__)
            except BaseException:
                logger.exception("%s failed in on_failure", self.path)
            self.life.fail(reason, (culprit,) if told else ())
        heed_interrupt(error)

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
                self.life.start(again)
            case StopSignal(reason, done):
                self.life.stop(reason, done)
            case ExitSignal():
                self._heed_exit(signal)
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

    def _heed_exit(self, signal: ExitSignal) -> None:
        match self.bonds.verdict(signal, self.ref, traps=self.actor_class.trap_exit):
            case None:
                pass
            case Exited() as message:
                self.tell_past_bound(message)
            case reason:
                self.life.end(reason)

    def heeds(self, event: Any) -> bool:
        """Whether what the kernel tells is about something that this life of the actor began."""
        match event:
            case Down():
                return self.bonds.awaits(event)
            case ChildStarted() | ChildStartFailed() | ChildFailed() | ChildExited():
                return event.child.born_in == self.lives
            case _:
                return True

    # -- what will not be handled: any thread ----------------------------------------------------------------------

    def bounce(self, item: Any, why: str) -> None:
        """Answer, or report, an item that will not be handled; `why` is dead, full or dropped."""
        bounce(self, item, why)

    def _overflowed(self, policy: str) -> None:
        self.system.events.publish(MailboxOverflowed(self.ref, policy, len(self.mailbox)))
