"""The Redis result store: Celery's keys, payloads, channels and chords."""

from __future__ import annotations

from .store import RedisResults

__all__ = ["RedisResults"]
