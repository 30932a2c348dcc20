"""Ports that nobody uses."""

from __future__ import annotations

import os
import random
import socket

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_BELOW_EPHEMERAL = range(20_000 + _WORKER % _WORKERS, 32_000, _WORKERS)
"""Of two test processes at the same time each has ports of its own."""
_given: set[int] = set()
"""What was given out before: a server may be down for a moment, or have its port before it starts."""


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens, and which nobody else in this process was given.

    It lies below the ephemeral range: from within that range the kernel could hand it to any outgoing connection
    while its server is down, and a client that reconnects in a loop may even end up connected to itself.
    """
    for port in random.SystemRandom().sample(sorted(set(_BELOW_EPHEMERAL) - _given), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise RuntimeError("none of 200 ports between 20000 and 32000 is free on 127.0.0.1")


def accepts_connections(port: int) -> bool:
    """Tell whether something listens on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
