"""The whole examination."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ....actors.errors import UnderstudyError
from ....transports.urls import scheme_of
from ..failures import line_of
from .connections import connections
from .embedded import embedded
from .finding import Finding, Section, Verdict
from .limits import limits
from .versions import versions

if TYPE_CHECKING:
    from ...app.app import App


def examine(find: Callable[[], App] | None) -> tuple[list[Section], bool]:
    """Return what was found, and whether nothing is wrong.

    find: imports the app to look at; None to look at the machine alone.
    """
    sections = [versions(), limits()]
    if find is not None:
        sections += _of_app(find)
    well = all(finding.verdict is not Verdict.WRONG for section in sections for finding in section.findings)
    return sections, well


def _of_app(find: Callable[[], App]) -> list[Section]:
    try:
        app = find()
        tasks = app.tasks.regular()
        url = app.connections.broker_url(app.conf)
    except UnderstudyError as error:
        return [Section("App", [Finding("app", "none", Verdict.WRONG, line_of(error))])]
    found = Section("App", [Finding("app", str(app.main or "without a name")), Finding("tasks", str(len(tasks)))])
    # Before this process itself opens the file, so that what is found is what others do.
    place = [embedded(url)] if scheme_of(url) == "sqlite" else []
    return [found, *place, connections(app)]
