"""Each example runs as it stands, and prints what it promises."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .support.programs import ROOT

EXAMPLES = ROOT / "examples"
PRINTED = {
    "asynchronous": ["<html>https://example.org/0</html>", "<html>https://example.org/2</html>"],
    "chord": [" self\n", " import\n"],
    "circuit_breaker": ["failed 3 times; then the service was left alone, and asked once more: an answer"],
    "components": ["the sum: 5", "fetched: 1", "dispatched: 1 at a time", "it had a pulse: True"],
    "first_steps": ["2 + 3 = 5"],
    "remote_counter": [
        "visits: 1\n",
        "visits: 42",
        "it has crashed: ValueError: it only counts up",
        "its understudy begins anew: 1",
    ],
    "quarantine": ["invoice 0: 4 times", "invoice 2: 2 times", "in quarantine: Invoice(number=1", "there: True"],
    "retries": ["ordered at attempt 3", "gave up: ConnectionError"],
    "simulation": ["broken: no more tickets", "step by step: True", "100 seeds found nothing"],
    "supervisor": ["left: 99", "the till has crashed", "its understudy: /shop/till", "one part: 2.5", "left: 98"],
    "survival": ["finished, by the second process", "given up: its pool process ended 3 times", "survival.poison"],
}


def run(example: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{example}.py")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("example", PRINTED)
def test_an_example_does_what_it_says(example: str) -> None:
    printed = run(example)
    assert [line for line in PRINTED[example] if line not in printed] == [], printed


def test_every_example_is_run_and_listed() -> None:
    programs = {path.stem for path in EXAMPLES.glob("*.py")} - {"node"}
    listed = (EXAMPLES / "README.md").read_text()
    assert programs == set(PRINTED)
    assert [name for name in programs if f"({name}.py)" not in listed] == []
