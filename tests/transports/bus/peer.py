"""A node in a process of its own: `python -m tests.transports.bus.peer URL NAME INTERVAL`, until SIGTERM."""

from __future__ import annotations

import signal
import sys
from queue import SimpleQueue

from tests.actors.remote.world import NETWORK, Counter, Observer, Shop
from understudy.actors import System
from understudy.remote import NodeJoined, NodeLeft, join


def say(*words: object) -> None:
    """Print a line."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(url: str, name: str, interval: str) -> None:
    """Run the node."""
    terminated: SimpleQueue[int] = SimpleQueue()
    signal.signal(signal.SIGTERM, lambda number, _: terminated.put(number))
    with System(NETWORK) as system:
        system.events.subscribe(NodeJoined, lambda event: say("joined", event.node))
        system.events.subscribe(NodeLeft, lambda event: say("left", event.node, event.reason))
        system.spawn(Shop, name="shop")
        join(system, url, name, host="h", interval=float(interval), actors=[Counter])
        system.spawn(Observer, name="observer")
        say("ready")
        terminated.get()
    say("stopped")


if __name__ == "__main__":
    main(*sys.argv[1:])
