"""The pytest plugin, as users have it: a fixture, a marker, and options."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from argparse import ArgumentTypeError
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.support.programs import ROOT
from understudy.actors.simulation.pytest_plugin import seeds_of
from understudy.testing import ReplayChoice

PLUGIN = "understudy.actors.simulation.pytest_plugin"
TEST = """
import pytest
from understudy.actors import Actor, ChildSpec, Message, Supervisor, on
from understudy.testing import Crash

class Till(Actor):
    pass

class Shop(Supervisor):
    intensity = 100

    def children(self):
        return [ChildSpec("till", Till)]

seeds = []

def play(simulation):
    seeds.append(simulation.choice.seed)
    simulation.spawn(Shop, name="shop")
    simulation.run(seconds=1)

def test_plain(explore):
    explore(play, faults=[Crash(0.1)])
    print(f"seeds: {seeds[0]}..{seeds[-1]} {len(seeds)}")
    seeds.clear()

@pytest.mark.sim(seeds=10, per_test=4)
def test_dealt(explore):
    explore(play)
    print(f"dealt: {seeds}")
    seeds.clear()

@pytest.mark.sim(seeds=30, per_test=10)
@pytest.mark.parametrize("letter", ["a", "b-c"])
def test_fails(explore, letter):
    def unlucky(simulation):
        play(simulation)
        assert simulation.choice.seed != 17, letter

    explore(unlucky)
"""


def run(directory: Path, *arguments: str, test: str = TEST) -> subprocess.CompletedProcess[str]:
    """Run pytest as users do, but for the plugins of others, which take their time."""
    (directory / "test_shop.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", PLUGIN, "-p", "no:cacheprovider", "--strict-markers"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [*command, *arguments], cwd=directory, capture_output=True, text=True, check=False, env=environment
    )


def test_the_plugin_comes_with_the_package() -> None:
    assert PLUGIN in [entry.value for entry in entry_points(group="pytest11")]


def test_a_test_takes_a_hundred_seeds_unless_it_says_otherwise(tmp_path: Path) -> None:
    done = run(tmp_path, "-k", "plain or dealt")
    assert done.returncode == 0, done.stdout
    assert "seeds: 0..99 100" in done.stdout
    assert re.findall(r"dealt: (.*)", done.stdout) == ["[0, 1, 2, 3]", "[4, 5, 6, 7]", "[8, 9]"]


@pytest.mark.parametrize(
    ("option", "shown"), [("--sim-seeds=7", "seeds: 0..6 7"), ("--sim-seeds=5:8", "seeds: 5..7 3")]
)
def test_the_command_line_says_which_seeds(tmp_path: Path, option: str, shown: str) -> None:
    done = run(tmp_path, "-k", "plain", option)
    assert done.returncode == 0, done.stdout
    assert shown in done.stdout


REPLAYED = "test_shop.py::test_fails[b-c]"


def test_a_failing_seed_is_printed_with_the_command_that_replays_it(tmp_path: Path) -> None:
    done = run(tmp_path, "-k", "fails and b-c")
    assert done.returncode == 1, done.stdout
    assert f"replay it with: pytest '{REPLAYED}' --sim-seed=17" in done.stdout
    assert "seed 17, step " in done.stdout


def test_one_seed_is_replayed_and_its_trace_is_written_down(tmp_path: Path) -> None:
    done = run(tmp_path, REPLAYED, "--sim-seed=17", f"--sim-trace={tmp_path / 'trace'}")
    assert done.returncode == 1, done.stdout
    assert "1 failed in" in done.stdout
    assert f"its choices and turns are in {tmp_path / 'trace'}" in done.stdout
    written = (tmp_path / "trace").read_text()
    assert written.startswith("# seed 17\nchoice ")
    assert "simulation /shop/till" in written
    assert ReplayChoice.read(tmp_path / "trace").choose(2**32, "rng") > 0


def test_an_option_for_seeds_is_a_number_or_two() -> None:
    assert (seeds_of("5"), seeds_of("3:5")) == (range(5), range(3, 5))
    with pytest.raises(ArgumentTypeError, match="seeds are a number, or two as in 1000:2000, not 'many'"):
        seeds_of("many")


def test_the_plugin_loads_nothing_of_the_kernel_until_somebody_explores(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        test="import sys\n"
        "def test_nothing():\n"
        "    loaded = [name for name in sys.modules if name.startswith('understudy.') and '.simulation' not in name]\n"
        "    assert loaded == ['understudy.actors'], loaded\n"
        "    assert 'pykka' not in sys.modules\n",
    )
    assert done.returncode == 0, done.stdout
