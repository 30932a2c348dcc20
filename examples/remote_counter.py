"""An actor in another process: called by name, it crashes, is restarted by its supervisor, and is called again."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.actors import Actor, ActorDead, ChildSpec, Message, Supervisor, System, on
from understudy.remote import RemoteError, join, wire


@wire
@dataclass(frozen=True, slots=True)
class Add(Message["Counter", int]):
    """Count up; answered with the sum."""

    amount: int


class Counter(Actor):
    def __init__(self) -> None:
        self._sum = 0

    @on(Add)
    def add(self, message: Add) -> int:
        if message.amount < 0:
            raise ValueError("it only counts up")
        self._sum += message.amount
        return self._sum


class Counters(Supervisor):
    def children(self) -> Sequence[ChildSpec]:
        return [ChildSpec("visits", Counter)]


def serve(url: str) -> None:
    """Be the node that has the counter."""
    with System("site") as system:
        system.spawn(Counters, name="counters")
        join(system, url, "backend")
        sys.stdin.read()  # until whoever started it has ended


def main() -> None:
    """Call it from another process."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/mail.db"
        backend = subprocess.Popen([sys.executable, __file__, url], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with System("site") as system:
            remoting = join(system, url, "frontend")
            remoting.wait_for("backend", timeout=30)
            visits = system.resolve("name://site/backend/counters/visits", Counter)

            print("visits:", visits.ask(Add(1), timeout=10))
            print("visits:", visits.ask(Add(41), timeout=10))
            try:
                visits.ask(Add(-1), timeout=10)
            except RemoteError as error:
                print("it has crashed:", error)
            print("its understudy begins anew:", call_again(system, Add(1)))
        backend.communicate()


def call_again(system: System, message: Add) -> int:
    """Call whoever has the name now; between two incarnations nobody has."""
    visits = system.resolve("name://site/backend/counters/visits", Counter)
    while True:
        try:
            return visits.ask(message, timeout=10)
        except ActorDead:
            continue


if __name__ == "__main__":
    serve(sys.argv[1]) if sys.argv[1:] else main()
