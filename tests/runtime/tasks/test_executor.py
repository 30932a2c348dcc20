"""An executor turns every message, however broken, into an outcome."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from understudy.runtime import signals
from understudy.runtime.app.app import App
from understudy.runtime.canvas import chord
from understudy.runtime.exceptions import (
    ChordError,
    ContentDisallowed,
    Ignore,
    MaxRetriesExceededError,
    NotRegistered,
    Reject,
    TaskRevokedError,
    WorkerLostError,
    WorkerShutdown,
)
from understudy.runtime.execution.executor import Executor
from understudy.runtime.publishing.gathering import gathering
from understudy.runtime.results.meta import load_exception
from understudy.runtime.task.task import Task
from understudy.transports.codecs import decode_json
from understudy.transports.errors import MalformedMessage
from understudy.transports.message import Head, Outcome, Publication, Verdict, decode_head, encode_head

from .pumping import PATIENCE, Pump

TAG = 7


def message_of(call: Callable[[], object]) -> Publication:
    """Return the message that `call` would send."""
    with gathering() as gathered:
        call()
    [publication] = gathered.publications
    return publication


def run(app: App, publication: Publication, **changes: Any) -> Outcome:
    """Run a message as a worker would; `changes` replace parts of it."""
    head, body = changes.pop("head", publication.head), changes.pop("body", publication.body)
    return Executor(app, "celery@here").run(TAG, "celery", head, body, **changes)


def meta_of(outcome: Outcome) -> dict[str, Any]:
    assert outcome.result is not None
    return decode_json(outcome.result.payload)


def error_of(outcome: Outcome) -> BaseException:
    return load_exception(meta_of(outcome)["result"])


def with_headers(publication: Publication, **headers: Any) -> bytes:
    head = decode_head(publication.head)
    head.headers.update(headers)
    return encode_head(head)


def test_a_value_is_stored_in_celerys_form(app: App) -> None:
    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    publication = message_of(lambda: add.apply_async((1, 2), task_id="one"))
    meta = meta_of(run(app, publication))
    assert datetime.fromisoformat(meta.pop("date_done")).utcoffset() == timedelta(0)
    assert meta == {"status": "SUCCESS", "result": 3, "traceback": None, "children": [], "task_id": "one"}


def test_an_extended_result_says_how_it_came_about(app: App) -> None:
    app.conf.result_extended = True

    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    meta = meta_of(run(app, message_of(lambda: add.delay(1, y=2))))
    expected = {
        "name": add.name,
        "args": [1],
        "kwargs": {"y": 2},
        "worker": "celery@here",
        "retries": 0,
        "queue": "celery",
    }
    assert {name: meta[name] for name in expected} == expected


def test_a_failure_is_stored_with_its_class_and_the_tasks_own_traceback(app: App) -> None:
    @app.task
    def fail() -> None:
        raise LookupError("gone", {1})

    outcome = run(app, message_of(fail.delay))
    meta = meta_of(outcome)
    assert outcome.verdict is Verdict.ACK
    assert meta["result"] == {"exc_type": "LookupError", "exc_message": ["gone", "{1}"], "exc_module": "builtins"}
    assert meta["traceback"].startswith("Traceback (most recent call last):\n")
    assert "in fail" in meta["traceback"]
    assert "performing.py" not in meta["traceback"]


def test_a_value_that_cannot_be_encoded_is_a_failure_of_its_task(app: App) -> None:
    @app.task
    def opaque() -> object:
        return object()

    meta = meta_of(run(app, message_of(opaque.delay)))
    assert (meta["status"], meta["result"]["exc_type"]) == ("FAILURE", "EncodeError")


def test_an_ignored_result_is_not_stored(app: App) -> None:
    @app.task(ignore_result=True)
    def ignored() -> int:
        return 1

    assert run(app, message_of(ignored.delay)).result is None
    assert run(app, message_of(lambda: ignored.apply_async(ignore_result=False))).result is not None


def test_a_caller_that_does_not_have_the_task_leaves_it_to_the_task_whether_its_result_is_stored(app: App) -> None:
    ignored = app.task(name="proj.ignored", ignore_result=True)(lambda: 1)
    kept = app.task(name="proj.kept")(lambda: 1)

    for task in (ignored, kept):
        calling = message_of(lambda task=task: app.send_task(task.name, ignore_result=None))  # as Celery sends it
        assert (run(app, calling).result is None) == task.ignore_result


def test_the_limits_of_a_call_are_known_to_its_task(app: App) -> None:
    @app.task(bind=True, time_limit=60)
    def limits(self: Task[..., Any]) -> list[float | None]:
        return [self.request.time_limit, self.request.soft_time_limit]

    found = [limits.delay, lambda: limits.apply_async(time_limit=30, soft_time_limit=20)]
    assert [meta_of(run(app, message_of(call)))["result"] for call in found] == [[60, None], [30, 20]]


def test_an_ignored_failure_is_stored_only_if_errors_are(app: App) -> None:
    @app.task(ignore_result=True)
    def fails() -> None:
        raise ValueError

    assert run(app, message_of(fails.delay)).result is None
    app.conf.task_store_errors_even_if_ignored = True
    assert meta_of(run(app, message_of(fails.delay)))["status"] == "FAILURE"


def test_nothing_is_stored_without_a_result_store(app: App) -> None:
    app.conf.result_backend = "disabled"

    @app.task
    def one() -> int:
        return 1

    outcome = run(app, message_of(one.delay))
    assert (outcome.verdict, outcome.result) == (Verdict.ACK, None)


def test_a_coroutine_function_runs_to_its_end(app: App) -> None:
    @app.task(bind=True)
    async def later(self: Task[..., int], x: int) -> tuple[int, str]:
        return x, self.request.id

    publication = message_of(lambda: later.delay(5))
    assert meta_of(run(app, publication))["result"] == [5, publication.id]


def test_an_expired_task_is_revoked_without_running(app: App) -> None:
    @app.task
    def late() -> None:
        raise AssertionError("it ran")

    heard: list[bool] = []

    @signals.task_revoked.connect(weak=False)
    def revoked(expired: bool, **_: Any) -> None:
        heard.append(expired)

    outcome = run(app, message_of(lambda: late.apply_async(expires=datetime.now(UTC) - timedelta(seconds=1))))
    signals.task_revoked.disconnect(revoked)
    assert outcome.verdict is Verdict.ACK
    assert meta_of(outcome)["status"] == "REVOKED"
    assert isinstance(error_of(outcome), TaskRevokedError)
    assert heard == [True]


def test_an_unregistered_task_is_a_dead_letter_and_a_failure(app: App) -> None:
    outcome = run(app, message_of(lambda: app.send_task("nobody.knows", task_id="one")))
    assert outcome.verdict is Verdict.DEAD
    assert "nobody.knows" in outcome.reason
    assert isinstance(error_of(outcome), NotRegistered)


@pytest.fixture
def valid(app: App) -> Publication:
    """A message that would run."""

    @app.task
    def fine(*_: Any, **__: Any) -> None: ...

    return message_of(fine.delay)


BROKEN_BODIES = {
    "no JSON": b"{",
    "no UTF-8": b"\xff\xfe",
    "nested without end": b"[" * 100_000,
    "nothing": b"",
    "a number": b"1",
    "too short": b"[[], {}]",
    "args are a map": b"[{}, {}, {}]",
    "kwargs are a list": b"[[], [], {}]",
    "no embed": b"[[], {}, null]",
    "an unknown extended type": b'[[{"__type__": "hat", "__value__": 1}], {}, {}]',
}


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_a_broken_body_is_a_dead_letter_and_a_failure(name: str, app: App, valid: Publication) -> None:
    outcome = run(app, valid, body=BROKEN_BODIES[name])
    assert (outcome.verdict, meta_of(outcome)["status"]) == (Verdict.DEAD, "FAILURE")
    assert outcome.reason


BROKEN_HEADS = {
    "nothing": b"",
    "no JSON": b"nonsense",
    "no UTF-8": b'{"headers": {"id": "x", "task": "\xff"}, "properties": {}}',
    "nested without end": b'{"headers": ' + b"[" * 100_000,
    "a list": b"[]",
    "no headers": b'{"properties": {}}',
    "headers are text": b'{"headers": "x", "properties": {}}',
    "no task": encode_head(Head({}, {})),
    "no id": encode_head(Head({"task": "x"}, {})),
    "a number for a task": encode_head(Head({"task": 1, "id": "x"}, {})),
    "a list for an id": encode_head(Head({"task": "x", "id": []}, {})),
}


@pytest.mark.parametrize("name", BROKEN_HEADS)
def test_a_broken_head_is_a_dead_letter(name: str, app: App, valid: Publication) -> None:
    outcome = run(app, valid, head=BROKEN_HEADS[name])
    assert outcome.verdict is Verdict.DEAD
    assert outcome.reason


def readable(outcome: Outcome) -> bool:
    """Tell whether a node, to which outcomes come in bytes, gets this one as it is."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(outcome), type=Outcome) == outcome


