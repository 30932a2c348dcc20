"""`Blueprint`: what a node is to be, as it follows from an app and its command line."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ...actors import ChildSpec, UnderstudyError
from ..components.entry_points import install_all
from ..execution.executor import Executor
from ..inspection.protocol import Identity
from ..pool.program import app_spec, carry_out
from ..task.rates import tasks_per_second
from .announcement import Announcement
from .context import PREFETCH_LIMIT, NodeContext, NodeOptions
from .limits import TimeLimits, unlimited
from .neighbours import remoting_children
from .nursery import Nursery
from .program import LOADER, SoloProgram
from .solo import SoloNursery

if TYPE_CHECKING:
    from ...actors import System
    from ...transports.message import Outcome
    from ..app.app import App
    from ..pool.packets import Job
    from .stopwatch import HardLimit

PROCESS_POOLS = ("processes", "prefork")
POOLS = (*PROCESS_POOLS, "solo")


class WorkerFailed(UnderstudyError):
    """The node could not start, or gave up; says why in one line."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What the command line says; None leaves it to the app's settings. Times are seconds.

    address: where pool processes find the app, `module:attribute`; the solo pool needs none.
    """

    address: str = ""
    hostname: str | None = None
    queues: Sequence[str] | None = None
    concurrency: int | None = None
    pool: str | None = None
    grace: float | None = None


class Blueprint:
    """A node of `app` called `hostname`. Raises `WorkerFailed` for a pool that does not exist."""

    def __init__(self, app: App, hostname: str, options: WorkerOptions) -> None:
        self._app = app
        self._hostname = hostname
        self._address = options.address
        self.pool: str = options.pool or app.conf.worker_pool
        if self.pool not in POOLS:
            raise WorkerFailed(f"there is no pool {self.pool!r}: known are {', '.join(POOLS)}")
        self.node: NodeOptions = self._node_options(options)

    def _node_options(self, options: WorkerOptions) -> NodeOptions:
        conf = self._app.conf
        concurrency = options.concurrency or conf.worker_concurrency
        if not isinstance(concurrency, int):
            concurrency = 1 if self.pool == "solo" else os.cpu_count() or 1
        return NodeOptions(
            queues=tuple(options.queues or self._app.derived.router.consumed()),
            concurrency=concurrency,
            max_deliveries=conf.task_max_deliveries,
            max_node_deaths=conf.task_max_node_deaths,
            grace=options.grace if options.grace is not None else conf.worker_shutdown_grace,
            lease=self._app.transport.capabilities.lease,
            prefetch_limit=concurrency * conf.worker_prefetch_multiplier
            if conf.worker_prefetch_multiplier
            else PREFETCH_LIMIT,
            prefetch_bytes=conf.worker_prefetch_bytes,
            ready_within=conf.worker_proc_alive_timeout,
            max_tasks_per_child=conf.worker_max_tasks_per_child,
            max_memory_per_child=conf.worker_max_memory_per_child,
        )

    def warnings(self) -> list[str]:
        """Return what is to be said of settings that have no effect here."""
        conf = self._app.conf
        said = [f"the setting {name} has no effect: {reason}" for name, reason in conf.without_effect().items()]
        if self.pool == "solo" and (conf.task_time_limit or conf.task_soft_time_limit):
            said.append("the solo pool enforces no time limits: there is no process to interrupt or kill")
        return said

    def identity(self, system: System) -> Identity:
        """Return what the node tells of itself to those who look at it."""
        address, node = self._address or repr(self._app), self.node
        started = system.clock.time()
        return Identity(self._hostname, os.getpid(), address, self.pool, node.concurrency, node.queues, started)

    def context(self, system: System) -> NodeContext:
        """Return what the node's actors share, what users have added included; a new boot each time.

        Raises `BadSpec` where a component makes no sense, and `WorkerFailed` for a broker that is within one process.
        """
        app = self._app
        store = app.results if app.connections.keeps_results(app.conf) else None
        install_all(app.components)
        tasks = app.tasks.values()
        return app.components.cast(
            NodeContext(
                name=self._hostname,
                boot=secrets.token_hex(6),
                options=self.node,
                transport=app.transport,
                store=store,
                transport_children=[
                    *transport_children(app.transport),
                    *transport_children(store),
                    *remoting_children(system, app.transport, self._hostname),
                ],
                nursery=self._nursery(),
                obituary=self._obituary,
                hard_limit=self._hard_limit(),
                received=Announcement(app, self._hostname),
                rates=self._rates(),
                fragile=frozenset(task.name for task in tasks if task.reject_on_worker_lost is False),
                early=frozenset(task.name for task in tasks if not task.acks_late),
            )
        )

    def _nursery(self) -> ChildSpec:
        if self.pool == "solo":
            return ChildSpec("nursery", SoloNursery, (SoloProgram(self._app), self._hostname))
        transport = self._app.transport
        if not transport.capabilities.across_processes:
            raise WorkerFailed(f"{transport.url} stays within one process: run it with the solo pool (-P solo)")
        return ChildSpec("nursery", Nursery, (app_spec(LOADER, self._address, self._hostname),))

    def _hard_limit(self) -> HardLimit:
        if self.pool == "solo":
            return unlimited  # nothing can be killed there but the node
        return TimeLimits({task.name: task.time_limit for task in self._app.tasks.values()}).of

    def _rates(self) -> dict[str, float]:
        if self._app.conf.worker_disable_rate_limits:
            return {}
        rates = {name: tasks_per_second(task.rate_limit) for name, task in self._app.tasks.regular().items()}
        return {name: rate for name, rate in rates.items() if rate is not None}

    def _obituary(self, job: Job) -> Outcome:
        """Return the outcome of a job that even its post-mortem did not survive: from its head, without its body."""
        bodiless = replace(job, delivery=replace(job.delivery, body=b""))
        return carry_out(Executor(self._app, self._hostname), bodiless)


def transport_children(transport: Any) -> list[ChildSpec]:
    """Return the actors that a transport, or a result store, wants in a node's tree."""
    children = getattr(transport, "node_children", None)
    return list(children()) if children is not None else []
