"""Actors on the hub of a program that uses gevent or eventlet, patched or not: each program in a process of its own."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("green_program.py")


def scenarios() -> list[str]:
    """Read the names of the scenarios, without importing a program that patches."""
    for node in ast.parse(PROGRAM.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "SCENARIOS":
            assert isinstance(node.value, ast.List)
            return [each.id for each in node.value.elts if isinstance(each, ast.Name)]
    raise AssertionError("the program has no SCENARIOS")


@cache
def outcomes(library: str, patched: str) -> dict[str, str]:
    """Run the program once, for all tests that ask what came of one of its scenarios."""
    command = [sys.executable, PROGRAM, library, patched]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
@pytest.mark.parametrize("patched", ["patched", "unpatched"])
@pytest.mark.parametrize("scenario", scenarios())
def test_in_a_program_on_a_hub(scenario: str, patched: str, library: str) -> None:
    assert outcomes(library, patched)[scenario] == "ok"
