"""Apps for pool processes to import. Each loader takes what `-A` would say and returns a program."""

from __future__ import annotations

import _thread
import os
import re
import signal
import socket
import sys
import threading
from pathlib import Path

from understudy.actors.errors import UnderstudyError
from understudy.runtime.pool.errors import AppImportFailed
from understudy.runtime.pool.packets import ImportReport
from understudy.runtime.pool.program import Program
from understudy.transports.message import Outcome, Result


class Toy:
    """Runs bodies of the form `command argument`, each of which does one thing that a task may do."""

    def __init__(self, hostname: str = "") -> None:
        self.hostname = hostname

    def run(self, tag: int, queue: str, head: bytes, body: bytes, losses: int, redelivered: bool) -> Outcome:
        command, _, argument = body.partition(b" ")
        return Outcome(tag, reason=str(getattr(self, command.decode())(argument.decode())))

    def fail(self, tag: int, queue: str, head: bytes, body: bytes, losses: int, reason: str) -> Outcome:
        return Outcome(tag, reason=f"failed: {reason}")

    def close(self) -> None:
        pass

    def echo(self, text: str) -> str:
        return text

    def length(self, text: str) -> int:
        return len(text)

    def descriptors(self, _: str) -> str:
        links = {fd.name: str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.exists()}
        return "\n".join(f"{fd} {link}" for fd, link in sorted(links.items()))

    def inheritable(self, _: str) -> str:
        descriptors = [int(fd.name) for fd in Path("/dev/fd").iterdir() if fd.exists()]
        return " ".join(str(fd) for fd in descriptors if fd > 2 and os.get_inheritable(fd))

    def random(self, _: str) -> float:
        import random

        return random.random()

    def threads(self, _: str) -> int:
        return threading.active_count()

    def handlers(self, _: str) -> str:
        watched = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
        return " ".join(
            getattr(handler, "name", None) or handler.__name__ for handler in map(signal.getsignal, watched)
        )  # type: ignore[union-attr]

    def begin(self, path: str) -> None:
        """Say that it runs, and wait to be killed."""
        Path(path).write_text(str(os.getpid()))
        signal.pause()

    def spin(self, path: str) -> None:
        """Say that it runs, and keep the interpreter busy."""
        Path(path).write_text(str(os.getpid()))
        while True:
            pass

    def seize(self, path: str) -> None:
        """Say that it runs, and let no other thread of the process run."""
        Path(path).write_text(str(os.getpid()))
        re.match(r"(a+)+$", "a" * 64 + "b")

    def until(self, path: str) -> str:
        """Run until somebody opens the pipe at `path` and writes."""
        return Path(path).read_text()

    def log(self, argument: str) -> str:
        """Append a line to a file: `path line`."""
        path, _, line = argument.partition(" ")
        with Path(path).open("a") as file:
            file.write(line + "\n")
        return line

    def exit(self, code: str) -> None:
        os._exit(int(code))

    def die(self, signum: str) -> None:
        os.kill(os.getpid(), int(signum))

    def fork(self, _: str) -> str:
        """Fork as careless code does: the new process comes back from the task as well."""
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
        else:
            sys.stderr = None  # its protest is expected
        return "parent" if pid else "child"


class Large(Toy):
    """Answers with as many bytes as it is asked for."""

    def run(self, tag: int, queue: str, head: bytes, body: bytes, losses: int, redelivered: bool) -> Outcome:
        return Outcome(tag, result=Result("id", "SUCCESS", bytes(len(body))))


def load(app: str) -> Program:
    return Toy


def load_large(app: str) -> Program:
    return Large


def load_handled(app: str) -> Program:
    """Set signal handlers while importing, as some libraries do."""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda *_: None)
    return Toy


def load_with_thread(app: str) -> Program:
    threading.Thread(target=threading.Event().wait, name="metrics-pusher", daemon=True).start()
    return Toy


def load_with_native_thread(app: str) -> Program:
    """Start a thread that the threading module does not know, as an extension module does."""
    _thread.start_new_thread(threading.Event().wait, ())
    return Toy


def load_with_socket(app: str) -> Program:
    globals()["left_open"] = socket.create_server(("127.0.0.1", 0))
    return Toy


def load_printing(app: str) -> Program:
    sys.stdout.write("hello from the import\n")
    return Toy


def load_file(app: str) -> Program:
    """Import the file that `app` names, which may not be possible."""
    import runpy

    runpy.run_path(app)
    return Toy


def load_module(app: str) -> Program:
    """Import the module that `app` names, from wherever it is found."""
    __import__(app)
    return Toy


def load_endless(app: str) -> Program:
    """Say that the import has begun, and never come to its end."""
    Path(app).write_text(str(os.getpid()))
    while True:
        signal.pause()


def load_slowly(app: str) -> Program:
    """Wait in the import until somebody opens the pipe at `app` and writes."""
    Path(app).read_text()
    return Toy


def load_refused(app: str) -> Program:
    raise UnderstudyError("the setting 'brokr' is unknown")


def load_reported(app: str) -> Program:
    raise AppImportFailed(ImportReport(app, "ZeroDivisionError: division by zero", "shop.py:7", "Traceback"))


def load_uninitialised(app: str) -> Program:
    def program(hostname: str) -> Toy:
        raise RuntimeError("worker_process_init went wrong")

    return program
