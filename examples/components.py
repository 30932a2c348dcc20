"""A node with a component of the app's own, and with another intake, dispatch and supervisor than its own."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from node import node

from understudy import App
from understudy.actors import Actor, ChildSpec, Message, on
from understudy.runtime.node.dispatch import Dispatch
from understudy.runtime.node.intake import IntakeActor
from understudy.runtime.node.messages import Deliver, Fetched
from understudy.runtime.node.node import ServicesSupervisor

app = App("components")
NOTES = Path(os.environ.setdefault("NOTES", tempfile.mkdtemp()))


@app.task
def add(x: int, y: int) -> int:
    return x + y


@dataclass(frozen=True, slots=True)
class Beat(Message["Pulse", None]):
    """Time for another beat."""


class Pulse(Actor):
    """A component: it beats as long as the node lives, beside whatever that does."""

    def __init__(self, every: float) -> None:
        self._every = every

    def on_start(self) -> None:
        self.beat(Beat())
        self.every(self._every, Beat())

    @on(Beat)
    def beat(self, _: Beat) -> None:
        (NOTES / "pulse").write_text(f"{self.clock.time():.0f}")


class CountingIntake(IntakeActor):
    """Plays the part of the node's intake, and counts what it fetches."""

    fetched_so_far = 0

    @on(Fetched)
    def fetched(self, event: Fetched) -> None:
        self.fetched_so_far += len(event.deliveries)
        (NOTES / "fetched").write_text(str(self.fetched_so_far))
        super().fetched(event)


class TalkativeDispatch(Dispatch):
    """Plays the part of the node's dispatch, and says what it holds."""

    @on(Deliver)
    def deliver(self, message: Deliver) -> None:
        (NOTES / "dispatched").write_text(f"{len(message.deliveries)} at a time")
        super().deliver(message)


class PatientServices(ServicesSupervisor):
    """Plays the part of a whole supervisor, whose patience is another."""

    intensity = 100
    period = 60.0


app.components.add(ChildSpec("pulse", Pulse, (0.5,)), after=("pool",))
app.components.replace("queues/intake", CountingIntake)
app.components.replace("queues/dispatch", TalkativeDispatch)
app.components.replace("services", PatientServices)


def main() -> None:
    with node("components", "-c", "1"):
        print("the sum:", add.delay(2, 3).get(timeout=30))
    print("fetched:", (NOTES / "fetched").read_text())
    print("dispatched:", (NOTES / "dispatched").read_text())
    print("it had a pulse:", (NOTES / "pulse").exists())


if __name__ == "__main__":
    main()