@pytest.mark.parametrize(
    "header",
    ["expires", "timelimit", "compression", "group", "group_index", "id", "retries", "stamps", "stamped_headers"],
)
def test_a_header_of_the_wrong_kind_is_an_outcome_that_a_node_can_read(
    header: str, app: App, valid: Publication
) -> None:
    for value in (5, -1, 2**70, 1e308, "x", [], [1, 2, 3], [-1, 1e308], {"a": 1}, True):
        head = with_headers(valid, **{"group": "g", header: value})
        outcome = run(app, valid, head=head, body=b'[[], {}, {"chord": {"task": "fine"}}]')
        assert (outcome.tag, readable(outcome)) == (TAG, True)


@pytest.mark.parametrize("name", ["reply_to", "priority", "correlation_id", "delivery_info"])
def test_a_property_of_the_wrong_kind_is_an_outcome_that_a_node_can_read(
    name: str, app: App, valid: Publication
) -> None:
    for value in (5, 2**70, "x", [1], {"a": 1}):
        head = decode_head(valid.head)
        head.properties[name] = value
        assert readable(run(app, valid, head=encode_head(head)))


def test_an_expiry_that_is_no_moment_is_said_so(app: App, valid: Publication) -> None:
    outcome = run(app, valid, head=with_headers(valid, expires="tomorrow"))

    assert (outcome.verdict, type(error_of(outcome))) == (Verdict.DEAD, MalformedMessage)
    assert "'tomorrow'" in outcome.reason


