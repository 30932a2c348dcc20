"""`memory://name`: a broker and result store within this process, for tests and for `solo`.

Whoever connects to the same name in one process meets in the same broker, which lives as long as the process. Nobody's
lease runs out there: who holds a message lives as long.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

from .api import DEAD_LETTER_EXPIRES, Capabilities
from .embedded.core.memory import MemoryStorage
from .embedded.core.policy import Policy
from .embedded.front import EmbeddedTransport
from .embedded.local import LocalBroker
from .queues import Queue, Queues

_lock = threading.Lock()
_brokers: dict[str, LocalBroker] = {}
"""The one exception from "nothing mutable in a module": the process is the server that these addresses name."""


class MemoryTransport(EmbeddedTransport):
    """A transport over a broker in this process; `LocalBroker` can be given a storage, a clock and an alarm."""

    capabilities: Capabilities = dataclasses.replace(EmbeddedTransport.capabilities, across_processes=False)

    def __init__(self, url: str, broker: LocalBroker, queues: Queues | None = None) -> None:
        super().__init__(url, broker.connect(), queues)


def connect(url: str, options: Mapping[str, object]) -> MemoryTransport:
    """Return a transport to the broker of this process that `url` names.

    Its options are `dead_letter_expires`, in seconds, which whoever comes first to a broker says for all, and
    `task_queues`: those that are bound to exchanges.
    """
    expires = float(str(options.get("dead_letter_expires", DEAD_LETTER_EXPIRES)))
    name = urlsplit(url).netloc
    with _lock:
        broker = _brokers.get(name)
        if broker is None:
            broker = _brokers[name] = LocalBroker(MemoryStorage(), Policy(lease=math.inf, dead_retention=expires))
    return MemoryTransport(url, broker, Queues(cast("tuple[Queue, ...]", options.get("task_queues", ()))))
