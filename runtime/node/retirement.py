"""`Retirement`: when a pool process has served long enough."""

from __future__ import annotations

from pathlib import Path

from .context import NodeOptions

MEMORY_EVERY = 1.0
"""Seconds between two looks at a process's memory."""


class Retirement:
    """Counts what one process has done; `due` says that it is to be replaced, `left` how many jobs it may get."""

    def __init__(self, options: NodeOptions, pid: int) -> None:
        self._jobs_limit = options.max_tasks_per_child
        self._memory_limit = options.max_memory_per_child
        self._pid = pid
        self._jobs = 0
        self._look_again = 0.0
        self._too_large = False

    def count(self, jobs: int, now: float) -> None:
        """Note that it has finished `jobs` by `now` (monotonic seconds)."""
        self._jobs += jobs
        if self._memory_limit is not None and now >= self._look_again:
            self._look_again = now + MEMORY_EVERY
            self._too_large = resident_kib(self._pid) > self._memory_limit

    def left(self, held: int) -> int | None:
        """Return how many more jobs it may get while it holds `held`; None for any number."""
        if self.due:
            return 0
        return None if self._jobs_limit is None else max(0, self._jobs_limit - self._jobs - held)

    @property
    def due(self) -> bool:
        """Whether it is to end when it has finished what it runs."""
        return self._too_large or (self._jobs_limit is not None and self._jobs >= self._jobs_limit)


def resident_kib(pid: int) -> int:
    """Return the resident memory of a process in KiB; 0 where the platform does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)
