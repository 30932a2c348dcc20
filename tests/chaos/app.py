"""The app of the chaos tests: each execution is a line of a ledger, which the broker knows nothing of."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from understudy import App

app = App("chaos", broker=os.environ.get("CHAOS_BROKER"))
LEDGER = Path(os.environ.get("CHAOS_LEDGER", os.devnull))


def note(name: str) -> None:
    """Append one line, in one write."""
    with LEDGER.open("ab", buffering=0) as ledger:
        ledger.write(f"{name}\n".encode())


@app.task
def work(name: str, seconds: float = 0.0) -> str:
    """Take a while, then say that it was done."""
    if seconds:
        time.sleep(seconds)
    note(name)
    return name


@app.task
def linger(name: str, seconds: float) -> str:
    """Say that it has begun, then take a while."""
    note(name)
    time.sleep(seconds)
    return name


@app.task(acks_late=False)
def once(name: str) -> str:
    """Be done at most once."""
    note(name)
    time.sleep(0.02)
    return name


@app.task
def poison(name: str) -> None:
    """End the process that runs it."""
    note(name)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task
def gather(names: list[str]) -> int:
    """Count what a chord's header returned."""
    return len(names)


@app.task
def mourn(request: object, error: BaseException, traceback: object) -> None:
    """Note a failure, as an errback."""
    note(f"mourned {type(error).__name__}")
