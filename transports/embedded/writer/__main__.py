"""The writer's command line: `python -m understudy.transports.embedded.writer PATH`."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import selectors
import signal
import socket
import sys
import threading
from pathlib import Path

from ...errors import TransportError
from ..core.broker import Broker
from ..core.policy import Policy
from ..frames import describe_error
from ..service import Service
from ..site import Site
from ..sqlite.file import Durability
from ..sqlite.storage import SqliteStorage
from .server import Server
from .vigil import Vigil

_BACKLOG = 256


def main(arguments: list[str] | None = None) -> int:
    """Wait for the lock, serve until told to stop; returns the exit status."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s writer[%(process)d] %(levelname)s %(message)s")
    os.umask(0o077)
    try:
        return Writer(options).run()
    except TransportError as error:
        _say(f"failed {json.dumps(describe_error(error))}")
        return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="understudy.transports.embedded.writer", description="own a broker's file")
    parser.add_argument("path", type=Path)
    parser.add_argument("--durability", type=str.upper, default="PROCESS", choices=[one.name for one in Durability])
    parser.add_argument("--lease", type=float, default=Policy().lease, help="seconds that a node may be silent")
    parser.add_argument(
        "--dead-letter-expires", type=float, default=Policy().dead_retention, help="seconds that one is kept"
    )
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    return parser.parse_args(arguments)


def _say(line: str) -> None:
    """Tell whoever started this process, if it still listens."""
    try:
        os.write(sys.stdout.fileno(), line.encode() + b"\n")
    except OSError:
        logging.getLogger(__name__).debug("nobody hears: %s", line)


def _note(number: int, frame: object) -> None:
    """Let a signal do no more than write to the wakeup file descriptor."""


class Writer:
    """One writer process: first a standby, then, once it has the lock, the writer."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._site = Site.at(options.path)
        self._durability = Durability[options.durability]
        self._policy = Policy(lease=options.lease, dead_retention=options.dead_letter_expires)
        self._lock = self._site.lock()
        self._parent = os.getppid()
        self._with_parent: bool = options.with_parent
        self._terminated, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, _note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # a program that has it blocked passes that on
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's: the node decides what becomes of its writer

    def run(self) -> int:
        """Wait and serve."""
        if not self._lock.acquire(wait=False):
            _say("standby")
            if not self._elected():
                return 0
        try:
            self._serve()
        finally:
            self._lock.release()
        return 0

    def _elected(self) -> bool:
        """Wait for the lock; False where the process is to end instead."""
        elected, elect = os.pipe()

        def wait_for_lock() -> None:
            self._lock.acquire(wait=True)
            os.write(elect, b"\0")

        threading.Thread(target=wait_for_lock, name="understudy-election", daemon=True).start()
        with selectors.DefaultSelector() as selector:
            for descriptor in (elected, *self._ends()):
                selector.register(descriptor, selectors.EVENT_READ)
            selector.select()
        return self._lock.held

    def _ends(self) -> list[int]:
        """Return the file descriptors of which one can be read when this process is to end."""
        return [self._terminated, *([sys.stdin.fileno()] if self._with_parent else [])]

    def _serve(self) -> None:
        storage = SqliteStorage(self._site.database, self._durability, self._policy)
        service = Service(storage, Broker(storage, self._policy))
        listener = self._listen()  # only now: a writer that is dialled and does not answer is taken for stuck
        try:
            server = Server(service, listener, Vigil(self._site), self._parent)
            server.recover()
            server.watch(self._terminated, server.stop)
            if self._with_parent:
                server.watch(sys.stdin.fileno(), server.orphaned)
            _say("serving")
            gc.freeze()
            gc.set_threshold(50_000, 20, 20)
            server.run()
        finally:
            listener.close()
            self._site.socket().unlink(missing_ok=True)
            storage.close()

    def _listen(self) -> socket.socket:
        path = self._site.socket()
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen(_BACKLOG)
        self._lock.write_note(json.dumps({"pid": os.getpid(), "socket": str(path)}).encode())
        return listener


if __name__ == "__main__":
    sys.exit(main())
