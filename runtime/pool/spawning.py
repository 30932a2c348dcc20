"""`Spawner`: starts pool processes without a forkserver, each in an interpreter of its own."""

from __future__ import annotations

import os

from ...actors.completion import Completion
from .errors import StartFailed
from .forking import launch
from .packets import AppSpec, Setup
from .platform import packet_pair
from .process import PoolProcess


class Spawner:
    """Starts each pool process from nothing: slower than a fork, and no library can mind it.

    Of a `ForkServer` it has what does not concern a forkserver: `spawn`.
    """

    def __init__(self, spec: AppSpec) -> None:
        """Start nothing yet."""
        self._setup = Setup(spec, os.getpid())

    def spawn(self) -> Completion[PoolProcess]:
        """Start a process, which imports the app by itself: its `ready` says how that went."""
        ours, theirs = packet_pair()
        with theirs:
            try:
                sentinel = launch("child", theirs, self._setup)
            except StartFailed as failure:
                ours.close()
                return Completion.failed(failure)
            return Completion.of(PoolProcess(sentinel, ours, theirs.dup()))
