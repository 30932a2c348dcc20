"""The settings table and its values."""

from .setting import Setting
from .settings import Settings, current_name, table

__all__ = ["Setting", "Settings", "current_name", "table"]
