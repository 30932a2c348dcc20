"""What tasks leave behind, outside of every broker: which ran, and when. It needs nothing but the standard library."""

from __future__ import annotations

import functools
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

RECORD = struct.Struct("=Qd")
VARIABLE = "BENCHMARK_LEDGER"
"""Names the directory to processes that run tasks."""
GATE = "BENCHMARK_GATE"
"""Names the directory in which they wait for each other, if they do."""
OPEN = "open"
_LOOK = 0.001


def note(number: int) -> None:
    """Append a task's number, with the time, to this process's own file."""
    os.write(_own_file(), RECORD.pack(number, time.monotonic()))


@functools.cache
def pass_gate() -> None:
    """Say that this process is there, and wait until the gate is opened; there is none but for the first call."""
    gate = Path(os.environ[GATE])
    (gate / str(os.getpid())).touch()
    while not (gate / OPEN).exists():
        time.sleep(_LOOK)


@functools.cache
def _own_file() -> int:
    path = Path(os.environ[VARIABLE]) / str(os.getpid())
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


class Ledger:
    """The directory of these files, as who measures reads it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()

    def count(self) -> int:
        """Return how many tasks have run."""
        return sum(path.stat().st_size for path in self.directory.iterdir()) // RECORD.size

    def records(self) -> Iterator[tuple[int, float]]:
        """Return number and time of each task that has run."""
        for path in self.directory.iterdir():
            yield from RECORD.iter_unpack(path.read_bytes())

    def rate(self, published: int) -> float:
        """Return tasks a second between 10 % and 95 % of the drain.

        Raises RuntimeError unless exactly the numbers below `published` ran, each of them once.
        """
        return self.rate_so_far(published, 0)

    def rate_so_far(self, published: int, left: int) -> float:
        """Return the same for those that ran while the rest was waiting.

        Raises RuntimeError unless what ran, each of them once, and what is left are as many as were published.
        """
        numbers, times = zip(*self.records(), strict=True)
        ran = len(numbers)
        if ran + left != published or len(set(numbers)) != ran or not set(numbers) <= set(range(published)):
            raise RuntimeError(
                f"{published} tasks were published, {len(set(numbers))} of them ran, {ran} times, {left} are left"
            )
        times = sorted(times)
        first, last = ran // 10, ran * 95 // 100
        return (last - first) / (times[last] - times[first])