@pytest.mark.parametrize("part", ["callbacks", "errbacks", "chain"])
@pytest.mark.parametrize("fails", [False, True])
def test_an_option_of_the_wrong_kind_in_what_follows_is_an_outcome_that_a_node_can_read(
    part: str, fails: bool, app: App
) -> None:
    @app.task
    def one(*_: Any, **__: Any) -> None:
        assert not fails

    message = message_of(one.delay)
    for name in ("task_id", "group_id", "group_index", "queue", "exchange", "routing_key", "priority", "reply_to"):
        for value in (5, 2**70, 1.5, [1], {"a": 1}):
            following = {"task": one.name, "args": [], "options": {"task_id": "next", name: value}}
            outcome = run(app, message, body=json.dumps([[], {}, {part: [following]}]).encode())
            assert readable(outcome), (name, value)


@pytest.mark.parametrize("part", ["callbacks", "errbacks", "chain", "chord"])
def test_a_broken_embed_never_raises(part: str, app: App, valid: Publication) -> None:
    head = with_headers(valid, group="g")
    for value in (5, "x", [1], [{}], {"a": 1}, [{"task": 1}], {"task": "x", "options": 1}):
        outcome = run(app, valid, head=head, body=json.dumps([[], {}, {part: value}]).encode())
        assert (outcome.tag, readable(outcome)) == (TAG, True)
        assert outcome.verdict in (Verdict.ACK, Verdict.DEAD)


