"""The SQL result store: Celery's tables in any database that SQLAlchemy reaches."""

from __future__ import annotations

from .options import SqlOptions
from .store import SqlResults

__all__ = ["SqlOptions", "SqlResults"]
