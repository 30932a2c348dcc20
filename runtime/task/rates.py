"""Rates as tasks and settings say them."""

from __future__ import annotations

import math

from ..exceptions import ImproperlyConfigured

PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def tasks_per_second(rate: str | float | None) -> float | None:
    """Return what `"10/s"`, `"100/m"`, `"5/h"` or a number for each second means; None for no limit, as 0 is.

    Raises `ImproperlyConfigured`.
    """
    if rate is None:
        return None
    number, _, period = str(rate).partition("/")
    try:
        found = float(number) / PERIODS[period or "s"]
    except (ValueError, KeyError):
        found = math.nan
    if isinstance(rate, bool) or not 0 <= found < math.inf:
        raise ImproperlyConfigured(f"{rate!r} is no rate: write '10/s', '100/m', '5/h', or a number for each second")
    return found or None


def is_rate(rate: str | float | None) -> bool:
    """Tell whether `rate` means something."""
    try:
        tasks_per_second(rate)
    except ImproperlyConfigured:
        return False
    return True
