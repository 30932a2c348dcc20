"""`Workshop`: an app as those who run its tasks see it, by the settings of one version."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...transports.chords import Chords, chords_of
from .procedure import Procedure

if TYPE_CHECKING:
    from datetime import tzinfo

    from ..app.app import App
    from ..app.registry import Registry
    from ..results.writing import ResultWriter
    from ..task.request import Request


class Workshop:
    """What running a task needs, worked out once: the app's codecs, its stores, and how each task is run."""

    def __init__(self, app: App) -> None:
        conf, derived = app.conf, app.derived
        self.app = app
        self.version: int = conf.version
        self.tasks: Registry = app.tasks
        self.accepted: frozenset[str] = derived.accepted
        self.writer: ResultWriter = derived.writer
        self.zone: tzinfo | None = derived.zone
        self.inherits_priority: bool = conf.task_inherit_parent_priority
        self.keeps_results: bool = app.connections.keeps_results(conf)
        self.counts_chords: bool = not self.keeps_results or chords_of(app.results) is Chords.COUNTED
        self._procedures: dict[str, Procedure] = {}

    def procedure(self, request: Request) -> Procedure:
        """Return how the task of `request` is run."""
        task: Any = request.owner
        known = self._procedures.get(task.name)
        if known is None or known.task is not task:
            known = self._procedures[task.name] = Procedure(task, self.app.coroutines)
        return known

    @cached_property
    def deduplicates(self) -> bool:
        """Whether a message that comes again is looked up before it runs: only where it may have run unnoticed."""
        conf = self.app.conf
        return (
            conf.worker_deduplicate_successful_tasks and self.keeps_results and not self.app.connections.is_atomic(conf)
        )
