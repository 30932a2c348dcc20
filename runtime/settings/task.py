"""Settings of tasks: how they are called, routed, run and stored; a task's own option has precedence."""

from __future__ import annotations

from math import inf
from typing import Any

from ...transports.api import DEAD_LETTER_EXPIRES
from ...transports.message import NODE_DEATHS
from ..task.rates import is_rate
from .setting import setting


def _is_priority(value: Any) -> bool:
    return value is None or 0 <= value <= 9


def _is_length(value: Any) -> bool:
    return value is None or 0 <= value < inf


class TaskSettings:
    """What holds for every task that does not say otherwise."""

    task_serializer: str = setting("json", "Serializer of messages.", old="CELERY_TASK_SERIALIZER")
    task_compression: str | None = setting(
        None, "Compression of messages, by kombu's name.", old="CELERY_MESSAGE_COMPRESSION"
    )
    task_protocol: int = setting(
        2,
        "Version of the message protocol.",
        old="CELERY_TASK_PROTOCOL",
        check=lambda value: value == 2,
        unused="2 is the only one that is written; 1 is read, too",
    )
    task_always_eager: bool = setting(False, "Calling a task runs it at once, in the calling process.")
    task_eager_propagates: bool = setting(
        False, "An eager call raises what the task raised.", old="CELERY_EAGER_PROPAGATES_EXCEPTIONS"
    )
    task_store_eager_result: bool = setting(False, "Results of eager calls are stored too.")
    task_acks_late: bool = setting(
        True,
        "A message is acknowledged after its outcome is stored (at least once), not before it runs (at most once).",
    )
    task_reject_on_worker_lost: bool | None = setting(
        None,
        "A task whose process died goes back to its queue, up to task_max_deliveries times; with False it is a dead "
        "letter at once, and has failed.",
    )
    task_max_deliveries: int = setting(
        3,
        "How often a task may kill its process before it goes to the dead letter queue.",
        check=lambda value: value > 0,
    )
    task_max_node_deaths: int = setting(
        NODE_DEATHS,
        f"How many nodes, 1 to {NODE_DEATHS}, may die with a message in hand before it goes to the dead letter queue: "
        "they may have died of its task.",
        check=lambda value: 0 < value <= NODE_DEATHS,
    )
    task_dead_letter_expires: float = setting(
        DEAD_LETTER_EXPIRES, "Seconds for which a dead letter is kept.", check=lambda value: value > 0
    )
    task_ignore_result: bool = setting(False, "Results are not stored.")
    task_store_errors_even_if_ignored: bool = setting(False, "Failures are stored even where results are not.")
    task_track_started: bool = setting(False, "A task that starts is stored as STARTED.")
    task_time_limit: float | None = setting(
        None,
        "Seconds after which a task's process is killed, and the task fails with TimeLimitExceeded; 0 for never.",
        old="CELERYD_TASK_TIME_LIMIT",
        check=_is_length,
    )
    task_soft_time_limit: float | None = setting(
        None,
        "Seconds after which SoftTimeLimitExceeded is raised in a task, which may catch it; 0 for never.",
        old="CELERYD_TASK_SOFT_TIME_LIMIT",
        check=_is_length,
    )
    task_default_rate_limit: str | float | None = setting(
        None,
        "How many of each task a node begins at most: '10/s', '100/m', '5/h', or a number for each second; 0 for any.",
        old="CELERY_DEFAULT_RATE_LIMIT",
        check=is_rate,
    )
    task_annotations: dict[str, Any] | list[Any] | None = setting(
        None, "Attributes to set on tasks: {name or '*': {attribute: value}}, or objects with annotate(task)."
    )
    task_repr_maxlevels: int = setting(3, "Depth to which arguments are shown in headers and events.")
    task_publish_retry: bool = setting(
        True, "Publishing is tried again when the broker is away.", old="CELERY_TASK_PUBLISH_RETRY"
    )
    task_publish_retry_policy: dict[str, Any] = setting(
        {"max_retries": 3, "interval_start": 0, "interval_max": 1, "interval_step": 0.2},
        "How publishing is tried again: attempts, and seconds between them.",
        old="CELERY_TASK_PUBLISH_RETRY_POLICY",
    )
    task_default_queue: str = setting("celery", "Where a task goes that is routed nowhere else.")
    task_default_queue_type: str = setting(
        "classic", "Type of the default queue: classic or quorum.", check=lambda value: value in ("classic", "quorum")
    )
    task_default_exchange: str | None = setting(None, "Exchange of the default queue; by default the queue's name.")
    task_default_exchange_type: str = setting("direct", "Type of the default exchange.")
    task_default_routing_key: str | None = setting(None, "Routing key of the default queue; by default its name.")
    task_default_delivery_mode: int = setting(
        2, "2 for messages that survive the broker's restart, 1 for others.", check=lambda value: value in (1, 2)
    )
    task_default_priority: int | None = setting(None, "Priority, 0 to 9.", check=_is_priority)
    task_inherit_parent_priority: bool = setting(False, "A task that a task calls has its caller's priority.")
    task_queue_max_priority: int | None = setting(
        None, "Highest priority of a queue that is made; RabbitMQ has to be told.", check=lambda value: (value or 1) > 0
    )
    task_queues: list[Any] | dict[str, Any] | None = setting(
        None, "Queues that a worker consumes from: kombu queues, names, or {name: options}.", old="CELERY_QUEUES"
    )
    task_create_missing_queues: bool = setting(True, "A queue that task_queues does not have is made when it is named.")
    task_create_missing_queue_type: str = setting(
        "classic", "Type of such a queue: classic or quorum.", check=lambda value: value in ("classic", "quorum")
    )
    task_create_missing_queue_exchange_type: str | None = setting(None, "Type of its exchange; by default direct.")
    task_routes: Any = setting(
        None,
        "Where tasks go: {name, glob or regex: queue or options}, a function, an object, or a list of these.",
    )
    task_allow_error_cb_on_chord_header: bool = setting(
        False, "An errback of a chord's body is also linked to the tasks of its header."
    )
