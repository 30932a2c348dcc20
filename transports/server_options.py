"""`ServerOptions`: what users may say about a broker that is a server of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .api import DEAD_LETTER_EXPIRES
from .queues import Queue, Queues
from .tls import Tls


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What users may say about a broker.

    transport_options: kombu's. queue_arguments: of queues that have to be created (`{"x-max-priority": 10}`).
    task_queues: those that have to be as the app says, with what they are bound to.
    reply_timeout: seconds after which a broker that does not answer is taken for gone. heartbeat: seconds (AMQP).
    confirm_timeout: seconds for which a broker that is there may confirm nothing (AMQP).
    lease: seconds after which the messages of a silent node are taken back (Redis, SQL). poll_interval: seconds between
    two looks at a queue, where the broker cannot wake us. ssl: see `transports.tls`. login_method, failover_strategy:
    kombu's. dead_letter_expires: seconds for which a dead letter is kept.
    """

    transport_options: dict[str, Any] = field(default_factory=dict[str, Any])
    queue_arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    task_queues: tuple[Queue, ...] = ()
    connect_timeout: float = 4.0
    reply_timeout: float = 10.0
    confirm_timeout: float = 30.0
    heartbeat: float | None = 10.0
    lease: float | None = None
    poll_interval: float = 0.05
    ssl: Tls = False
    login_method: str | None = None
    failover_strategy: str | None = None
    dead_letter_expires: float = DEAD_LETTER_EXPIRES

    @property
    def queues(self) -> Queues:
        """What the app says about its queues."""
        return Queues(self.task_queues, self.queue_arguments)
