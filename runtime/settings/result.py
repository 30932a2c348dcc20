"""Settings of results."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from .setting import setting


class ResultSettings:
    """Where results go, and for how long."""

    result_backend: str | None = setting(
        None,
        "The result store; by default the broker's own, where it has one; 'disabled' for none.",
        env="CELERY_RESULT_BACKEND",
    )
    result_backend_transport_options: dict[str, Any] = setting({}, "Options of the result store; see its page.")
    result_chord_retry_interval: float = setting(
        1.0,
        "Seconds between two looks at the header of a chord, at most, where the result store counts nothing.",
        check=lambda value: value > 0,
    )
    result_chord_join_timeout: float = setting(
        3.0, "Seconds to wait for a header's results.", unused="they are read once all of them are there"
    )
    database_url: str | None = setting(
        None, "The SQLAlchemy URL for result_backend='database'.", old="CELERY_RESULT_DBURI"
    )
    database_engine_options: dict[str, Any] = setting(
        {"pool_pre_ping": True, "pool_recycle": 3600},
        "Options of SQLAlchemy's engine.",
        old="CELERY_RESULT_ENGINE_OPTIONS",
    )
    database_engine_callback: str | Callable[..., Any] | None = setting(
        None, "Called with each engine that is made, or the name of what is."
    )
    database_short_lived_sessions: bool = setting(
        False, "Connect to the database anew for each transaction.", old="CELERY_RESULT_DB_SHORT_LIVED_SESSIONS"
    )
    database_table_schemas: dict[str, str] | None = setting(None, "Schemas of the tables: {'task': ..., 'group': ...}.")
    database_table_names: dict[str, str] | None = setting(
        None, "Names of the tables: {'task': ..., 'group': ...}.", old="CELERY_RESULT_DB_TABLENAMES"
    )
    database_create_tables_at_setup: bool = setting(
        True,
        "Create the tables at the start.",
        unused="tables are created where they are missing when a process first uses the store",
    )
    result_serializer: str = setting("json", "Serializer of results.")
    result_compression: str | None = setting(
        None, "Compression of results, by kombu's name, in stores that keep any bytes: not in databases of SQLAlchemy."
    )
    result_extended: bool = setting(False, "Store name, arguments, worker, retries and queue beside the result.")
    result_expires: float | timedelta | None = setting(
        86400.0, "Seconds for which results are kept; None for ever.", old="CELERY_TASK_RESULT_EXPIRES"
    )
    result_failure_expires: float | timedelta | None = setting(
        None, "The same for failures; by default result_expires."
    )
    result_chord_expires: float | timedelta | None = setting(
        None,
        "The same for a chord's parts.",
        unused="parts are kept until their chord is done: in the embedded store for up to 30 days, in Redis for a day, "
        "or as its option `expires` says",
    )
    result_persistent: bool | None = setting(None, "Results that go by message (rpc://) survive the broker's restart.")


def takes_replies(conf: ResultSettings) -> bool:
    """Tell whether results go to their callers by message."""
    return conf.result_backend is not None and conf.result_backend.partition("://")[0] == "rpc"
