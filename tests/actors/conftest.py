"""The fixture that runs the kernel's tests on each host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .stage import HOSTS, Journal, Stage, stage_on


@pytest.fixture
def journal() -> Journal:
    """The notes of the actors of this test."""
    return Journal()


@pytest.fixture(params=HOSTS)
def stage(request: pytest.FixtureRequest, journal: Journal) -> Iterator[Stage]:
    """A system, on each host in turn."""
    with stage_on(request.param, journal) as made:
        yield made
