"""The demo itself, with few files, as a program."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ...support import Program

LIMIT = 90.0
"""Seconds; it boots nodes twice, which takes its time where two processors are shared."""

StartProgram = Callable[..., Program]


@pytest.fixture
def demo(program: StartProgram, tmp_path: Path) -> Program:
    temporary = tmp_path / "t"
    temporary.mkdir()
    return program(["-m", "understudy", "demo", "--files", "60"], {"TMPDIR": str(temporary)})


@pytest.mark.slow
@pytest.mark.timeout(LIMIT)
def test_no_file_is_lost_whatever_is_killed(demo: Program, tmp_path: Path) -> None:
    status = demo.wait(LIMIT)
    assert "✓ every file is in the report, once" in demo.output, demo.output
    assert "✓ the report is equal to the plain loop's" in demo.output
    assert "✗" not in demo.output, demo.output
    assert status == 0
    assert list((tmp_path / "t").iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(LIMIT)
def test_an_interrupt_in_the_middle_of_the_work_leaves_nothing_behind(demo: Program, tmp_path: Path) -> None:
    demo.wait_for_output("killed", LIMIT)
    demo.signal(signal.SIGINT)
    assert demo.wait() == 130
    assert list((tmp_path / "t").iterdir()) == []