def test_pickle_is_refused_unless_it_is_accepted(app: App) -> None:
    @app.task(serializer="pickle")
    def echo(value: Any) -> str:
        return type(value).__name__

    publication = message_of(lambda: echo.delay({1}))
    refused = run(app, publication)
    assert (refused.verdict, type(error_of(refused))) == (Verdict.DEAD, ContentDisallowed)
    app.conf.accept_content = ["json", "pickle"]
    assert meta_of(run(app, publication))["result"] == "set"


def test_a_pickle_that_attacks_is_not_opened(app: App, valid: Publication) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return pytest.fail, ("it was opened",)

    head = decode_head(valid.head)
    head.content_type, head.content_encoding = "application/x-python-serialize", "binary"
    outcome = run(app, valid, head=encode_head(head), body=pickle.dumps(Attack()))
    assert outcome.verdict is Verdict.DEAD


@pytest.mark.parametrize("serializer", ["json", "msgpack", "yaml", "pickle", "cloudpickle"])
def test_arguments_come_through_every_serializer(serializer: str, app: App) -> None:
    app.conf.update(accept_content=[serializer])

    @app.task(serializer=serializer)
    def echo(*args: Any) -> Any:
        return list(args)

    assert meta_of(run(app, message_of(lambda: echo.delay(1, "zwölf", [None, 2.5]))))["result"] == [
        1,
        "zwölf",
        [None, 2.5],
    ]


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "zlib"])
def test_arguments_come_through_every_compression(compression: str, app: App) -> None:
    @app.task(compression=compression)
    def length(text: str) -> int:
        return len(text)

    publication = message_of(lambda: length.delay("x" * 5000))
    assert len(publication.body) < 500
    assert meta_of(run(app, publication))["result"] == 5000


def test_a_message_of_protocol_1_is_understood(app: App) -> None:
    @app.task(bind=True)
    def old(self: Task[..., Any], x: int, y: int = 0) -> list[Any]:
        return [x, y, self.request.retries, self.request.id]

    body = {
        "task": old.name,
        "id": "one",
        "args": [1],
        "kwargs": {"y": 2},
        "retries": 3,
        "eta": None,
        "expires": None,
        "utc": True,
        "callbacks": None,
        "errbacks": None,
        "timelimit": [None, None],
        "taskset": None,
        "chord": None,
    }
    head = encode_head(Head({}, {"correlation_id": "one"}))
    outcome = Executor(app, "celery@here").run(TAG, "celery", head, json.dumps(body).encode())
    assert meta_of(outcome)["result"] == [1, 2, 3, "one"]


def test_ignore_stores_and_sends_nothing(app: App) -> None:
    @app.task
    def ignores() -> None:
        raise Ignore

    outcome = run(app, message_of(lambda: ignores.apply_async(link=ignores.si())))
    assert outcome == Outcome(TAG)


def test_reject_makes_a_dead_letter_or_requeues(app: App) -> None:
    @app.task
    def rejects(requeue: bool) -> None:
        raise Reject("not mine", requeue=requeue)

    assert run(app, message_of(lambda: rejects.delay(True))) == Outcome(TAG, Verdict.REQUEUE)
    dead = run(app, message_of(lambda: rejects.delay(False)))
    assert (dead.verdict, dead.reason) == (Verdict.DEAD, "rejected by the task: not mine")
    assert isinstance(error_of(dead), Reject)


