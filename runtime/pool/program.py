"""What a pool process runs: the protocol of its executor, and how the app that has it is found."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from traceback import TracebackException
from typing import Protocol, cast

from ...actors.errors import UnderstudyError
from ...transports.message import Outcome
from .errors import AppImportFailed
from .packets import AppSpec, ImportReport, Job

PACKAGE = f"{Path(__file__).parents[2]}{os.sep}"
"""Where this package's own files are."""


class Executor(Protocol):
    """Runs tasks in a pool process. Whatever a task does is an outcome; an exception from here is a crash."""

    def run(self, tag: int, queue: str, head: bytes, body: bytes, losses: int, redelivered: bool) -> Outcome:
        """Run the task of one message."""
        ...

    def fail(self, tag: int, queue: str, head: bytes, body: bytes, losses: int, reason: str) -> Outcome:
        """Make the outcome of a message whose process died for `reason` too often, without running it."""
        ...

    def overran(self, tag: int, queue: str, head: bytes, body: bytes, limit: float) -> Outcome:
        """Make the outcome of a message whose process was killed after `limit` seconds, without running it."""
        ...

    def close(self) -> None:
        """Say goodbye: the process ends, on purpose."""
        ...


Program = Callable[[str], Executor]
"""Called once in each new pool process with its node's name: runs the app's hooks, and makes the executor.

It may have a method `before_fork`, which a forkserver calls before it forks such a process.
"""


def carry_out(executor: Executor, job: Job) -> Outcome:
    """Have a job done: run, or failed without running."""
    it = job.delivery
    if job.overran is not None:
        return executor.overran(it.tag, it.queue, it.head, it.body, job.overran)
    if job.post_mortem:
        return executor.fail(it.tag, it.queue, it.head, it.body, it.losses, job.post_mortem)
    return executor.run(it.tag, it.queue, it.head, it.body, it.losses, it.redelivered)


def app_spec(loader: str, app: str, hostname: str = "") -> AppSpec:
    """Return the spec that loads `app` as this process would: same path, working directory and arguments."""
    return AppSpec(loader, app, tuple(sys.path), str(Path.cwd()), tuple(sys.argv), hostname)


def load(spec: AppSpec) -> Program:
    """Import the program of `spec` in its surroundings; whatever the import raises comes out."""
    os.chdir(spec.cwd)
    sys.path[:] = spec.path
    if spec.argv:
        sys.argv[:] = spec.argv
    module, _, function = spec.loader.partition(":")
    loader = cast("Callable[[str], Program]", getattr(importlib.import_module(module), function))
    return loader(spec.app)


def import_report(spec: AppSpec, error: BaseException) -> ImportReport:
    """Describe an error of `load` for a reader who knows the app and not this package."""
    if isinstance(error, AppImportFailed):
        return error.report
    whole = TracebackException.from_exception(error)
    return ImportReport(spec.app, _line(error, whole), _origin(error, whole), "".join(whole.format()))


def _line(error: BaseException, whole: TracebackException) -> str:
    """Return the error in one line; ours speak for themselves."""
    if isinstance(error, UnderstudyError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    return next(whole.format_exception_only()).splitlines()[0]


def _origin(error: BaseException, whole: TracebackException) -> str:
    """Return `file:line` of the last frame of the user's own code, or of the line that is no Python."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    machinery = (PACKAGE, importlib.__file__, "<frozen importlib")
    frames = [frame for frame in whole.stack if not frame.filename.startswith(machinery)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
