"""A program that forks while it has a lane: the child starts with a lane of its own, the parent keeps its own.

Argument: how it forks, the name of a function of `tests.support.forks`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from tests.support import forks
from understudy.transports.lane import HasFileno, Lane

PATIENCE = 10.0


class Guest:
    """A resident that notes whether it was let go."""

    abandoned = False

    def turn(self) -> float | None:
        return None

    def sockets(self) -> Sequence[HasFileno]:
        return []

    def leave(self) -> None:
        return

    def abandon(self) -> None:
        self.abandoned = True


def main(how: str) -> None:
    guest = Guest()
    lane = Lane("test", guest)
    parents = lane.submit(threading.get_native_id).get(timeout=PATIENCE)

    def use() -> None:
        assert lane.submit(threading.get_native_id).get(timeout=PATIENCE) != parents
        assert guest.abandoned

    forks.in_forked_child(use, getattr(forks, how))
    assert not guest.abandoned
    assert lane.submit(threading.get_native_id).get(timeout=PATIENCE) == parents
    lane.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
