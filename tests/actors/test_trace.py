"""A trace reads as Python's own traceback does, and keeps nothing alive."""

from __future__ import annotations

import gc
import traceback
import weakref

import pytest

from understudy.actors.observing.trace import Trace


def fails() -> None:
    raise ValueError("no")


def from_a_cause() -> None:
    try:
        fails()
    except ValueError as error:
        raise KeyError("key") from error


def in_a_context() -> None:
    try:
        fails()
    except ValueError:
        raise OSError  # noqa: B904 - the context is what is meant


def without_context() -> None:
    try:
        fails()
    except ValueError:
        raise TypeError("alone") from None


def with_notes() -> None:
    error = ArithmeticError("wrong")
    error.add_note("at message 3 of 4 in a batch")
    raise error


def in_a_circle() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


@pytest.mark.parametrize("fail", [fails, from_a_cause, in_a_context, without_context, with_notes])
def test_a_trace_reads_as_a_traceback(fail: object) -> None:
    assert callable(fail)
    try:
        fail()
    except Exception as error:  # noqa: BLE001
        expected = "".join(line for line in traceback.format_exception(error))
        found = str(Trace.of(error))
    assert without_marks(found) == without_marks(expected)


def test_a_circle_of_causes_ends() -> None:
    with pytest.raises(ValueError, match="first") as caught:
        in_a_circle()
    assert str(Trace.of(caught.value)).count("ValueError") == 2


def test_a_trace_keeps_nothing_alive() -> None:
    class Held:
        pass

    def hold() -> weakref.ref[Held]:
        held = Held()
        kept.append(weakref.ref(held))
        raise ValueError("while it holds")

    kept: list[weakref.ref[Held]] = []
    try:
        hold()
    except ValueError as error:
        trace = Trace.of(error)
    gc.collect()
    assert kept[0]() is None
    assert "in hold" in str(trace)


def without_marks(text: str) -> list[str]:
    """Return the lines but for those that point at a part of a line."""
    return [line for line in text.splitlines() if line.strip(" ^~")]
