"""`Window`: how a node is looked at; from another process by its socket."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Protocol

from .places import all_sockets
from .protocol import Answer, InspectionFailed, NodeView, Request, decode, encode

TIMEOUT = 65.0
"""Seconds; the node's own deadline is shorter."""
SILENCE = 5.0
"""Seconds that a node has for its view."""


class Window(Protocol):
    """A way to one node; whichever it is, these are the same."""

    def look(self, path: str = "") -> NodeView:
        """Return the node as it is now, or the part of its tree that begins at `path`; raises `InspectionFailed`."""
        ...

    def restart(self, path: str, *, kill: bool = False) -> str:
        """Have an actor restarted, and return what was done; raises `InspectionFailed`."""
        ...

    def stop(self, path: str) -> str:
        """Have an actor stopped, and return what was done; raises `InspectionFailed`."""
        ...


class SocketWindow:
    """A window on a node of this machine and this user."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def look(self, path: str = "") -> NodeView:
        """See `Window`."""
        view = self._ask(Request("look", path), SILENCE).node
        if view is None:
            raise InspectionFailed("the node, of another release, shows nothing")
        return view

    def restart(self, path: str, *, kill: bool = False) -> str:
        """See `Window`."""
        return self._ask(Request("restart", path, kill), TIMEOUT).done

    def stop(self, path: str) -> str:
        """See `Window`."""
        return self._ask(Request("stop", path), TIMEOUT).done

    def _ask(self, request: Request, timeout: float) -> Answer:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            try:
                connection.connect(str(self._place))
                connection.sendall(encode(request))
                with connection.makefile("rb") as stream:
                    line = stream.readline()
            except TimeoutError as error:
                raise InspectionFailed(f"the node has not answered within {timeout:g} s") from error
        answer: Answer = decode(line, Answer)
        if answer.failure:
            raise InspectionFailed(answer.failure)
        return answer


def windows() -> list[tuple[SocketWindow, NodeView]]:
    """Return the nodes of this user on this machine, by name, each with a first look at it.

    What killed nodes left behind is removed.
    """
    found: list[tuple[SocketWindow, NodeView]] = []
    for place in all_sockets():
        window = SocketWindow(place)
        try:
            found.append((window, window.look()))
        except (ConnectionRefusedError, FileNotFoundError):
            with contextlib.suppress(OSError):
                place.unlink()
        except (OSError, InspectionFailed):  # it is just ending, or hangs
            continue
    return sorted(found, key=lambda each: (each[1].name, each[1].pid))
