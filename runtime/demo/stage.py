"""`Stage`: the folder in which the demo takes place, and the processes that it consists of."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec

from ...transports.embedded.site import Site
from .errors import ProgramFailed, tail
from .job import SLOTS, Job
from .producer import Receipt
from .report import Report

NODES = ("one", "two")
_APP = f"{__package__}.app"
_PATIENCE = 10.0


class Program:
    """A program in a process group of its own, so that it can be killed with everything that it started."""

    def __init__(self, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid: int = self._process.pid
        self.killed: bool = False

    @property
    def status(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float) -> int:
        """Wait for its end and return the exit status; raises `ProgramFailed` where it does not come."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProgramFailed(self.log, f"did not end within {timeout:.0f} s") from None

    def owns(self, pid: int) -> bool:
        """Tell whether a process is there and belongs to this program."""
        try:
            return os.getpgid(pid) == self.pid
        except ProcessLookupError:
            return False

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to a process of this program, if it is still there."""
        if self.owns(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """Kill the program and everything that it started; nothing happens the second time."""
        if not self.killed:
            self.killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to stop; what is left of it then is killed."""
        self._process.terminate()
        with contextlib.suppress(ProgramFailed):
            self.wait(_PATIENCE)
        self.kill()


class Stage:
    """Where the demo takes place. A context manager: when it is left, none of its processes is."""

    def __init__(self, folder: Path, job: Job) -> None:
        self.folder = folder
        self.job = job
        self._programs: dict[str, Program] = {}
        self.ledger: Path = Path(job.ledger)
        self._database = folder / "broker.db"
        self._job_file = folder / "job.json"
        self._plain_report = folder / "plain.json"

    def __enter__(self) -> Self:
        self.job.save(self._job_file)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(self._programs.values())

    @property
    def broker(self) -> str:
        """The URL of the demo's own broker; by the long lease no crowded machine is taken for a dead node."""
        return f"sqlite:///{self._database}?lease=15"

    def produce(self) -> Receipt:
        """Run the producer from its start to its end."""
        receipt = self.folder / "receipt.json"
        producer = self._start("producer", "-m", f"{__package__}.producer", str(self._job_file), str(receipt))
        if producer.wait(timeout=60.0):
            raise ProgramFailed(producer.log, "could not enqueue the job")
        return msgspec.json.decode(receipt.read_bytes(), type=Receipt)

    def begin_plain(self) -> None:
        """Start the plain loop."""
        self._start("plain", "-m", f"{__package__}.plain", str(self._job_file), str(self._plain_report))

    def end_plain(self) -> Report:
        """Wait for the plain loop's report and return it."""
        plain = self._programs["plain"]
        if plain.wait(timeout=300.0):
            raise ProgramFailed(plain.log, "could not index the files")
        return msgspec.json.decode(self._plain_report.read_bytes(), type=Report)

    @property
    def nodes(self) -> dict[str, Program]:
        """The nodes that were started last under each name."""
        return {name: self._programs[name] for name in NODES if name in self._programs}

    def start_node(self, name: str) -> None:
        """Start a node, for the first time or again."""
        slots = str(SLOTS // len(NODES))
        worker = ("-m", "understudy", "-A", _APP, "worker", "-n", f"{name}@demo", "-c", slots, "-l", "WARNING")
        self._start(name, *worker)

    def stop_nodes(self) -> None:
        """Stop all nodes, warm."""
        for program in self.nodes.values():
            program.stop()

    def kill(self, programs: Iterable[Program]) -> None:
        """Kill programs, all at once, and see them dead."""
        doomed = list(programs)
        for program in doomed:
            program.kill()
        for program in doomed:
            program.wait(_PATIENCE)

    def check_nodes(self) -> None:
        """Raise `ProgramFailed` where a node has ended by itself."""
        for program in self.nodes.values():
            if program.status is not None and not program.killed:
                raise ProgramFailed(program.log, f"ended by itself, with status {program.status}")

    def last_words(self) -> str:
        """Return the ends of the nodes' logs."""
        return "\n".join(f"{name}:\n{tail(program.log)}" for name, program in self.nodes.items())

    def writer(self) -> tuple[Program, int] | None:
        """Return the process id of the broker's writer, and the node that started it; None where there is none."""
        note = Site.at(self._database).lock().read_note()
        pid = msgspec.json.decode(note)["pid"] if note else 0
        return next(((node, pid) for node in self.nodes.values() if pid and node.owns(pid)), None)

    def _start(self, name: str, *arguments: str) -> Program:
        program = Program(arguments, self.folder / f"{name}.log", self._environment())
        self._programs[name] = program
        return program

    def _environment(self) -> dict[str, str]:
        """Return this process's environment without what would set up another app than the demo's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("UNDERSTUDY_", "CELERY_"))}
        return {**kept, "UNDERSTUDY_BROKER_URL": self.broker, "XDG_RUNTIME_DIR": str(self.folder)}
