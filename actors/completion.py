"""`Completion`: a value that one host produces and another waits for."""

from __future__ import annotations

import functools
import logging
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import pykka

from ._pykka import unset_hook_result
from .errors import AlreadyResolved, Timeout
from .gates import Gate, gate_here
from .native import allocate_lock, get_ident

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

    from .cell import Cell
    from .ref import Ref

T = TypeVar("T")
U = TypeVar("U")

logger: logging.Logger = logging.getLogger(__name__)


class Waiting(Protocol):
    """How the running host waits: hosts set one per thread, see `waiting_here`."""

    def may_block(self) -> None:
        """Raise `WouldBlock` where this thread must not wait now."""
        ...

    def wait(self, completion: Completion[Any], timeout: float | None) -> bool:
        """Wait until `completion` is done or `timeout` seconds passed; return whether it is done."""
        ...


Waiter = Callable[["Completion[Any]", "float | None"], bool]
"""Waits until a completion is done or so many seconds passed; returns whether it is done."""


class _Here(threading.local):
    waiting: Waiting | None = None


_here = _Here()


def waiting_here(waiting: Waiting | None) -> None:
    """Make `waiting` the way in which completions block on this thread; None restores the default."""
    _here.waiting = waiting


def check_may_block() -> None:
    """Raise `WouldBlock` where this thread must not wait now, before anything was sent for the sake of an answer."""
    waiting = _here.waiting
    if waiting is not None:
        waiting.may_block()