def test_a_message_that_was_acknowledged_first_is_sent_again_where_its_task_wants_it_requeued(app: App) -> None:
    @app.task(acks_late=False)
    def rejects() -> None:
        raise Reject("later", requeue=True)

    message = message_of(rejects.delay)
    outcome = Executor(app, "celery@here").run(0, "celery", message.head, message.body)
    assert outcome == Outcome(0, follow_ups=(Publication(message.id, "celery", message.head, message.body),))


def test_the_headers_of_a_request_are_the_callers_own(app: App, pump: Pump) -> None:
    """A task may pass them on to what it calls, which has an id and a name of its own all the same."""
    seen: list[Any] = []

    @app.task(bind=True)
    def last(self: Any) -> None:
        seen.append((self.request.headers, self.request.trace, self.request.task))

    @app.task(bind=True)
    def first(self: Any) -> None:
        seen.append((self.request.headers, self.request.get("trace"), self.request.task))
        if self.request.headers:
            last.apply_async(headers=self.request.headers)

    first.apply_async(headers={"trace": "t"})
    pump.run()
    first.delay()
    pump.run()

    assert seen == [({"trace": "t"}, "t", first.name), ({"trace": "t"}, "t", last.name), (None, None, first.name)]


def test_a_rejected_task_fails_to_all_who_wait_for_it(app: App, pump: Pump) -> None:
    heard: list[Any] = []

    @app.task(ignore_result=True)
    def rejects() -> None:
        raise Reject("not mine")

    @app.task
    def body(_: list[Any]) -> None: ...

    @app.task
    def hear(request: Any, error: BaseException, traceback: str) -> None:
        heard.append((request.id, str(error)))

    alone = rejects.apply_async(link_error=hear.s())
    of_chord = chord([rejects.s()], body.s()).delay()
    pump.run()

    with pytest.raises(Reject, match="not mine"):
        app.AsyncResult(alone.id).get(timeout=PATIENCE)  # its own result says that nobody waits for it
    with pytest.raises(ChordError, match="not mine"):
        of_chord.get(timeout=PATIENCE)
    assert heard == [(alone.id, "reject requeue=False: not mine")]
    assert len(app.transport.dead_letters().list().get(timeout=PATIENCE)) == 2


@pytest.mark.parametrize("end", [SystemExit(3), SystemExit(), KeyboardInterrupt()], ids=repr)
def test_a_task_that_ends_the_process_fails_as_a_lost_worker(end: BaseException, app: App) -> None:
    @app.task
    def leave() -> None:
        raise end

    outcome = run(app, message_of(leave.delay))
    assert (outcome.verdict, type(error_of(outcome))) == (Verdict.ACK, WorkerLostError)


def test_a_shutdown_of_the_worker_passes_through_a_task(app: App) -> None:
    @app.task
    def working() -> None:
        raise WorkerShutdown

    with pytest.raises(WorkerShutdown):
        run(app, message_of(working.delay))


def test_a_task_whose_process_died_fails_without_running(app: App) -> None:
    @app.task
    def poison() -> None:
        raise AssertionError("it ran")

    publication = message_of(poison.delay)
    outcome = Executor(app, "celery@here").fail(
        TAG, "celery", publication.head, publication.body, 3, "killed by signal 9"
    )
    assert (outcome.verdict, outcome.reason) == (Verdict.DEAD, "killed by signal 9")
    assert isinstance(error_of(outcome), WorkerLostError)
    assert "killed by signal 9" in str(error_of(outcome))


def test_a_task_that_died_calls_its_errbacks_from_messages(app: App, pump: Pump) -> None:
    heard: list[Any] = []

    @app.task
    def poison() -> None: ...

    @app.task
    def old_style(task_id: str) -> None:
        heard.append(task_id)

    @app.task
    def new_style(request: Any, error: BaseException, traceback: str) -> None:
        heard.append((request.id, type(error)))

    poison.apply_async(task_id="one", link_error=[old_style.s(), new_style.s()])
    [delivery] = pump.take()
    pump.settle([pump.executor.fail(delivery.tag, delivery.queue, delivery.head, delivery.body, 3, "gone")])
    assert heard == []
    pump.run()
    assert heard == ["one", ("one", WorkerLostError)]


