"""`SqlOptions`: what users may say about results in a database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import codecs
from ..polled import LONGEST_PAUSE

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class SqlOptions:
    """What users may say about results in a database.

    engine_options: SQLAlchemy's. engine_callback: called with each engine that is made. short_lived_sessions: connect
    anew for each transaction. table_names, table_schemas: by Celery's keys `task` and `group`. serializer: how values
    are encoded; accept: the content types that may be decoded. expires: seconds for which results are kept, None for
    ever; the tables keep no other time for any of them. patience: seconds after which a server that cannot be reached
    is an error. reply_timeout: seconds after which one that does not answer is taken for gone (by psycopg and
    PyMySQL). poll_interval: seconds between two looks for a result at most. notify: PostgreSQL (with psycopg) tells
    those who wait, so that they need not wait for the next look.
    """

    engine_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    engine_callback: Callable[..., object] | None = None
    short_lived_sessions: bool = False
    table_names: Mapping[str, str] | None = None
    table_schemas: Mapping[str, str] | None = None
    serializer: str = "json"
    accept: Collection[str] = (codecs.JSON,)
    expires: float | None = DAY
    patience: float = 5.0
    connect_timeout: float = 4.0
    reply_timeout: float = 10.0
    poll_interval: float = LONGEST_PAUSE
    notify: bool = True
