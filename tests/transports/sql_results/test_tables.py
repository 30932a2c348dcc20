"""What stands in the tables: Celery reads what we write, and the other way round."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from understudy.transports import codecs
from understudy.transports.message import Result

from ..redis_results.conftest import Fresh
from .conftest import PATIENCE, Open, look, meta, put

EVERYTHING = codecs.accepted_types(["json", "pickle", "yaml", "msgpack"])
SERIALIZERS = ["json", "pickle", "yaml", "msgpack"]


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_celery_reads_what_we_wrote(
    file_url: str, open_results: Open, stock: Callable[..., Any], fresh: Fresh, serializer: str
) -> None:
    one = fresh()
    said = {
        "status": "SUCCESS",
        "result": {"a": [1, "ü"]},
        "traceback": None,
        "children": [[["child", None], None]],
        "date_done": datetime.now(UTC).isoformat(),
        "name": "tests.task",
        "args": [1],
        "kwargs": {"x": 2},
        "worker": "w@h",
        "retries": 3,
        "queue": "celery",
        "stamped_headers": ["stamp"],
        "stamp": ["s"],
        "task_id": one,
    }
    results = open_results(file_url, serializer=serializer, accept=EVERYTHING)

    results.store([Result(one, "SUCCESS", codecs.encode(said, serializer).data)]).get(timeout=PATIENCE)

    read = stock(file_url, result_serializer=serializer, result_extended=True).get_task_meta(one)
    read["date_done"] = read["date_done"].replace(tzinfo=UTC).isoformat()
    assert {name: read[name] for name in said} == said


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_we_read_what_celery_wrote(
    file_url: str, open_results: Open, stock: Callable[..., Any], fresh: Fresh, serializer: str
) -> None:
    one, group = fresh(), fresh()
    backend = stock(file_url, result_serializer=serializer)
    backend.store_result(one, {"a": [1, "ü"]}, "SUCCESS")
    members = [backend.app.AsyncResult(one)]
    backend.save_group(group, backend.app.GroupResult(group, members))
    results = open_results(file_url, serializer=serializer, accept=EVERYTHING)

    (payload,) = results.get([one]).get(timeout=PATIENCE)
    saved = results.restore_group(group).get(timeout=PATIENCE)

    assert payload is not None
    assert saved is not None
    _, kind, encoding = codecs.encode(None, serializer)
    read = codecs.decode(payload, kind, encoding, EVERYTHING)
    assert (read["status"], read["result"], read["children"]) == ("SUCCESS", {"a": [1, "ü"]}, [])
    assert codecs.decode_json(saved) == {"result": [[group, None], [[[one, None], None]]]}


def test_celery_and_we_share_the_tables_that_either_made(
    url: str, open_results: Open, stock: Callable[..., Any], fresh: Fresh
) -> None:
    one, other = fresh(), fresh()
    names = {"task": f"tasks_{one}", "group": f"groups_{one}"}
    driver = url.replace("postgresql:", "postgresql+psycopg:").replace("mysql:", "mysql+pymysql:")
    results = open_results(url, table_names=names)

    put(results, one, value="ours")
    backend = stock(driver, database_table_names=names)
    backend.store_result(other, "theirs", "SUCCESS")

    assert backend.get_task_meta(one)["result"] == "ours"
    assert look(results, other)["result"] == "theirs"
    backend.task_cls.configure()  # the names are the class's, not the backend's
    backend.taskset_cls.configure()


def test_many_who_begin_at_once_make_the_tables_once(url: str, open_results: Open, fresh: Fresh) -> None:
    names = {"task": f"tasks_{fresh()}", "group": f"groups_{fresh()}"}
    stores = [open_results(url, table_names=names) for _ in range(5)]

    begun = [store.get(["nobody"]) for store in stores]

    assert [one.get(timeout=PATIENCE) for one in begun] == [[None]] * 5


def test_columns_that_an_older_celery_did_not_make_are_added(
    tmp_path: Path, file_url: str, open_results: Open, fresh: Fresh
) -> None:
    one = fresh()
    with sqlite3.connect(tmp_path / "results.db") as old:
        old.execute(
            "CREATE TABLE celery_taskmeta (id INTEGER PRIMARY KEY AUTOINCREMENT, task_id VARCHAR(155) UNIQUE, "
            "status VARCHAR(50), result BLOB, date_done DATETIME, traceback TEXT)"
        )
        old.execute("INSERT INTO celery_taskmeta (task_id, status, result) VALUES ('old', 'SUCCESS', X'35')")
    old.close()
    results = open_results(file_url)

    put(results, one, name="tests.task")

    assert look(results, one)["name"] == "tests.task"
    assert look(results, "old")["result"] == 5


@pytest.mark.parametrize("accepts", [True, False])
def test_what_celery_pickled_before_5_7_is_read_where_pickle_is_accepted(
    tmp_path: Path, file_url: str, open_results: Open, accepts: bool
) -> None:
    results = open_results(file_url, accept=EVERYTHING if accepts else [codecs.JSON])
    put(results, "new")
    with sqlite3.connect(tmp_path / "results.db") as file:
        pickled = pickle.dumps({"a": 1})
        file.execute("INSERT INTO celery_taskmeta (task_id, status, result) VALUES ('old', 'SUCCESS', ?)", (pickled,))
    file.close()

    (payload,) = results.get(["old"]).get(timeout=PATIENCE)

    assert payload is not None
    if accepts:
        assert codecs.decode_json(payload)["result"] == {"a": 1}
    else:
        with pytest.raises(codecs.DecodeError):
            codecs.decode_json(payload)


def test_numbers_that_json_does_not_have_pass_as_celery_writes_them(
    file_url: str, open_results: Open, fresh: Fresh
) -> None:
    one = fresh()
    results = open_results(file_url)

    put(results, one, value=[float("inf")])

    assert look(results, one)["result"] == [float("inf")]


def test_a_result_that_does_not_fit_fails_alone(
    postgresql_url: str, open_results: Open, fresh: Fresh, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad, long = fresh(), fresh(), "x" * 200
    results = open_results(postgresql_url)
    batch = [
        Result(long, "SUCCESS", meta(long)),
        Result(bad, "FAILURE", meta(bad, "FAILURE", traceback="a\0b")),
        Result(good, "SUCCESS", meta(good)),
    ]

    results.store(batch).get(timeout=PATIENCE)

    assert look(results, good)["status"] == "SUCCESS"
    assert look(results, bad)["result"]["exc_type"] == "BackendStoreError"
    assert f"task {long} has no result" in caplog.text
