"""The demo's app: one task that indexes a file, one that joins the indexes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import msgspec

from ..app.app import App
from ..task.task import Task
from .indexing import FileIndex, index
from .ledger import Entry, record
from .library import FATAL
from .report import join

app: App = App("demo")


@app.task(bind=True)
def index_file(self: Task[..., Any], name: str, path: str, ledger: str, rest: float) -> dict[str, Any]:
    """Index the file at `path`, and write into the ledger when that begins and when it is finished."""
    node, pid = self.request.hostname.partition("@")[0], os.getpid()
    record(ledger, Entry(time.monotonic(), "began", name, node, pid))
    source = Path(path).read_bytes()
    if source.startswith(FATAL):
        os.kill(pid, signal.SIGKILL)
    found = index(name, source)
    time.sleep(rest)
    record(ledger, Entry(time.monotonic(), "finished", name, node, pid))
    return msgspec.to_builtins(found)


@app.task
def join_indexes(indexes: list[Any]) -> dict[str, Any]:
    """Join what all the files' tasks returned into one report."""
    return msgspec.to_builtins(join(msgspec.convert(indexes, list[FileIndex])))