class Completion(pykka.Future[T], Generic[T]):
    """A value, or an error, that comes later; what `ask` returns.

    Thread-safe. The first of `set`, `set_exception`, `resolve` and `fail` wins. Callbacks run in the thread
    that resolves, or at once where the completion is already done; keep them to handing the value on.
    """

    answerer: Cell | None = None
    """Whose turn it takes to resolve it, where that is known: what circles of waiting actors are found by."""

    waiter: Waiter | None = None
    """How a thread that may block waits for it, where its maker knows a better way than a lock."""

    _get_hook: Any = None
    _value: T
    _error: BaseException | None = None
    _done: bool = False
    _callbacks: list[Callable[[Completion[T]], object]] | None = None

    def __init__(self) -> None:
        # pykka's __init__ would set what the class attributes say already.
        self._lock = allocate_lock()

    def __repr__(self) -> str:
        state = "pending" if not self._done else "failed" if self._error else "done"
        return f"<Completion {state}>"

    @classmethod
    def of(cls, value: U) -> Completion[U]:
        """Return a completion that already holds `value`."""
        made: Completion[U] = Completion()
        made.resolve(value)
        return made

    @classmethod
    def failed(cls, error: BaseException) -> Completion[Any]:
        """Return a completion that already holds `error`."""
        made: Completion[Any] = Completion()
        made.fail(error)
        return made

    def done(self) -> bool:
        """Tell whether a value or an error is there."""
        return self._done

    def error(self) -> BaseException | None:
        """Return the error of a finished completion, or None; does not wait."""
        return self._error

    def resolve(self, value: T) -> bool:
        """Set the value; return False, and change nothing, where it was done already."""
        with self._lock:
            if self._done:
                return False
            self._value = value
            self._done = True
            callbacks, self._callbacks = self._callbacks, None
        if callbacks:
            self._run(callbacks)
        return True

    def fail(self, error: BaseException) -> bool:
        """Set the error; return False, and change nothing, where it was done already."""
        with self._lock:
            if self._done:
                return False
            self._error = error
            self._done = True
            callbacks, self._callbacks = self._callbacks, None
        if callbacks:
            self._run(callbacks)
        return True

    # -- what follows ----------------------------------------------------------------------------------------------

    def add_done_callback(self, callback: Callable[[Completion[T]], object]) -> None:
        """Call `callback(self)` once it is done: in the resolving thread, or at once if it is done already.

        Raises `TypeError` where a get hook computes the value: that happens in `get`, at nobody's moment.
        """
        if self._get_hook is not None:
            raise TypeError(
                "a completion with a get hook is never done by itself: call get(), or chain then() before it"
            )
        with self._lock:
            if not self._done:
                if self._callbacks is None:
                    self._callbacks = [callback]
                else:
                    self._callbacks.append(callback)
                return
        self._run([callback])

    def remove_done_callback(self, callback: Callable[[Completion[T]], object]) -> None:
        """Take a callback off that has not been called yet; idempotent."""
        with self._lock:
            if self._callbacks is not None and callback in self._callbacks:
                self._callbacks.remove(callback)

    def then(self, function: Callable[[T], U]) -> Completion[U]:
        """Return a completion of `function(value)`; errors pass through, and an error of `function` fails it."""
        chained: Completion[U] = Completion()
        chained.waiter = self.waiter
        if self._get_hook is not None:
            chained.set_get_hook(lambda timeout: function(self.get(timeout=timeout)))
            return chained

        def pass_on(done: Completion[T]) -> None:
            if done._error is not None:
                chained.fail(done._error)
                return
            try:
                chained.resolve(function(done._value))
            except Exception as error:  # noqa: BLE001 - the error belongs to whoever waits for it
                chained.fail(error)

        self.add_done_callback(pass_on)
        return chained

    def forward(self, target: Completion[T]) -> None:
        """Resolve `target` as this one will be."""

        def pass_on(done: Completion[T]) -> None:
            if done._error is not None:
                target.fail(done._error)
            else:
                target.resolve(done._value)

        self.add_done_callback(pass_on)

    def pipe_to(self, ref: Ref[Any], wrap: Callable[[T], Any], failed: Callable[[BaseException], Any]) -> None:
        """Tell `ref` the message `wrap(value)`, or `failed(error)`, once done; never blocks."""

        def pass_on(done: Completion[T]) -> None:
            ref.tell(wrap(done._value) if done._error is None else failed(done._error))

        self.add_done_callback(pass_on)

    # -- waiting ---------------------------------------------------------------------------------------------------

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for the value and return it.

        timeout: seconds; None waits for ever. Raises `Timeout` when they passed, `WouldBlock` inside a turn on a
        shared dispatcher, and the error itself where the completion failed.
        """
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if not self._done and not self._wait(timeout):
            raise Timeout(f"no answer within {timeout} s")
        if self._error is not None:
            raise self._error
        return self._value

    def _wait(self, timeout: float | None) -> bool:
        waiting = _here.waiting
        return wait_off_hosts(self, timeout) if waiting is None else waiting.wait(self, timeout)

    def __await__(self) -> Generator[Any, None, T]:
        """Wait without blocking the running asyncio loop."""
        import asyncio  # late: it takes longer than all of the kernel, and most programs await nothing

        if self._get_hook is not None:
            return (yield from asyncio.get_running_loop().run_in_executor(None, self.get))
        if not self._done:
            yield from self._wait_on_loop(asyncio.get_running_loop())
        if self._error is not None:
            raise self._error
        return self._value

    def _wait_on_loop(self, loop: AbstractEventLoop) -> Generator[Any, None, None]:
        waiter: Future[None] = loop.create_future()
        here = get_ident()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def wake_loop(_: Completion[T]) -> None:
            try:
                if get_ident() == here:
                    wake()
                else:
                    loop.call_soon_threadsafe(wake)
            except RuntimeError:  # the loop was closed: nobody waits on it any more
                return

        self.add_done_callback(wake_loop)
        try:
            yield from waiter
        finally:
            self.remove_done_callback(wake_loop)

    def _run(self, callbacks: list[Callable[[Completion[T]], object]]) -> None:
        for callback in callbacks:
            try:
                callback(self)
            except KeyboardInterrupt:
                raise
            except BaseException:  # whatever it is, it is not the fault of whoever resolves
                logger.exception("a callback of a completion failed: %r", callback)

    # -- pykka's names ---------------------------------------------------------------------------------------------

    def set(self, value: T | None = None) -> None:
        """Set the value, as pykka does; raises `AlreadyResolved` where it was done."""
        if self._get_hook is not None or not self.resolve(cast("T", value)):
            raise AlreadyResolved("this completion is already done: use resolve() where losing the race is fine")

    def set_exception(self, exc_info: Any = None) -> None:
        """Set the error from an exc_info triple, by default the one being handled, as pykka does."""
        error = (exc_info or sys.exc_info())[1]
        if error is None:
            raise ValueError("there is no error to set: call it while handling one, or pass an exc_info triple")
        if self._get_hook is not None or not self.fail(error):
            raise AlreadyResolved("this completion is already done: use fail() where losing the race is fine")

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Compute the value in `get` by `func(timeout)`, as pykka does; `then` suits better what also has callbacks."""
        if self._done:
            raise AlreadyResolved("this completion is already done: it takes no hook any more")
        self._get_hook_result = unset_hook_result()
        self._get_hook = func

    def map(self, func: Callable[[T], U]) -> Completion[U]:
        """Return a completion of `func(value)`; the same as `then`."""
        return self.then(func)

    def filter(self: Completion[Iterable[U]], func: Callable[[U], bool]) -> Completion[Iterable[U]]:
        """Return a completion of those items of an iterable value for which `func(item)` is true, as a list."""
        return self.then(lambda items: [item for item in items if func(item)])

    def reduce(self: Completion[Iterable[U]], func: Callable[[Any, U], Any], *args: Any) -> Completion[Any]:
        """Return a completion of `functools.reduce(func, value, *args)`."""
        return self.then(lambda items: functools.reduce(func, items, *args))

    def join(self, *futures: pykka.Future[Any]) -> Completion[Iterable[Any]]:
        """Return a completion of the list of this and the other futures' values, in that order."""
        joined: Completion[Iterable[Any]] = Completion()
        joined.set_get_hook(lambda timeout: [future.get(timeout=timeout) for future in (self, *futures)])
        return joined


def wait_off_hosts(completion: Completion[Any], timeout: float | None) -> bool:
    """Wait as a thread does on which no host runs: in the completion's own way, where it has one."""
    waiter = completion.waiter
    return wait_on_thread(completion, timeout) if waiter is None else waiter(completion, timeout)


def wait_on_thread(completion: Completion[Any], timeout: float | None) -> bool:
    """Block this thread until `completion` is done or `timeout` seconds passed; return whether it is done.

    In a program that gevent or eventlet has patched a thread is a greenlet, and the others go on.
    """
    return wait_at(gate_here(), completion, timeout)


def wait_at(gate: Gate, completion: Completion[Any], timeout: float | None) -> bool:
    """Wait at `gate`, which is nobody else's, until `completion` is done or `timeout` seconds passed."""

    def open_gate(_: Completion[Any]) -> None:
        gate.open()

    completion.add_done_callback(open_gate)
    try:
        return gate.wait(timeout)
    finally:
        if not completion.done():
            completion.remove_done_callback(open_gate)
