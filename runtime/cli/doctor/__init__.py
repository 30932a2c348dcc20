"""The doctor: looks at what is installed, what the machine allows, and whether broker and results can be used."""

from .examination import examine
from .report import show

__all__ = ["examine", "show"]
