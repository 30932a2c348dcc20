"""The pytest plugin: a fixture `explore` that runs a simulation for many seeds, and options that say which.

pytest imports this module at each start, whether or not anybody simulates: so the kernel is imported when it is used.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from .errors import SimulationFailed
    from .running import Body, Exploration, Options, Run

SEEDS = 100
MARKER = (
    "sim(seeds=100, per_test=None): runs in the simulator; `explore` takes so many seeds, dealt to as many tests as it "
    "takes for `per_test` each"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("simulation")
    group.addoption(
        "--sim-seeds",
        type=seeds_of,
        default=None,
        metavar="N",
        help="simulate so many seeds for each test that explores, from 0 on; A:B for those from A to B - 1",
    )
    group.addoption("--sim-seed", type=int, default=None, metavar="S", help="replay this seed only, with its logs")
    group.addoption(
        "--sim-trace", default=None, metavar="FILE", help="write the choices and turns of a failing simulation to FILE"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", MARKER)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Deal the seeds of a test that explores to several, where its marker says so."""
    if "explore" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("sim")
    per_test = marker.kwargs.get("per_test") if marker is not None else None
    seeds = seeds_for(metafunc.config, marker)
    if per_test is None or len(seeds) <= per_test:
        return
    dealt = [seeds[first : first + per_test] for first in range(0, len(seeds), per_test)]
    metafunc.parametrize("explore", dealt, indirect=True, ids=[f"seeds{part[0]}" for part in dealt])


@pytest.fixture
def explore(request: pytest.FixtureRequest) -> Explorer:
    """Run a body in a simulation for each seed of this test: `explore(body, faults=[...])`; see `Explorer`."""
    seeds = getattr(request, "param", None)
    if seeds is None:
        seeds = seeds_for(request.config, request.node.get_closest_marker("sim"))
    return Explorer(request, seeds)


class Explorer:
    """Explores with the seeds that the marker and the command line say; tells how to replay the first that fails."""

    def __init__(self, request: pytest.FixtureRequest, seeds: Sequence[int]) -> None:
        self.seeds = seeds
        self._request = request

    def __call__(self, body: Body[Any], **options: Unpack[Options]) -> Exploration:
        """Do as `understudy.testing.explore` does."""
        from .errors import SimulationFailed
        from .running import Exploration, explore, simulate

        __tracebackhide__ = True
        try:
            if self._request.config.getoption("--sim-seed") is None:
                return explore(body, self.seeds, **options)
            run: Run[Any] = simulate(body, self.seeds[0], **options)
            return Exploration(1, len({run.trace}))
        except SimulationFailed as failure:
            self._explain(failure)
            raise

    def _explain(self, failure: SimulationFailed) -> None:
        failure.add_note(f"replay it with: pytest '{self._test()}' --sim-seed={failure.run.seed}")
        path = self._request.config.getoption("--sim-trace")
        if path is not None:
            failure.run.write(path)
            failure.add_note(f"its choices and turns are in {path}")

    def _test(self) -> str:
        """Return how to call this test, whichever seeds it was dealt."""
        node = self._request.node
        plain, bracket, _ = node.nodeid.partition("[")
        if not bracket:
            return plain
        others = [part for part in node.callspec.id.split("-") if part != f"seeds{self.seeds[0]}"]
        return f"{plain}[{'-'.join(others)}]" if others else plain


def seeds_of(text: str) -> range:
    """Return the seeds that an option's text means: `N` or `A:B`; raises `ArgumentTypeError` for anything else."""
    first, colon, last = text.partition(":")
    try:
        return range(int(first), int(last)) if colon else range(int(first))
    except ValueError:
        raise ArgumentTypeError(f"seeds are a number, or two as in 1000:2000, not {text!r}") from None


def seeds_for(config: pytest.Config, marker: pytest.Mark | None) -> Sequence[int]:
    """Return the seeds that a test with this marker takes."""
    one: int | None = config.getoption("--sim-seed")
    if one is not None:
        return range(one, one + 1)
    wanted: range | None = config.getoption("--sim-seeds")
    if wanted is not None:
        return wanted
    return range(marker.kwargs.get("seeds", SEEDS) if marker is not None else SEEDS)
