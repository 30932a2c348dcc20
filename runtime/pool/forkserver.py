"""The forkserver: a process that has imported the app and forks pool processes off itself.

Runs as `python -m understudy.runtime.pool.forkserver`. It has one thread and touches no task. When its node is gone it
kills its children and ends; when it dies itself they live on, since everything that the node needs of them (socket,
pidfd) is the node's own.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

import msgspec

from .channel import Channel
from .child import ABANDONED, Birth, flush_output, inherited, leave_signals_to_node, live, run_and_exit
from .errors import HungUp
from .leftovers import Inspection
from .packets import Born, Drain, Exited, Fork, ForkReport, ForkRequest, Loaded, LoadFailed, Setup, Unborn
from .platform import Sentinel, set_title
from .program import Program, import_report, load

TITLE = "understudy-fork"


class ForkServerProcess:
    """The forkserver's life, from its setup to the end of its node or of its last child."""

    def __init__(self, channel: Channel[ForkReport, ForkRequest], setup: Setup) -> None:
        self._channel = channel
        self._setup = setup
        self._node = Sentinel(setup.node)
        self._program: Program | None = None
        self._children: dict[int, Sentinel] = {}
        self._draining = False

    def load(self) -> bool:
        """Import the app if it is to be preloaded, and report how it went; False where nothing can be forked."""
        leftovers: tuple[str, ...] = ()
        if self._setup.preload:
            with dying_with(self._node):
                inspection = Inspection()
                try:
                    self._program = load(self._setup.spec)
                except BaseException as error:  # noqa: BLE001 - an import may raise anything, SystemExit included
                    self._channel.send(LoadFailed(import_report(self._setup.spec, error)))
                    return False
                leftovers = inspection.leftovers()
        flush_output()
        gc.collect()
        gc.freeze()  # children share these objects' pages as long as no collector touches them
        set_title(TITLE)  # not before: threads of the import would be named after it
        return self._channel.send(Loaded(leftovers))

    def serve(self) -> Birth | None:
        """Fork and reap until the end. Returns in every forked child too: with its birth there, with None here."""
        try:
            while self._children or not self._draining:
                for fd in self._readable():
                    birth = self._handle(fd)
                    if birth is not None:
                        return birth
        except HungUp:
            for child in self._children.values():
                child.signal(signal.SIGKILL)
        return None

    def _readable(self) -> list[int]:
        poller = select.poll()
        for source in (self._channel, self._node, *self._children.values()):
            poller.register(source, select.POLLIN)
        return [fd for fd, _ in poller.poll()]

    def _handle(self, fd: int) -> Birth | None:
        if fd == self._channel.fileno():
            return self._obey()
        if fd == self._node.fileno():
            raise HungUp("the node is gone")
        self._reap(next(number for number, child in self._children.items() if child.fileno() == fd))
        return None

    def _obey(self) -> Birth | None:
        received = self._channel.receive(wait=False)
        if received is None:
            return None
        request, fds = received
        if isinstance(request, Drain):
            self._draining = True
            return None
        with socket.socket(fileno=fds[0]) as theirs:
            return self._fork(request, theirs)

    def _fork(self, request: Fork, theirs: socket.socket) -> Birth | None:
        get_ready = getattr(self._program, "before_fork", None)
        if get_ready is not None:
            get_ready()
        try:
            pid = os.fork()
        except OSError as error:
            self._channel.send(Unborn(request.number, str(error)))
            return None
        if pid == 0:
            return self._be_born(theirs)
        child = self._children[request.number] = Sentinel(pid)
        self._channel.send(Born(request.number, pid), child.passable())
        return None

    def _be_born(self, theirs: socket.socket) -> Birth:
        """Close, in the child, what is the forkserver's."""
        sock = socket.socket(fileno=theirs.detach())
        self._channel.close()
        for sentinel in (self._node, *self._children.values()):
            sentinel.close()
        return Birth(sock, self._setup.node, self._setup.spec, self._program)

    def _reap(self, number: int) -> None:
        child = self._children[number]
        code = child.reap()
        if code is None:
            return
        del self._children[number]
        child.close()
        self._channel.send(Exited(number, code))


@contextmanager
def dying_with(node: Sentinel) -> Generator[None]:
    """End this process if its node does before the block is through: an app's import may take for ever.

    Leaves no thread behind, so that forks are safe.
    """
    stopped, stop = os.pipe()

    def watch() -> None:
        poller = select.poll()
        poller.register(node, select.POLLIN)
        poller.register(stopped, 0)
        if any(fd == node.fileno() for fd, _ in poller.poll()):
            os._exit(ABANDONED)

    watcher = threading.Thread(target=watch, name="node-watcher")
    watcher.start()
    try:
        yield
    finally:
        os.close(stop)
        watcher.join()
        os.close(stopped)


def _serve(arguments: list[str]) -> int:
    setup, control = inherited(arguments)
    try:
        server = ForkServerProcess(Channel(control, msgspec.msgpack.Decoder(ForkRequest)), setup)
    except ProcessLookupError:  # the node was gone before this began
        return ABANDONED
    if not server.load():
        return 1
    birth = server.serve()
    if birth is not None:
        live(birth)
    return 0


def main(arguments: list[str]) -> NoReturn:
    """Serve on the control socket, as the setup file says; the descriptors of both were passed."""
    leave_signals_to_node()
    run_and_exit(lambda: _serve(arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
