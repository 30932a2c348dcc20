"""The command line: `understudy`, also `python -m understudy`.

Commands are modules of `commands/`, imported when they are called, so that help and completion stay quick. What a
command finds wrong it raises; `failures` turns that into one line and an exit code.
"""

from .root import main

__all__ = ["main"]
