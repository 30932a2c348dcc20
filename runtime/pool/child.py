"""The pool process: reads one job, runs it, answers, reads the next.

Forked by a forkserver, or started as `python -m understudy.runtime.pool.child`. It exits when its node does.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

import msgspec

from .channel import Channel
from .errors import HungUp
from .packets import AppSpec, Broken, ChildPacket, Done, Leave, NodePacket, Ready, Setup
from .platform import set_title, unspill, wait_for_hang_up
from .program import Executor, Program, carry_out, import_report, load

TITLE = "understudy-pool"

ABANDONED = 70
"""Exit code of a process whose node is gone; for whoever looks at the process table, since the node cannot."""


class Birth(NamedTuple):
    """What a pool process is born with; `program` is None where the app is imported only now."""

    sock: socket.socket
    node: int
    spec: AppSpec
    program: Program | None


def live(birth: Birth) -> NoReturn:
    """Be a pool process until the node says leave, or is gone."""
    run_and_exit(lambda: _live(birth))


def run_and_exit(life: Callable[[], int]) -> NoReturn:
    """Call `life` and exit with the code that it returns, whatever happens, without the interpreter's exit handlers.

    Those would wait for threads of the app, and in a forked process they were registered for another one.
    """
    code = 1
    try:
        code = life()
    except HungUp:
        code = ABANDONED
    except BaseException as error:  # noqa: BLE001 - nothing of this process may go on after it
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        flush_output()
        os._exit(code)


def flush_output() -> None:
    """Write out what was printed: an exit without exit handlers would lose it, a fork would double it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # a broken pipe, closed, or None
            stream.flush()


def _live(birth: Birth) -> int:
    _settle_in(birth)
    channel: Channel[ChildPacket, NodePacket] = Channel(birth.sock, msgspec.msgpack.Decoder(NodePacket))
    try:
        program = birth.program or load(birth.spec)
        executor = program(birth.spec.hostname)
    except BaseException as error:  # noqa: BLE001 - an import may raise anything, SystemExit included
        channel.send(Broken(import_report(birth.spec, error)))
        return 1
    channel.send(Ready())
    _serve(channel, executor)
    executor.close()
    return 0


def _serve(channel: Channel[ChildPacket, NodePacket], executor: Executor) -> None:
    """Take a packet only when the one before is answered: what is not read yet, the node can take back."""
    clock = time.perf_counter
    while (received := channel.receive()) is not None:
        packet = received[0]
        if isinstance(packet, Leave):
            return
        began = clock()
        outcome = carry_out(executor, packet.job)
        channel.send(Done(packet.number, outcome, clock() - began))


def _settle_in(birth: Birth) -> None:
    """Shed what came with the fork, and make sure to die with the node."""
    _reset_signals()
    _reseed()
    set_title(TITLE)
    # A process that a task forks must neither read jobs nor keep the socket open.
    os.register_at_fork(after_in_child=birth.sock.close)
    _thread.start_new_thread(_die_with_node, (birth.sock, birth.node))


def leave_signals_to_node() -> None:
    """Outlive what ends a terminal's or a service's whole group of processes: the node says when to end.

    SIGTERM gets a handler, which a program that a task starts does not inherit, as it would SIG_IGN.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _go_on)


def _go_on(*_: object) -> None:
    """Take no notice of a signal."""


def _reset_signals() -> None:
    """Drop handlers that the app's import set, for another process; keep what `nohup` and the like ignore."""
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    leave_signals_to_node()
    signal.set_wakeup_fd(-1)


def _reseed() -> None:
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _die_with_node(sock: socket.socket, node: int) -> None:
    """End this process, whatever it is doing, when its node hangs up."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # signals are for the thread that runs tasks
    wait_for_hang_up(sock, node)
    os._exit(ABANDONED)


def main(arguments: list[str]) -> NoReturn:
    """Live on the socket and the setup file whose descriptors were passed (started without a forkserver)."""
    setup, sock = inherited(arguments)
    live(Birth(sock, setup.node, setup.spec, None))


def inherited(arguments: list[str]) -> tuple[Setup, socket.socket]:
    """Return the setup and the socket that a node passed to a new interpreter, and pass them to nobody else."""
    sock, file = (int(argument) for argument in arguments)
    os.set_inheritable(sock, False)
    return msgspec.msgpack.decode(unspill(file), type=Setup), socket.socket(fileno=sock)


if __name__ == "__main__":
    main(sys.argv[1:])
