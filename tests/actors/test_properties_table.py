"""The kernel's 78 rules are held by tests that run on every host; docs/reference/kernel-rules.md is the table."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from .stage import HOSTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "kernel-rules.md"
ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`tests/actors/(\w+)\.py::(\w+)`")
NUMBERED = re.compile(r"Propert(?:y|ies) (\d+)(?: (and|to) (\d+))?")
RULES = range(1, 79)
ABOUT_VALUES = {11, 12, 15}
"""Rules for which no actor runs."""


@cache
def table() -> dict[int, list[str]]:
    """Return the tests that the page names, by rule."""
    return {
        int(number): [f"{module}::{test}" for module, test in TEST.findall(tests)]
        for number, _, tests in ROW.findall(PAGE.read_text())
    }


@cache
def numbered() -> dict[int, set[str]]:
    """Return the tests whose docstrings bear the number of a rule."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            match = NUMBERED.match(ast.get_docstring(node) or "") if isinstance(node, ast.FunctionDef) else None
            if match is None or not isinstance(node, ast.FunctionDef):
                continue
            first, how, last = int(match[1]), match[2], int(match[3] or match[1])
            for number in range(first, last + 1) if how != "and" else (first, last):
                found[number].add(f"{path.stem}::{node.name}")
    return found


@cache
def hosts() -> dict[str, set[str]]:
    """Return the hosts on which pytest runs each of the named tests."""
    modules = sorted({test.partition("::")[0] for tests in table().values() for test in tests})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    paths = [f"tests/actors/{module}.py" for module in modules]
    done = subprocess.run([*command, *paths], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, set[str]] = defaultdict(set)
    for module, test, parameters in re.findall(r"^tests/actors/(\w+)\.py::(\w+)(\[.*\])?$", done.stdout, re.MULTILINE):
        found[f"{module}::{test}"] |= {kind for kind in HOSTS if re.search(rf"\b{kind}\b", parameters)}
    return found


def test_every_rule_is_there_once() -> None:
    numbers = [int(number) for number, _, _ in ROW.findall(PAGE.read_text())]
    assert numbers == list(RULES)


@pytest.mark.parametrize("number", RULES)
def test_a_rule_is_held_by_tests_that_say_so(number: int) -> None:
    assert set(table()[number]) == numbered()[number]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", RULES)
def test_a_rule_is_held_on_every_host(number: int) -> None:
    tests = table()[number]
    assert set(tests) <= set(hosts()), "not collected"
    if number not in ABOUT_VALUES:
        assert set().union(*(hosts()[test] for test in tests)) == set(HOSTS)
