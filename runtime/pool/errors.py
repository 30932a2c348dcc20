"""Errors of the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...actors.errors import UnderstudyError

if TYPE_CHECKING:
    from .packets import ImportReport


class PoolError(UnderstudyError):
    """Root of what goes wrong between a node and its pool processes."""


class UnsupportedPlatform(PoolError):
    """This operating system lacks what a process pool is built on."""


class HungUp(PoolError):
    """The other end of a channel is closed: its process is gone."""


class StartFailed(PoolError):
    """A forkserver or pool process could not be started, or died before it was ready."""


class AppImportFailed(PoolError):
    """The app could not be imported; `report` has the error, its place and the traceback."""

    def __init__(self, report: ImportReport) -> None:
        where = f" ({report.where})" if report.where else ""
        super().__init__(f"cannot import the app {report.app!r}: {report.error}{where}")
        self.report = report
