"""What a fork must not carry over: see `os.register_at_fork`."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Home(Generic[T]):
    """The process in which `owner` lives. In each forked child `reset(owner)` is called, before it is used there.

    Python's own hook sees to that. But a server that forks by itself (uWSGI, an embedding program) may not run Python's
    hooks; so whoever uses the owner calls `check` first, which costs as much as asking for one's pid. Thread-safe.
    """

    def __init__(self, owner: T, reset: Callable[[T], None]) -> None:
        self._owner = weakref.ref(owner)
        self._reset = reset
        self._pid = self._moving = os.getpid()
        self._locks: dict[int, threading.RLock] = {}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.check)

    def check(self) -> None:
        """Reset the owner if this process is another one than at the last call."""
        pid = os.getpid()
        if pid != self._pid:
            self._move(pid)

    def _move(self, pid: int) -> None:
        # A lock of this process's own: one that a thread of the parent held would stay locked for ever.
        with self._locks.setdefault(pid, threading.RLock()):
            owner = self._owner()
            if self._moving != pid and owner is not None:
                self._moving = pid  # the owner may come here again from its reset
                try:
                    self._reset(owner)
                except BaseException:
                    self._moving = self._pid
                    raise
                self._pid = pid
                self._locks.clear()


def in_forked_child(owner: T, reset: Callable[[T], None]) -> Home[T]:
    """Call `reset(owner)` in each forked child, while `owner` lives; see `Home` for forks without Python's hooks."""
    return Home(owner, reset)


def around_forks(owner: T, before: Callable[[T], None], after: Callable[[T], None]) -> None:
    """Call `before(owner)` before each fork and, in the parent, `after(owner)` after it, while `owner` lives."""
    _register(owner, before=before, after_in_parent=after)


def _register(owner: T, **hooks: Callable[[T], None]) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    reference = weakref.ref(owner)

    def calling(hook: Callable[[T], None]) -> Callable[[], None]:
        def call() -> None:
            living = reference()
            if living is not None:
                hook(living)

        return call

    os.register_at_fork(**{name: calling(hook) for name, hook in hooks.items()})
