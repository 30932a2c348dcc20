"""The start of a worker by the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ....transports.errors import BrokerUnavailable
from ...app.finding import import_tasks
from ...log_output import LogOptions, set_up
from ...node.blueprint import WorkerOptions
from ...node.worker import Worker
from ..answers import answer
from ..exits import Misuse
from ..session import Session
from .banner import Banner
from .names import named_file, node_name
from .pidfile import pid_file

if TYPE_CHECKING:
    from ...app.app import App


@dataclass(frozen=True, slots=True)
class Launch:
    """What the options of `worker` say; None leaves it to the app's settings."""

    session: Session
    queues: tuple[str, ...] | None
    excluded: tuple[str, ...] | None
    purge: bool
    concurrency: str | None
    pool: str | None
    grace: float | None
    time_limit: float | None
    soft_time_limit: float | None
    loglevel: str
    logfile: str | None
    hostname: str | None
    pidfile: str | None

    def run(self) -> int:
        """Import the app, run a node of it, and return the exit code."""
        hostname = node_name(self.hostname)
        self.session.overrule(task_time_limit=self.time_limit, task_soft_time_limit=self.soft_time_limit)
        found = self.session.find()
        app = found.app
        import_tasks(app, found.address)
        worker = Worker(app, self._options(app, found.address, hostname))
        self._try_broker(app, worker.node.queues[0])
        log = self._log(app, hostname)
        with pid_file(Path(named_file(self.pidfile, hostname)) if self.pidfile else None):
            self._set_up_log(app, log)
            if self.purge:
                self._purge(app, worker.node.queues)
            if not self.session.quiet:
                self._banner(worker, found.address, log).show()
            return worker.run()

    def _options(self, app: App, address: str, hostname: str) -> WorkerOptions:
        if self.pool == "solo" and self.concurrency not in (None, "auto", "1"):
            raise click.UsageError("-P solo runs one task at a time: leave -c out, or choose -P processes")
        automatic = self.concurrency is None or self.concurrency == "auto"
        return WorkerOptions(
            address=address,
            hostname=hostname,
            queues=self._chosen_queues(app),
            concurrency=None if automatic else int(str(self.concurrency)),
            pool=self.pool,
            grace=self.grace,
        )

    def _chosen_queues(self, app: App) -> list[str]:
        router = app.derived.router
        unknown = [name for name in self.queues or () if name not in router.queues]
        if unknown and router.queues and not router.create_missing:
            known = ", ".join(router.queues)
            raise Misuse(f"there is no queue {unknown[0]!r}: task_queues has {known}, and makes no others")
        named = self.queues or list(router.queues) or [router.default.name]
        chosen = [router.name(name) for name in named if name not in (self.excluded or ())]
        if not chosen:
            raise Misuse("no queue is left to take from")
        return chosen

    def _try_broker(self, app: App, queue: str) -> None:
        """Fail at once where the broker will never have us; one that is away may come back."""
        conf = app.conf
        said = conf.broker_connection_retry_on_startup
        patient = conf.broker_connection_retry if said is None else said
        try:
            answer(app, app.transport.size(queue))
        except BrokerUnavailable:
            if not patient:
                raise

    def _log(self, app: App, hostname: str) -> LogOptions:
        level = self.loglevel.upper().replace("FATAL", "CRITICAL")
        file = str(Path(named_file(self.logfile, hostname)).resolve()) if self.logfile else None
        return LogOptions(level, file, app.conf.worker_log_color)

    def _set_up_log(self, app: App, log: LogOptions) -> None:
        try:
            set_up(app.conf, log)
        except OSError as error:
            raise Misuse(f"-f {log.file}: the log cannot be written there: {error.strerror}") from error
        log.publish()

    def _purge(self, app: App, queues: tuple[str, ...]) -> None:
        count = sum(answer(app, app.transport.purge(queue)) for queue in queues)
        self.session.note(f"Deleted {count} message{'' if count == 1 else 's'} from {', '.join(queues)}")

    def _banner(self, worker: Worker, address: str, log: LogOptions) -> Banner:
        slots = worker.node.concurrency
        pool = "solo: in this process" if worker.pool == "solo" else f"{slots} process{'' if slots == 1 else 'es'}"
        where = f"{log.level} and above, to {log.file or 'stderr'}"
        return Banner(worker.app, address, worker.hostname, worker.node.queues, pool, where)
