"""Results in a folder: Celery's files, one step each."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from tests.support import wait_until
from tests.support.forks import in_forked_child
from understudy.transports import codecs
from understudy.transports.errors import BrokerRefused, UnsupportedByTransport
from understudy.transports.file_results import FileOptions, FileResults
from understudy.transports.message import Result

from ..redis_results.conftest import Fresh

PATIENCE = 10.0
EVERYTHING = codecs.accepted_types(["json", "pickle", "yaml", "msgpack"])
Open = Callable[..., FileResults]


def meta(task_id: str, state: str = "SUCCESS", value: object = 1) -> dict[str, Any]:
    done = datetime.now(UTC).isoformat()
    return {
        "status": state,
        "result": value,
        "traceback": None,
        "children": [],
        "date_done": done,
        "task_id": task_id,
    }


def put(results: FileResults, task_id: str, state: str = "SUCCESS", ttl: float | None = None) -> None:
    payload = json.dumps(meta(task_id, state)).encode()
    results.store([Result(task_id, state, payload, ttl)]).get(timeout=PATIENCE)


def look(results: FileResults, task_id: str) -> Any:
    (payload,) = results.get([task_id]).get(timeout=PATIENCE)
    return None if payload is None else json.loads(payload)["status"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.fixture
def open_results(folder: Path) -> Iterator[Open]:
    opened: list[FileResults] = []

    def start(**options: Any) -> FileResults:
        opened.append(FileResults(f"file://{folder}", FileOptions(**options)))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def stock(folder: Path) -> Iterator[Callable[..., Any]]:
    apps: list[Celery] = []

    def make(**conf: Any) -> Any:
        apps.append(Celery(set_as_current=False, backend=f"file://{folder}"))
        apps[-1].conf.update(accept_content=["json", "pickle", "yaml", "msgpack"], **conf)
        return apps[-1].backend

    yield make
    for app in apps:
        app.close()


@pytest.mark.parametrize("serializer", ["json", "pickle", "yaml", "msgpack"])
def test_celery_and_we_read_what_the_other_wrote(
    folder: Path, open_results: Open, stock: Callable[..., Any], fresh: Fresh, serializer: str
) -> None:
    ours, theirs, group = fresh(), fresh(), fresh()
    results, backend = open_results(serializer=serializer, accept=EVERYTHING), stock(result_serializer=serializer)
    payload = codecs.encode(meta(ours, value={"a": "ü"}), serializer).data

    results.store([Result(ours, "SUCCESS", payload)]).get(timeout=PATIENCE)
    results.save_group(group, codecs.encode_json({"result": [[group, None], [[[ours, None], None]]]}), 60).get(
        timeout=PATIENCE
    )
    backend.store_result(theirs, {"b": 2}, "SUCCESS")

    assert (folder / f"celery-task-meta-{ours}").read_bytes() == payload
    assert backend.get_task_meta(ours)["result"] == {"a": "ü"}
    assert backend.restore_group(group).results[0].id == ours
    (read,) = results.get([theirs]).get(timeout=PATIENCE)
    assert read is not None
    _, kind, encoding = codecs.encode(None, serializer)
    assert codecs.decode(read, kind, encoding, EVERYTHING)["result"] == {"b": 2}


def test_what_celery_compressed_is_read(folder: Path, open_results: Open, fresh: Fresh) -> None:
    one = fresh()
    packed = b"\x00celery-compressed\x00application/x-gzip\x00" + zlib.compress(json.dumps(meta(one)).encode())
    (folder / f"celery-task-meta-{one}").write_bytes(packed)
    results = open_results()

    assert look(results, one) == "SUCCESS"
    assert json.loads(results.wait(one).get(timeout=PATIENCE))["status"] == "SUCCESS"


def test_a_result_has_its_own_time_and_goes_then(open_results: Open, fresh: Fresh) -> None:
    soon, later, ever = fresh(), fresh(), fresh()
    results = open_results(expires=86_400.0)
    put(results, soon, ttl=1.0)
    put(results, later, ttl=600.0)
    put(results, ever, ttl=None)

    wait_until(lambda: look(results, soon) is None, PATIENCE, what="expiry")

    assert look(results, later) == look(results, ever) == "SUCCESS"


def test_celerys_cleaning_and_ours_mean_the_same_time(
    folder: Path, open_results: Open, stock: Callable[..., Any], fresh: Fresh
) -> None:
    old, new, theirs, foreign = fresh(), fresh(), fresh(), folder / "notes.txt"
    results, backend = open_results(expires=3600.0), stock(result_expires=3600)
    put(results, old, ttl=0.01)
    put(results, new, ttl=3600)
    foreign.touch()
    os.utime(foreign, (0, 0))
    wait_until(lambda: look(results, old) is None, PATIENCE, what="expiry")
    assert (folder / f"celery-task-meta-{old}").exists()

    backend.cleanup()

    assert not (folder / f"celery-task-meta-{old}").exists()
    backend.store_result(theirs, 1, "SUCCESS")
    os.utime(folder / f"celery-task-meta-{theirs}", (0, 0))
    assert results.clean().get(timeout=PATIENCE) == 1
    assert sorted(path.name for path in folder.iterdir()) == sorted([foreign.name, f"celery-task-meta-{new}"])


def test_a_process_that_stores_cleans_by_itself(folder: Path, open_results: Open, fresh: Fresh) -> None:
    old = folder / f"celery-task-meta-{fresh()}"
    old.touch()
    os.utime(old, (0, 0))

    put(open_results(expires=0.5), fresh())

    wait_until(lambda: not old.exists(), PATIENCE, what="cleaning")


def test_half_a_file_is_not_a_result_yet(folder: Path, open_results: Open, fresh: Fresh) -> None:
    one = fresh()
    path, whole = folder / f"celery-task-meta-{one}", json.dumps(meta(one)).encode()
    path.touch()
    results = open_results()
    assert look(results, one) is None
    waiting = results.wait(one, 60)

    path.write_bytes(whole)

    assert json.loads(waiting.get(timeout=PATIENCE)) == json.loads(whole)


def test_a_file_that_says_nothing_is_shown_to_whoever_waits(folder: Path, open_results: Open, fresh: Fresh) -> None:
    one = fresh()
    (folder / f"celery-task-meta-{one}").write_bytes(b"no json")

    assert open_results().wait(one).get(timeout=PATIENCE) == b"no json"


@pytest.mark.parametrize("name", ["../outside", "a/b", "nul\0", "x" * 300])
def test_an_id_that_is_no_files_name_has_no_result_and_harms_no_other(
    folder: Path, open_results: Open, fresh: Fresh, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    one, results = fresh(), open_results()
    batch = [Result(task_id, "SUCCESS", json.dumps(meta(task_id)).encode()) for task_id in (name, one)]

    results.store(batch).get(timeout=PATIENCE)

    assert "has no result" in caplog.text
    assert [path.name for path in folder.iterdir()] == [f"celery-task-meta-{one}"]
    assert sorted(path.name for path in folder.parent.iterdir() if path.is_file()) == []


@pytest.mark.parametrize("broken", ["missing", "a file"])
def test_a_folder_that_cannot_be_used_is_an_error_at_once(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "nowhere"
    if broken == "a file":
        path.touch()
    results = FileResults(f"file://{path}")
    started = time.monotonic()

    with pytest.raises(BrokerRefused, match="make sure that the folder exists and may be written to"):
        results.get(["one"]).get(timeout=PATIENCE)
    with pytest.raises(BrokerRefused):
        results.wait("one").get(timeout=PATIENCE)

    assert time.monotonic() - started < PATIENCE / 2
    results.close()


@pytest.mark.parametrize("url", ["file://elsewhere/folder", "file://", "file:///"])
def test_a_url_that_names_no_folder_here_is_an_error_at_once(url: str) -> None:
    with pytest.raises(UnsupportedByTransport, match="say file:///path/to/folder"):
        FileResults(url)


def test_a_forked_child_writes_too(open_results: Open, fresh: Fresh) -> None:
    one, other = fresh(), fresh()
    results = open_results()
    put(results, one)

    in_forked_child(lambda: put(results, other))

    assert look(results, one) == look(results, other) == "SUCCESS"


def test_files_have_the_rights_that_celerys_would_have(folder: Path, open_results: Open, fresh: Fresh) -> None:
    one = fresh()
    mask = os.umask(0o027)
    try:
        put(open_results(), one)
    finally:
        os.umask(mask)

    assert (folder / f"celery-task-meta-{one}").stat().st_mode & 0o777 == 0o640


def test_a_prefix_stands_before_the_names(folder: Path, open_results: Open, fresh: Fresh) -> None:
    one = fresh()

    put(open_results(global_keyprefix="mine"), one)

    assert [path.name for path in folder.iterdir()] == [f"mine_celery-task-meta-{one}"]
