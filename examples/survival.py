"""A task whose process dies is run again; one that always kills its process ends in the dead letter queue."""

import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

from node import node

from understudy import App
from understudy.exceptions import WorkerLostError

app = App("survival")


@app.task
def fragile(mark: str) -> str:
    """Kill the own process the first time."""
    path = Path(mark)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "finished, by the second process"


@app.task
def poison() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with TemporaryDirectory() as folder, node("survival", "-l", "ERROR"):
        print(fragile.delay(f"{folder}/mark").get(timeout=30))
        try:
            poison.delay().get(timeout=30)
        except WorkerLostError as error:
            print("given up:", error)
        letters = app.transport.dead_letters()
        for letter in letters.list().get(timeout=10):
            print("dead letter:", letter.task, "of queue", letter.queue)
        letters.discard().get(timeout=10)
