"""What makes a worker node one of several whose actors reach each other."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from ...actors.remote import Remoting
from ...transports.errors import UnsupportedByTransport
from ...transports.joining import bus_children, bus_of, hostname

if TYPE_CHECKING:
    from ...actors import ChildSpec, System

logger: logging.Logger = logging.getLogger(__name__)

DEFAULT_NETWORK = "celery"
"""The system that the nodes of an app without a name are in."""


def network_of(main: str | None) -> str:
    """Return the name of the system that an app's nodes are in: the app's, as far as it can stand in an address."""
    return (main or DEFAULT_NETWORK).replace("/", ".")


def remoting_children(system: System, transport: Any, node: str) -> list[ChildSpec]:
    """Let `system` join the others over its broker; returns what has to run for it, nothing where no mail is carried.

    node: as on the command line, `celery@host`.
    """
    try:
        bus = bus_of(transport)
    except UnsupportedByTransport as error:
        logger.debug("this node's actors are reached from here only: %s", error)
        return []
    name, _, host = node.partition("@")
    remoting = Remoting(system, bus, _written(name) or DEFAULT_NETWORK, _written(host) or hostname())
    return [*bus_children(bus), remoting.spec()]


def _written(part: str) -> str:
    """Return a part of a node's name as it can stand in an address."""
    return re.sub(r"[^\w.-]", "-", part, flags=re.ASCII)
