"""Letting a node be looked at."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

from ...transports.errors import TransportError
from .inspector import Inspection
from .places import socket_of

if TYPE_CHECKING:
    from ...actors import System
    from .protocol import Identity

logger: logging.Logger = logging.getLogger(__name__)


def open_window(system: System, identity: Identity) -> None:
    """Start the system's inspector, beside the node, so that its boot and its end can be watched too.

    A node that cannot be looked at, since its machine has no unix sockets or its directory is not to be trusted, works
    all the same.
    """
    if not hasattr(socket, "AF_UNIX"):
        return
    try:
        place = socket_of(identity.name)
    except (TransportError, OSError) as error:
        logger.warning("this node cannot be looked at by `understudy tree`: %s", error)
        return
    system.start(Inspection, place, identity, name="inspector")
