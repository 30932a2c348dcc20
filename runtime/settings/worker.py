"""Settings of a worker node and its pool."""

from __future__ import annotations

from .setting import setting

TASK_LOG_FORMAT = "[%(asctime)s: %(levelname)s/%(processName)s] %(task_name)s[%(task_id)s]: %(message)s"


class WorkerSettings:
    """How a node works."""

    worker_concurrency: int | str | None = setting(
        None, "Tasks that run at a time; by default, or as 'auto', the number of processors."
    )
    worker_pool: str = setting("processes", "What tasks run in: processes, or solo for debugging.")
    worker_max_tasks_per_child: int | None = setting(None, "Tasks after which a pool process is replaced by a new one.")
    worker_max_memory_per_child: int | None = setting(None, "KiB of memory at which a pool process is replaced.")
    worker_proc_alive_timeout: float = setting(10.0, "Seconds that a new pool process may take until it is ready.")
    worker_prefetch_multiplier: int | None = setting(
        None,
        "Messages that a node holds for each slot at most, those that run included; by default, or as 0, as many as it "
        "gets done in 100 ms.",
    )
    worker_prefetch_bytes: int = setting(
        64 << 20,
        "Bytes of messages that a node holds of a queue at most, unless the messages are fewer than its slots.",
        check=lambda value: value > 0,
    )
    worker_disable_rate_limits: bool = setting(
        False, "Rate limits of tasks do not hold.", old="CELERY_DISABLE_RATE_LIMITS"
    )
    worker_deduplicate_successful_tasks: bool = setting(
        True, "A message that comes again after its task has succeeded is acknowledged without running."
    )
    worker_shutdown_grace: float | None = setting(
        25.0, "Seconds that running tasks have at a warm shutdown before they are given back; None for no limit."
    )
    worker_hijack_root_logger: bool = setting(True, "The worker command replaces the handlers of the root logger.")
    worker_redirect_stdouts: bool = setting(True, "What tasks print goes to the log.", old="CELERY_REDIRECT_STDOUTS")
    worker_redirect_stdouts_level: str = setting(
        "WARNING", "The level that it is logged at.", old="CELERY_REDIRECT_STDOUTS_LEVEL"
    )
    worker_log_color: bool | None = setting(None, "Colours in the log; by default on a terminal.")
    worker_log_format: str = setting("[%(asctime)s: %(levelname)s/%(processName)s] %(message)s", "Format of the log.")
    worker_task_log_format: str = setting(TASK_LOG_FORMAT, "Format of what tasks log.")
