"""Payloads in other serializers than JSON, and compressed: the store has to read them to know which are final."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartProgram
from tests.support import wait_until
from understudy import App
from understudy.actors.errors import Timeout
from understudy.transports import codecs
from understudy.transports.message import Result
from understudy.transports.payloads import compressed
from understudy.transports.redis_results import RedisResults

from .conftest import Fresh

PATIENCE = 10.0


@dataclass(frozen=True)
class Form:
    """How payloads are written."""

    serializer: str
    compression: str | None = None

    def __str__(self) -> str:
        return f"{self.serializer}-{self.compression}" if self.compression else self.serializer

    @property
    def accept(self) -> frozenset[str]:
        return codecs.accepted_types([self.serializer])

    def written(self, task_id: str, state: str, value: object = None) -> bytes:
        """Return a payload as it is after it was opened."""
        return codecs.encode({"status": state, "result": value, "task_id": task_id}, self.serializer).data

    def result(self, task_id: str, state: str, value: object = None) -> Result:
        payload = self.written(task_id, state, value)
        return Result(task_id, state, compressed(payload, self.compression) if self.compression else payload, None)


FORMS = [Form("msgpack"), Form("pickle"), Form("yaml"), Form("cloudpickle"), Form("json", "zlib"), Form("yaml", "lzma")]


@pytest.fixture(params=FORMS, ids=str)
def form(request: pytest.FixtureRequest, results: RedisResults) -> Form:
    """Each way to write payloads in turn; the store knows of it."""
    results.expect(request.param.serializer, request.param.accept)
    return request.param


def put(results: RedisResults, *states: Result) -> None:
    results.store(states).get(timeout=PATIENCE)


def test_a_wait_outlasts_every_state_that_is_pushed_before_the_last(
    results: RedisResults, form: Form, fresh: Fresh
) -> None:
    one = fresh()
    waiting = results.wait(one)

    for state in ("STARTED", "PROGRESS", "RETRY"):
        put(results, form.result(one, state, {"done": 1}))
        with pytest.raises(Timeout):
            waiting.get(timeout=0.05)
    put(results, form.result(one, "SUCCESS", [1]))

    assert waiting.get(timeout=PATIENCE) == form.written(one, "SUCCESS", [1])


@pytest.mark.parametrize("state", ["STARTED", "PROGRESS"])
def test_a_wait_outlasts_a_state_that_was_there_before(
    results: RedisResults, form: Form, fresh: Fresh, state: str
) -> None:
    one = fresh()
    put(results, form.result(one, state))

    waiting = results.wait(one)
    with pytest.raises(Timeout):
        waiting.get(timeout=0.1)
    assert results.get([one]).get(timeout=PATIENCE) == [form.written(one, state)]
    put(results, form.result(one, "FAILURE"))

    assert waiting.get(timeout=PATIENCE) == form.written(one, "FAILURE")


def test_a_wait_for_what_is_there_ends_at_once(results: RedisResults, form: Form, fresh: Fresh) -> None:
    one = fresh()
    put(results, form.result(one, "SUCCESS", 1))

    assert results.wait(one).get(timeout=PATIENCE) == form.written(one, "SUCCESS", 1)


def test_no_other_state_takes_the_place_of_success(results: RedisResults, form: Form, fresh: Fresh) -> None:
    one, other = fresh(), fresh()
    put(results, form.result(one, "SUCCESS", 1), form.result(other, "STARTED"))

    put(results, form.result(one, "FAILURE"), form.result(other, "RETRY"), form.result(other, "FAILURE", 2))

    kept = [form.written(one, "SUCCESS", 1), form.written(other, "FAILURE", 2)]
    assert results.get([one, other]).get(timeout=PATIENCE) == kept


def test_what_cannot_be_read_may_be_overwritten(results: RedisResults, form: Form, fresh: Fresh, server: Any) -> None:
    one = fresh()
    server.set(f"celery-task-meta-{one}", b"\xff\xff: neither")

    put(results, form.result(one, "FAILURE"))

    assert results.get([one]).get(timeout=PATIENCE) == [form.written(one, "FAILURE")]


@pytest.mark.parametrize("payload", [b"\xff\xff: neither", b"\0celery-compressed\0application/x-gzip\0nonsense"])
def test_whoever_waits_for_what_cannot_be_read_gets_it_as_it_is(
    results: RedisResults, form: Form, fresh: Fresh, server: Any, payload: bytes
) -> None:
    one, other = fresh(), fresh()
    waiting = results.wait(other)
    server.set(f"celery-task-meta-{one}", payload)

    assert results.wait(one).get(timeout=PATIENCE) == payload
    put(results, form.result(other, "SUCCESS"))
    assert waiting.get(timeout=PATIENCE) == form.written(other, "SUCCESS")


def test_what_may_not_be_decoded_is_not_decoded(results: RedisResults, fresh: Fresh, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (tmp_path / "sprung").touch, ()

    one, form = fresh(), Form("pickle")
    results.expect("pickle", codecs.accepted_types(["json"]))

    put(results, form.result(one, "SUCCESS", Trap()))
    put(results, Result(one, "FAILURE", b"{}", None))

    assert results.wait(one).get(timeout=PATIENCE) == b"{}"
    assert not (tmp_path / "sprung").exists()


SOURCE = """
import time
from pathlib import Path
from understudy import App

here = Path(__file__).parent
app = App("proj", broker={broker!r}, backend={backend!r})
app.conf.update({settings!r})


@app.task(bind=True, name="proj.work")
def work(self, steps):
    for step in range(steps):
        self.update_state(state="PROGRESS", meta={{"step": step}})
        while not (here / f"go{{step}}").exists():
            time.sleep(0.01)
    return steps
"""


@pytest.fixture(params=["of the broker", "beside it"])
def backend(request: pytest.FixtureRequest, redis_url: str) -> str:
    return redis_url if request.param == "of the broker" else redis_url.rpartition("/")[0] + "/1"


@pytest.fixture(params=["json", "msgpack", "pickle", "yaml"])
def client(
    request: pytest.FixtureRequest, redis_url: str, backend: str, tmp_path: Path, program: StartProgram
) -> Iterator[App]:
    """A client of an app that writes its results so; its node runs."""
    settings = {
        "result_serializer": request.param,
        "result_accept_content": [request.param],
        "task_track_started": True,
    }
    (tmp_path / "proj.py").write_text(SOURCE.format(broker=redis_url, backend=backend, settings=settings))
    node = program(["-m", "understudy", "-A", "proj", "worker", "-P", "solo", "-l", "INFO"])
    node.wait_for_output(" ready.")
    with App("client", broker=redis_url, backend=backend, set_as_current=False) as app:
        app.conf.update(settings)
        yield app


@pytest.mark.timeout(60)
def test_states_of_a_running_task_are_seen_and_its_result_is_waited_for(client: App, tmp_path: Path) -> None:
    result = client.send_task("proj.work", (2,))
    waiting = client.results.wait(result.id)

    for step in range(2):
        wait_until(lambda: (result.state, result.info) == ("PROGRESS", {"step": step}), PATIENCE)  # noqa: B023
        assert not waiting.done()
        (tmp_path / f"go{step}").touch()

    assert result.get(timeout=PATIENCE) == 2
    assert waiting.done()