def test_a_dead_letter_that_is_sent_again_and_fails_calls_its_errbacks_again(app: App, pump: Pump) -> None:
    heard: list[str] = []

    @app.task
    def poison() -> None: ...

    @app.task
    def hear(task_id: str) -> None:
        heard.append(task_id)

    poison.apply_async(task_id="one", link_error=hear.s())
    for times in (1, 2, 3):
        [delivery] = pump.take()
        pump.settle([pump.executor.fail(delivery.tag, delivery.queue, delivery.head, delivery.body, 3, "gone")])
        pump.run()
        assert heard == ["one"] * times
        assert app.transport.dead_letters().retry(["one"]).get(timeout=PATIENCE) == ["one"]


def test_a_task_that_started_is_stored_as_such(app: App) -> None:
    states: list[Any] = []

    @app.task(bind=True, track_started=True)
    def tracked(self: Task[..., Any]) -> None:
        result = self.AsyncResult(self.request.id)
        states.append((result.state, result.info["hostname"]))

    run(app, message_of(tracked.delay))
    assert states == [("STARTED", "celery@here")]


def test_a_success_that_comes_again_is_not_run_again_where_commits_are_not_atomic(app: App, pump: Pump) -> None:
    runs: list[int] = []

    @app.task
    def once() -> None:
        runs.append(1)

    once.delay()
    app.conf.result_backend = "memory://another-store"
    [delivery] = pump.take()
    first = pump.perform(delivery)
    assert first.result is not None
    app.results.store([first.result]).get(timeout=5)
    publication = Publication("x", "celery", delivery.head, delivery.body)
    assert run(app, publication, redelivered=True) == Outcome(TAG)
    assert len(runs) == 1
    app.conf.worker_deduplicate_successful_tasks = False
    run(app, publication, redelivered=True)
    assert len(runs) == 2


def test_a_success_that_comes_again_tells_its_chord_which_may_not_know(app: App, pump: Pump) -> None:
    @app.task
    def once() -> str:
        return "done"

    @app.task
    def body(_: list[Any]) -> None: ...

    chord([once.s(), once.s()], body.s()).delay()
    [delivery, _] = pump.take()
    first = pump.perform(delivery)
    assert first.result is not None
    app.conf.result_backend = "memory://yet-another-store"
    app.results.store([first.result]).get(timeout=PATIENCE)

    again = run(app, Publication("x", "celery", delivery.head, delivery.body), redelivered=True)

    assert first.chord is not None
    assert again == Outcome(TAG, chord=first.chord)


def test_what_a_task_calls_becomes_its_child(app: App, pump: Pump) -> None:
    @app.task(bind=True)
    def child(self: Task[..., Any]) -> list[Any]:
        return [self.request.parent_id, self.request.root_id]

    @app.task
    def parent() -> str:
        return child.delay().id

    called = parent.delay()
    pump.run()
    assert [result.id for result in called.children] == [called.get(timeout=5)]
    assert called.children[0].get(timeout=5) == [called.id, called.id]


