"""Locks and thread numbers of the operating system's own threads, also where gevent or eventlet has replaced them."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from typing import Any


def _original(name: str) -> Any:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original("_thread", name)
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        return getattr(patcher.original("_thread"), name)
    return getattr(_thread, name)


# What guards state that threads share must not switch greenlets: whoever holds it never waits, so it is held briefly.
allocate_lock: Callable[[], _thread.LockType] = _original("allocate_lock")
get_ident: Callable[[], int] = _original("get_ident")
start_new_thread: Callable[[Callable[[], object], tuple[()]], int] = _original("start_new_thread")
