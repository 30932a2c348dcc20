"""One app for both sides: `LIBRARY` says whose. Each execution is a line of a ledger that no broker knows of."""

from __future__ import annotations

import os
import time
from importlib import import_module
from pathlib import Path
from typing import Any

OURS = os.environ["LIBRARY"] == "understudy"
VISIBILITY = {"visibility_timeout": 4}
"""After so many seconds what a stock worker held goes back, on Redis; its default is an hour."""

app: Any = import_module(os.environ["LIBRARY"]).Celery(
    "mixed",
    broker=os.environ["CHAOS_BROKER"],
    backend="disabled",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        **({"lease": 2.0} if OURS else {}),
        **(VISIBILITY if os.environ["CHAOS_BROKER"].startswith("redis") else {}),
    },
)
LEDGER = Path(os.environ["CHAOS_LEDGER"])


@app.task(name="work")
def work(name: str, seconds: float) -> None:
    """Take a while, then say that it was done, and by whom."""
    time.sleep(seconds)
    with LEDGER.open("ab", buffering=0) as ledger:
        ledger.write(f"{name} {os.environ['LIBRARY']}\n".encode())