def test_handlers_hear_of_each_end(app: App) -> None:
    heard: list[Any] = []

    class Loud(Task[..., Any]):
        def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
            heard.append(("before", args))

        def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
            heard.append(("success", retval))

        def on_failure(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
            heard.append(("failure", type(exc), "ValueError" in einfo.traceback))

        def on_retry(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
            heard.append(("retry", type(exc)))

        def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
            heard.append(("after", status))

    @app.task(base=Loud, bind=True)
    def act(self: Task[..., Any], how: str) -> str:
        if how == "fail":
            raise ValueError(how)
        if how == "retry":
            self.retry(exc=KeyError(how))
        return how

    for how in ("succeed", "fail", "retry"):
        run(app, message_of(lambda how=how: act.delay(how)))
    assert heard == [
        ("before", ["succeed"]),
        ("success", "succeed"),
        ("after", "SUCCESS"),
        ("before", ["fail"]),
        ("failure", ValueError, True),
        ("after", "FAILURE"),
        ("before", ["retry"]),
        ("retry", KeyError),
        ("after", "RETRY"),
    ]


def test_an_extended_result_shows_arguments_that_it_cannot_store(app: App) -> None:
    app.conf.update(result_extended=True, accept_content=["json", "pickle"])

    @app.task(serializer="pickle")
    def size(items: set[int]) -> int:
        return len(items)

    meta = meta_of(run(app, message_of(lambda: size.delay({1}))))
    assert (meta["result"], meta["args"]) == (1, "({1},)")


def test_a_handler_that_fails_changes_no_outcome(app: App, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []
    signals.task_postrun.connect(lambda state, **_: heard.append(state), weak=False, dispatch_uid="test")

    class Clumsy(Task[..., Any]):
        def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
            raise RuntimeError("clumsy")

    @app.task(base=Clumsy)
    def fine() -> int:
        return 1

    assert meta_of(run(app, message_of(fine.delay)))["status"] == "SUCCESS"
    signals.task_postrun.disconnect(dispatch_uid="test")
    assert "clumsy" in caplog.text
    assert heard == ["SUCCESS"]


def test_a_class_may_wrap_the_call_of_its_tasks(app: App) -> None:
    class Wrapped(Task[..., Any]):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return ["wrapped", super().__call__(*args, **kwargs)]

    @app.task(base=Wrapped, bind=True)
    def inner(self: Task[..., Any]) -> str:
        return self.request.id

    publication = message_of(inner.delay)
    assert meta_of(run(app, publication))["result"] == ["wrapped", publication.id]


def test_the_request_says_what_the_call_was(app: App) -> None:
    seen: dict[str, Any] = {}

    @app.task(bind=True)
    def look(self: Task[..., Any], *args: Any, **kwargs: Any) -> None:
        request = self.request
        names = ("id", "task", "args", "kwargs", "retries", "root_id", "parent_id", "group", "is_eager", "hostname")
        seen.update({name: getattr(request, name) for name in names})
        seen.update(mine=request.get("mine"), key=request.delivery_info["routing_key"], limits=request.timelimit)
        seen.update(directly=request.called_directly, other=request.mine)

    call = {"task_id": "one", "headers": {"mine": "yes"}, "time_limit": 9.0, "group_id": "g"}
    run(app, message_of(lambda: look.apply_async((1,), {"a": 2}, **call)))
    assert seen == {
        "id": "one",
        "task": look.name,
        "args": [1],
        "kwargs": {"a": 2},
        "retries": 0,
        "root_id": "one",
        "parent_id": None,
        "group": "g",
        "is_eager": False,
        "hostname": "celery@here",
        "mine": "yes",
        "other": "yes",
        "key": "celery",
        "limits": (9.0, None),
        "directly": False,
    }


def test_outside_of_a_run_the_request_is_an_empty_one(app: App) -> None:
    @app.task(bind=True)
    def look(self: Task[..., Any]) -> list[Any]:
        return [self.request.called_directly, self.request.id]

    assert look() == [True, ""]
    assert look.request.called_directly
    assert isinstance(look.MaxRetriesExceededError("x"), MaxRetriesExceededError)


def test_bytes_come_through_json(app: App) -> None:
    @app.task
    def echo(data: bytes) -> bytes:
        assert data == b"\xff\x00"
        return base64.b64encode(data)

    assert meta_of(run(app, message_of(lambda: echo.delay(b"\xff\x00"))))["result"] == base64.b64encode(b"\xff\x00")
