"""Where the sockets of nodes are: in a directory of this user alone, one for each node."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from ...transports.embedded.platform import private_socket

PREFIX = "node-"


def socket_of(name: str) -> Path:
    """Return where this process, a node of that name, is to listen."""
    return private_socket(f"{PREFIX}{sha256(name.encode()).hexdigest()[:12]}-{os.getpid()}.sock")


def all_sockets() -> list[Path]:
    """Return where nodes of this user listen, or have listened before they were killed."""
    return sorted(private_socket(f"{PREFIX}{'0' * 20}.sock").parent.glob(f"{PREFIX}*.sock"))
