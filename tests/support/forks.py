"""Forking in the middle of a test."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable

SETTLING = 0.1
"""Seconds in which other threads come to rest."""


def fork() -> int:
    """Fork as `os.fork` does, and mind no threads: forking beside them is what such a test is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def fork_unnoticed() -> int:
    """Fork as a server that is written in C may do: none of Python's hooks runs.

    A thread that waits for the interpreter at that moment would wait in the child for ever, in the middle of a lock of
    CPython's own, and so would the child. So it is for small programs, whose threads are known, and those that have
    something to do are given the time to do it first.
    """
    threading.Event().wait(SETTLING)
    return int(ctypes.PyDLL(None).fork())


def in_forked_child(work: Callable[[], object], fork: Callable[[], int] = fork) -> None:
    """Run `work` in a forked child, and fail where it fails; the child ends with it."""
    child = fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001 - nothing of the test run may go on in the child
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the forked child failed; its error is on stderr"
