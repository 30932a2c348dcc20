"""Programs that are measured: started, watched, asked for their CPU time, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
ENVIRONMENTS = HERE / ".venvs"
POLL = 0.02


def environment_of(peer: str, *packages: str) -> str:
    """Return the interpreter of a peer's own virtual environment, which is made once."""
    home = ENVIRONMENTS / peer
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = home / "installed"
    if not done.exists():
        venv.create(home, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        done.touch()
    return str(python)


def wait_until(condition: Callable[[], bool], program: subprocess.Popen[bytes], limit: float) -> None:
    """Look every now and then; raises RuntimeError when the program ends, or after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        if program.poll() is not None:
            raise RuntimeError(f"{program.args} has ended with {program.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{program.args} has not come so far in {limit:.0f} s")
        time.sleep(POLL)


@contextmanager
def running(
    command: list[str], variables: Mapping[str, str], stop: int = signal.SIGTERM
) -> Generator[subprocess.Popen[bytes]]:
    """Run a program within the block, and stop it by a signal at its end."""
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}) as program:
        try:
            yield program
            program.send_signal(stop)
            program.wait(60)
        finally:
            if program.poll() is None:
                program.kill()


def answer(command: list[str], variables: Mapping[str, str]) -> str:
    """Return what a program prints."""
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def cpu_seconds(root: int, kind_of: Callable[[str], str]) -> dict[str, float]:
    """Return the CPU time so far of a process and all below it, summed by what `kind_of` makes of a name.

    The name is the one that a process has given itself and its command line. Empty where there is no /proc.
    """
    if not sys.platform.startswith("linux"):
        return {}
    tick = os.sysconf("SC_CLK_TCK")
    spent: dict[str, float] = {}
    for pid in family(root):
        try:
            name, fields = status(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        kind = kind_of(name)
        spent[kind] = spent.get(kind, 0.0) + (int(fields[11]) + int(fields[12])) / tick
    return spent


def status(pid: int) -> tuple[str, list[str]]:
    """Return a process's name, and the fields of its stat file from the third on."""
    comm, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return f"{comm} {command}", rest.split()


def peak_memory(root: int, kind_of: Callable[[str], str]) -> dict[str, float]:
    """Return the most memory, in MiB, that was resident in any process of each kind, of a process and all below it.

    Kinds are what `kind_of` makes of names, as for `cpu_seconds`. Empty where there is no /proc.
    """
    if not sys.platform.startswith("linux"):
        return {}
    peaks: dict[str, float] = {}
    for pid in family(root):
        try:
            kind, lines = kind_of(status(pid)[0]), Path(f"/proc/{pid}/status").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        peak = next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
        peaks[kind] = max(peaks.get(kind, 0.0), peak)
    return peaks


def family(root: int) -> list[int]:
    """Return a process and all below it."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                below.setdefault(int(status(int(entry.name))[1][1]), []).append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = [root]
    for pid in found:
        found.extend(below.get(pid, ()))
    return found
