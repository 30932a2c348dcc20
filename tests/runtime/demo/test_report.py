"""The report that joins indexes."""

from __future__ import annotations

from collections import Counter
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from understudy.runtime.demo.indexing import KEPT, FileIndex, Function
from understudy.runtime.demo.report import Report, join

names = st.text("abc", min_size=1, max_size=3)
functions = st.builds(Function, st.integers(1, 99), names, names)
indexes = st.builds(
    FileIndex,
    names,
    lines=st.integers(0, 999),
    tokens=st.integers(0, 999),
    functions=st.integers(0, 9),
    classes=st.integers(0, 9),
    longest=st.lists(functions, max_size=KEPT),
    imports=st.dictionaries(names, st.integers(1, 9), max_size=4),
    error=st.none() | names,
)
batches = st.lists(indexes, max_size=8, unique_by=lambda index: index.file)


@given(batches, st.randoms())
def test_the_order_of_the_files_does_not_matter(parts: list[FileIndex], random: Random) -> None:
    shuffled = random.sample(parts, len(parts))
    assert join(shuffled) == join(parts)


@given(batches)
def test_nothing_is_lost_in_a_report(parts: list[FileIndex]) -> None:
    report = join(parts)
    assert report.files == sorted(part.file for part in parts)
    assert report.tokens == sum(part.tokens for part in parts)
    assert set(report.unparsed) == {part.file for part in parts if part.error is not None}
    assert Counter(report.imports) == sum((Counter(part.imports) for part in parts), Counter())


@given(batches)
def test_a_report_comes_through_json_as_it_is(parts: list[FileIndex]) -> None:
    report = join(parts)
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_a_file_that_was_joined_twice_shows() -> None:
    assert join([FileIndex("a.py"), FileIndex("a.py")]).files == ["a.py", "a.py"]


def test_the_most_imported_come_first_and_equals_by_name() -> None:
    report = join([FileIndex("a.py", imports={"re": 1, "os": 2, "ast": 1})])
    assert report.most_imported(2) == [("os", 2), ("ast", 1)]
