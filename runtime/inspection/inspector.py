"""`Inspector`: lets other processes of this user look at the node, on a unix socket.

It has a thread of its own, so that it answers also while an actor holds up the dispatcher that the others share.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...actors import (
    Actor,
    ChildSpec,
    Completion,
    Snapshot,
    Supervisor,
    UnderstudyError,
    on,
    restart_actor,
    stop_actor,
)
from ...transports.embedded.platform import peer_of
from .messages import Ended, Look, Overdue
from .protocol import LONGEST, Answer, Identity, InspectionFailed, Request, decode, encode

logger: logging.Logger = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that a peer has to say what it wants, and then to take the answer; others wait meanwhile."""
DEADLINE = 60.0
"""Seconds that a restart or a stop may take before the peer is told that it goes on without it."""
LOOK_EVERY = 1.0
"""Seconds between two looks at the mailboxes."""
ROOT = "/node"


class Inspector(Actor):
    """Listens at `place`; each connection is one request and one answer."""

    pinned = True

    def __init__(self, place: Path, identity: Identity) -> None:
        self._place = place
        self._identity = identity
        self._listener: socket.socket | None = None
        self._waiting: dict[socket.socket, str] = {}

    # -- life ------------------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Listen. A node that cannot be looked at works all the same."""
        try:
            self._listener = listen(self._place)
        except OSError as error:
            logger.warning("this node cannot be looked at by `understudy tree`: %s: %s", self._place, error)
            return
        self.io.add_reader(self._listener.fileno(), self._accept)
        self.every(LOOK_EVERY, Look())

    @on(Look)
    def look(self, _: Look) -> None:
        """Note which messages are the first of their mailboxes."""
        self.system.chronicle.ages.look(self.system.cells(), self.clock.now())

    def on_stop(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self.io.remove_reader(self._listener.fileno())

    def let_go(self) -> None:
        """Close the socket, so that a successor can listen there, and let those go who wait for an answer."""
        for connection in list(self._waiting):
            connection.close()
        if self._listener is not None:
            self._listener.close()
            self._place.unlink(missing_ok=True)

    # -- connections -----------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:  # whoever it was has gone
            return
        connection.settimeout(PATIENCE)
        try:
            check_peer(connection)
            self._carry_out(decode(receive_line(connection), Request), connection)
        except (UnderstudyError, OSError) as error:
            self._answer(connection, Answer(failure=str(error)))
        except Exception as error:  # a bug of this view must not end it: it is wanted most when something is wrong
            logger.exception("somebody could not be answered")
            self._answer(connection, Answer(failure=f"a bug in the node's view of itself: {error!r}"))

    def _carry_out(self, request: Request, connection: socket.socket) -> None:
        path = request.path.rstrip("/")
        match request.kind:
            case "look":
                self._answer(connection, Answer(node=self._identity.view(self._look(path))))
            case "restart":
                restarted = restart_actor(self.system, self._part(path), kill=request.kill)
                self._answer_later(connection, restarted, f"{path} was restarted")
            case "stop":
                stopped = stop_actor(self.system, self._part(path))
                self._answer_later(connection, stopped, f"{path} was stopped")
            case _:
                raise InspectionFailed(f"this node, of another release, does not know how to {request.kind}")

    def _look(self, path: str) -> Snapshot:
        snapshot = self.system.observe()
        if path and snapshot.find(path) is None:
            raise InspectionFailed(f"nobody is at {path!r} in this node")
        snapshot = snapshot.below(path) if path else snapshot
        actors = [replace(each, working=False, stack=None) if each.path == self.path else each for each in snapshot]
        return replace(snapshot, actors=tuple(actors))  # that it is looking now need not be shown

    def _part(self, path: str) -> str:
        mine = (self.path, self.path.rpartition("/")[0])
        if path in ("", ROOT, *mine):
            raise InspectionFailed(f"{path or '/'!r} is the node itself, or this view of it: send the node a SIGTERM")
        return path

    # -- answers ---------------------------------------------------------------------------------------------------

    def _answer_later(self, connection: socket.socket, done: Completion[Any], text: str) -> None:
        self._waiting[connection] = text
        self.after(DEADLINE, Overdue(connection))
        done.pipe_to(
            self.ref,
            lambda _: Ended(connection, Answer(done=text)),
            lambda error: Ended(connection, Answer(failure=str(error))),
        )

    @on(Ended)
    def ended(self, event: Ended) -> None:
        """Answer whoever waits for it."""
        if self._waiting.pop(event.connection, None) is not None:
            self._answer(event.connection, event.answer)

    @on(Overdue)
    def overdue(self, event: Overdue) -> None:
        """Let whoever waits go."""
        if self._waiting.pop(event.connection, None) is not None:
            self._answer(event.connection, Answer(failure=f"not done within {DEADLINE:g} s; the node goes on with it"))

    def _answer(self, connection: socket.socket, answer: Answer) -> None:
        with connection, contextlib.suppress(OSError):  # whoever asked has gone
            connection.sendall(encode(answer))


class Inspection(Supervisor):
    """Keeps a node's inspector; where that fails too often, the node goes on and cannot be looked at."""

    def __init__(self, place: Path, identity: Identity) -> None:
        self._inspector = ChildSpec("window", Inspector, (place, identity))

    def children(self) -> list[ChildSpec]:
        """Return the inspector."""
        return [self._inspector]


def listen(place: Path) -> socket.socket:
    """Return a socket that listens at `place`, for this user alone."""
    place.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(place))
        place.chmod(0o600)
        listener.listen()
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def check_peer(connection: socket.socket) -> None:
    """Raise `InspectionFailed` for whoever is neither this user nor root."""
    if peer_of(connection)[1] not in (os.getuid(), 0):
        raise InspectionFailed("this node is another user's")


def receive_line(connection: socket.socket) -> bytes:
    """Return one line, or what came of it before the end; raises `InspectionFailed` where it is too long."""
    received = bytearray()
    while not received.endswith(b"\n"):
        if len(received) > LONGEST:
            raise InspectionFailed(f"a request is at most {LONGEST} bytes long")
        chunk = connection.recv(4096)
        if not chunk:
            break
        received += chunk
    return bytes(received)
