"""Which files the demo indexes, and how long that takes at least."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from understudy.runtime.demo.indexing import index
from understudy.runtime.demo.job import Job
from understudy.runtime.demo.library import FATAL, KILLER, Source, library, plant, rest_between


def test_every_file_of_the_standard_library_is_indexed_and_nothing_that_was_installed() -> None:
    names = [source.name for source in library()]
    assert {"os.py", "json/decoder.py", "asyncio/base_events.py"} <= set(names)
    assert len(set(names)) == len(names)
    assert not [name for name in names if "site-packages" in name]
    assert all((Path(sysconfig.get_path("stdlib")) / name).is_file() for name in names)


@pytest.mark.parametrize("limit", [1, 10, 100])
def test_a_limit_takes_that_many_files(limit: int) -> None:
    assert len(library(limit)) == limit


def test_of_the_planted_files_one_kills_and_the_others_do_not_parse(tmp_path: Path) -> None:
    killer, others = plant(tmp_path)
    assert killer.name == KILLER
    assert Path(killer.path).read_bytes().startswith(FATAL)
    assert len(others) == 2
    assert all(index(other.name, Path(other.path).read_bytes()).error for other in others)


def test_only_a_small_job_is_slowed_down() -> None:
    assert rest_between([Source("a.py", "a.py", 40_000_000)], slots=4, seconds=5.0) == 0.0
    assert rest_between([Source("a.py", "a.py", 1000)] * 100, slots=4, seconds=5.0) == pytest.approx(0.2, rel=0.1)


def test_a_job_comes_out_of_its_file_as_it_went_in(tmp_path: Path) -> None:
    job = Job.plan(tmp_path, limit=5)
    job.save(tmp_path / "job.json")
    assert Job.load(tmp_path / "job.json") == job
    assert KILLER not in [source.name for source in job.sources]
