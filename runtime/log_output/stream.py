"""A file for `sys.stdout` and `sys.stderr` that leads to the log."""

from __future__ import annotations

import io
import logging
import threading  # noqa: TID251 - the threads of tasks share their process's output


class LogStream(io.TextIOBase):
    """Logs each line that is written to it; what is written while it logs goes to `fallback`."""

    def __init__(self, logger: logging.Logger, level: int, fallback: io.TextIOBase) -> None:
        self._logger = logger
        self._level = level
        self._fallback = fallback
        self._logging = threading.local()

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - an attribute in typeshed
        """The fallback's encoding."""
        return self._fallback.encoding

    def write(self, text: str, /) -> int:
        """Log the lines of `text` that are not blank."""
        if getattr(self._logging, "now", False):
            return self._fallback.write(text)
        self._logging.now = True
        try:
            for line in text.splitlines():
                if line.strip():
                    self._logger.log(self._level, "%s", line.rstrip())
        finally:
            self._logging.now = False
        return len(text)

    def writable(self) -> bool:
        """Say yes."""
        return True

    def flush(self) -> None:
        """Do nothing: lines are logged when they are written."""

    def fileno(self) -> int:
        """Return the fallback's descriptor."""
        return self._fallback.fileno()
