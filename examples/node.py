"""Runs a worker node beside an example, as `understudy -A MODULE worker` in another terminal would."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def node(module: str, *options: str) -> Iterator[None]:
    """Run a node of the app in `module` for the length of the block; at its end the node is shut down, warm."""
    command = [sys.executable, "-m", "understudy", "--quiet", "-A", module, "worker", *options]
    process = subprocess.Popen(command, cwd=Path(__file__).parent)
    try:
        yield
    finally:
        process.terminate()
        process.wait()
