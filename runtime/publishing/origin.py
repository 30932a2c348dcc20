"""`Origin`: who this process is to those who read its messages."""

from __future__ import annotations

import os
import socket

from ..ids import fresh_id


class Origin:
    """Names of this process; a forked child has its own."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._name = ""
        self._reply_to = ""

    @property
    def name(self) -> str:
        """`gen<pid>@<host>`, as Celery writes it."""
        self._refresh()
        return self._name

    @property
    def reply_to(self) -> str:
        """The name of the queue in which this process would take replies."""
        self._refresh()
        return self._reply_to

    def _refresh(self) -> None:
        pid = os.getpid()
        if pid != self._pid:
            self._name = f"gen{pid}@{socket.gethostname()}"
            self._reply_to = fresh_id()
            self._pid = pid
