"""The result store in a folder: Celery's file names and contents."""

from __future__ import annotations

from .options import FileOptions
from .store import FileResults

__all__ = ["FileOptions", "FileResults"]
