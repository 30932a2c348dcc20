"""`VirtualClock`: time that moves when a simulation says so."""

from __future__ import annotations

EPOCH = 1_700_000_000.0


class VirtualClock:
    """Monotonic time from 0, and unix time from an arbitrary fixed moment; the two can be set apart."""

    def __init__(self) -> None:
        self._now = 0.0
        self._offset = EPOCH

    def now(self) -> float:
        """See `Clock`."""
        return self._now

    def time(self) -> float:
        """See `Clock`."""
        return self._offset + self._now

    def advance_to(self, moment: float) -> None:
        """Jump to `moment`; never back."""
        self._now = max(self._now, moment)

    def set_off(self, seconds: float) -> None:
        """Move unix time by `seconds`, forward or back, as when somebody sets the machine's clock."""
        self._offset += seconds
