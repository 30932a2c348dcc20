"""What the command line says of the log, and how pool processes learn of it."""

from __future__ import annotations

import os
import sys

import msgspec

VARIABLE = "UNDERSTUDY_LOG"
"""Set in a worker's environment, which its pool processes inherit."""


class LogOptions(msgspec.Struct, frozen=True):
    """level: a name of `logging`. file: where the log goes, None for stderr. color: None for "on a terminal"."""

    level: str = "WARNING"
    file: str | None = None
    color: bool | None = None

    def publish(self) -> None:
        """Put the options into the environment."""
        os.environ[VARIABLE] = msgspec.json.encode(self).decode()

    def colored(self) -> bool:
        """Tell whether lines are to be coloured here and now."""
        if self.file is not None or os.environ.get("NO_COLOR"):
            return False
        return sys.__stderr__ is not None and sys.__stderr__.isatty() if self.color is None else self.color


def published_options() -> LogOptions | None:
    """Return the options in the environment, None where no command line put any there."""
    text = os.environ.get(VARIABLE)
    return msgspec.json.decode(text, type=LogOptions) if text else None
