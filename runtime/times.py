"""Moments on the wire: ISO 8601 with an offset; unix seconds inside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from time import time  # noqa: TID251 - the wire's clock, for clients and pool processes
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .exceptions import ImproperlyConfigured


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class Stamps:
    """Writes the present moment in ISO 8601; keeps the text of the second, which is most of the work."""

    def __init__(self) -> None:
        self._kept = (0, "")

    def now(self) -> str:
        """Return the present moment as `datetime.isoformat` writes it, in UTC with microseconds."""
        moment = time()
        second, text = self._kept
        if moment - second >= 1 or moment < second:
            second = int(moment)
            text = datetime.fromtimestamp(second, UTC).isoformat()[:-6]
            self._kept = (second, text)
        return f"{text}.{int((moment - second) * 1e6):06d}+00:00"


def zone(name: str | None) -> tzinfo | None:
    """Return the time zone of that IANA name, or None for the machine's own; raises `ImproperlyConfigured`."""
    if name is None:
        return None
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ImproperlyConfigured(
            f"timezone = {name!r} is no time zone: use an IANA name like 'Europe/Berlin'"
        ) from error


def moment(value: datetime | str, naive_is: tzinfo | None = UTC) -> datetime:
    """Return `value` as an aware datetime; one without an offset is read in `naive_is` (None: the machine's zone)."""
    parsed = datetime.fromisoformat(value) if isinstance(value, str) else value
    if parsed.tzinfo is not None:
        return parsed
    return parsed.replace(tzinfo=naive_is) if naive_is is not None else parsed.astimezone()


def seconds(value: float | timedelta | None) -> float | None:
    """Return a duration in seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value
