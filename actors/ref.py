"""`Ref`: the address of an actor; what one sends to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast, overload

import pykka

from .completion import Completion, check_may_block
from .messages import Ask, Signal, StopSignal
from .reasons import SHUTDOWN, ExitReason

if TYPE_CHECKING:
    from .actor import Actor
    from .cell import Cell
    from .messages import Message
    from .remote.address import Address

A_co = TypeVar("A_co", bound="Actor", covariant=True)
R = TypeVar("R")


# pykka's ref is invariant in the actor's class; one that is only sent to is covariant.
class Ref(pykka.ActorRef[A_co]):  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]
    """The address of one incarnation: a value, equal to every other address of it.

    Thread-safe. Messages of one sender arrive in the order in which they were sent.
    """

    __slots__ = ("_cell",)

    def __init__(self, cell: Cell) -> None:
        # pykka's __init__ would copy what is looked up in the cell.
        self._cell = cell

    def __repr__(self) -> str:
        return f"<Ref {self}>"

    def __str__(self) -> str:
        return f"{self._cell.path}#{self._cell.uid}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other._cell is self._cell

    def __hash__(self) -> int:
        return hash(self._cell)

    @property
    def path(self) -> str:
        """The actor's place in the tree; another incarnation may hold it later."""
        return self._cell.path

    @property
    def uid(self) -> int:
        """The incarnation's number, unique in its system."""
        return self._cell.uid

    @property
    def address(self) -> Address:
        """Where other nodes reach it; raises `NotJoined` where its system is not one of several nodes."""
        return self._cell.system.joined().address_of(self.path, self.uid)

    # A ref is a value: its copies are itself, and its pickle is its address.

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Callable[[str], Ref[Any]], tuple[str]]:
        from .remote.ref import restore  # most refs never leave their process

        return restore, (str(self.address),)

    @property
    def born_in(self) -> int:
        """Which life of its parent's it is a child of; 0 unless that was restarted in place."""
        return self._cell.born_in

    @property
    def reason(self) -> ExitReason | None:
        """Why it ended, or None while it lives."""
        return None if self._cell.alive else self._cell.life.reason

    def is_alive(self) -> bool:
        """Tell whether this incarnation has not ended; it may end right after."""
        return self._cell.alive

    def tell(self, message: Message[A_co, Any]) -> None:
        """Send without an answer. To a dead actor it becomes a `DeadLetter` event.

        Raises `MailboxFull` where the mailbox is bounded, full and rejects; waits for room where it blocks, or raises
        `WouldBlock` inside a turn on a shared dispatcher.
        """
        self._cell.tell(message)

    # pykka's `ask` and `stop` also take a `block` that is known at run time only; the result's type hangs on it here.
    @overload
    def ask(self, message: Message[A_co, R], *, timeout: float | None = None) -> R: ...
    @overload
    def ask(self, message: Message[A_co, R], *, block: Literal[True], timeout: float | None = None) -> R: ...
    @overload
    def ask(
        self, message: Message[A_co, R], *, block: Literal[False], timeout: float | None = None
    ) -> Completion[R]: ...
    def ask(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, message: Message[A_co, R], *, block: bool = True, timeout: float | None = None
    ) -> R | Completion[R]:
        """Send and wait for the answer, or with `block=False` return its completion.

        timeout: seconds, for a blocking ask; an ask that was given up is not handled any more. Raises what the handler
        raised, `ActorDead` where the actor ended first, `Timeout`, `WouldBlock` inside a turn on a shared dispatcher,
        and `Deadlock` where the actor waits for the asker's own answer.
        """
        if block:
            check_may_block()
        completion = self._put_ask(message, timeout)
        if not block:
            return completion
        try:
            return completion.get(timeout=timeout)
        except BaseException as error:
            completion.fail(error)
            raise

    @overload
    def stop(self, *, timeout: float | None = None, reason: ExitReason = SHUTDOWN) -> bool: ...
    @overload
    def stop(self, *, block: Literal[True], timeout: float | None = None, reason: ExitReason = SHUTDOWN) -> bool: ...
    @overload
    def stop(
        self, *, block: Literal[False], timeout: float | None = None, reason: ExitReason = SHUTDOWN
    ) -> Completion[bool]: ...
    def stop(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, *, block: bool = True, timeout: float | None = None, reason: ExitReason = SHUTDOWN
    ) -> bool | Completion[bool]:
        """End it in order, past its waiting messages.

        Returns when everybody has been told of the end, or with `block=False` promises it: whether there was anything
        to end. timeout: seconds. Raises as `ask` does.
        """
        if block:
            check_may_block()
        done = self._put_stop(reason)
        return done.get(timeout=timeout) if block else done

    @property
    def waiting(self) -> int:
        """How many messages wait in its mailbox now."""
        return len(self._cell.mailbox)

    def kill(self) -> None:
        """End it now; none of its code runs after this, but a handler that is running is only abandoned."""
        self._cell.life.kill()

    # -- for the kernel --------------------------------------------------------------------------------------------

    def _put_ask(self, message: Message[A_co, R], timeout: float | None) -> Completion[R]:
        completion: Completion[R] = Completion()
        completion.answerer = self._cell
        self._cell.tell(Ask(message, completion))
        return completion

    def _put_stop(self, reason: ExitReason) -> Completion[bool]:
        done: Completion[bool] = Completion()
        done.answerer = self._cell
        self._cell.signal(StopSignal(reason, done))
        return done

    def put(self, item: Any) -> None:
        """Put what `Cell.take` returned; raises as `tell` does."""
        if isinstance(item, Ask):
            item.completion.answerer = self._cell
        self._cell.tell(item)

    def signal(self, signal: Signal) -> None:
        """Put a signal into the system lane."""
        self._cell.signal(signal)

    def tell_past_bound(self, event: Any) -> None:
        """Tell what the kernel has to say: no bound holds for it."""
        self._cell.tell_past_bound(event)

    # -- what pykka's proxy looks at -------------------------------------------------------------------------------

    @property
    def actor_class(self) -> type[A_co]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The class of the actor."""
        return cast("type[A_co]", self._cell.actor_class)

    @property
    def actor_urn(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A name for this incarnation, unique in its system."""
        return str(self)

    def _actor_weakref(self) -> Any:
        actor = self._cell.actor
        return None if actor is None else actor._proxied()  # pyright: ignore[reportPrivateUsage] - users' actors keep the name
