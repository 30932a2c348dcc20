"""A call becomes one confirmed message, or a clear error in bounded time."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.forks import fork
from understudy.actors.completion import Completion
from understudy.runtime import signals
from understudy.runtime.app.app import App
from understudy.runtime.canvas import group
from understudy.runtime.exceptions import EncodeError, ImproperlyConfigured, OperationalError
from understudy.runtime.ids import derived_id, fresh_id
from understudy.runtime.publishing.confirm import RetryPolicy, apublish, publish
from understudy.runtime.publishing.gathering import gathering
from understudy.runtime.task.task import Task
from understudy.transports.errors import BrokerUnavailable
from understudy.transports.message import Publication, decode_head

from .pumping import Pump

PATIENCE = 5.0


@pytest.fixture
def add(app: App) -> Task[..., int]:
    @app.task
    def add(x: int, y: int = 0) -> int:
        return x + y

    return add


class Flaky:
    """A publisher that is away for its first `failures` attempts."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.attempts = 0
        self.published: list[Publication] = []

    def publish(self, publications: Sequence[Publication]) -> Completion[None]:
        self.attempts += 1
        if self.attempts <= self.failures:
            return Completion.failed(BrokerUnavailable("nobody is there"))
        self.published.extend(publications)
        return Completion.of(None)


def test_delay_returns_when_the_broker_has_the_message(app: App, add: Task[..., int]) -> None:
    result = add.delay(1)
    assert app.transport.size("celery").get(timeout=PATIENCE) == 1
    assert result.state == "PENDING"


async def twins(app: App, add: Task[..., int]) -> list[str]:
    await app.asend_task("by.name")
    await add.adelay(1)
    await add.s().adelay(2)
    await group(add.s(1), add.s(2)).aapply_async()
    await (add.s(1) | add.s(2)).adelay()
    return [await result.astate() for result in [await add.aapply_async((3,))]]


def test_the_async_twins_send_the_same(app: App, add: Task[..., int]) -> None:
    assert asyncio.run(twins(app, add)) == ["PENDING"]
    assert app.transport.size("celery").get(timeout=PATIENCE) == 7


def test_arguments_are_checked_where_the_task_is_called(add: Task[..., int]) -> None:
    for args, kwargs in [((), {}), ((1, 2, 3), {}), ((1,), {"z": 1}), ((1,), {"x": 1})]:
        with pytest.raises(TypeError, match=r"add\(x"):
            add.apply_async(args, kwargs)


def test_the_check_of_arguments_can_be_left_out(app: App) -> None:
    @app.task(typing=False)
    def none() -> None: ...

    none.delay(1, 2, 3)


def test_a_bound_task_is_checked_without_itself(app: App) -> None:
    @app.task(bind=True)
    def bound(self: Task[..., Any], x: int, *, key: str) -> None: ...

    bound.delay(1, key="k")
    with pytest.raises(TypeError):
        bound.delay(1)


def test_an_option_that_there_is_not_is_refused(add: Task[..., int]) -> None:
    with pytest.raises(TypeError, match="did you mean 'countdown'"):
        add.apply_async((1,), countdwn=3)


def test_what_cannot_be_encoded_is_an_error_of_the_call(add: Task[..., int]) -> None:
    with pytest.raises(EncodeError, match="object"):
        add.delay(object())
    with pytest.raises(EncodeError, match="headers"):
        add.apply_async((1,), headers={"mine": object()})


@pytest.mark.parametrize(("args", "kwargs"), [("ab", {}), ({1, 2}, {}), ((1, 2), [("x", 1)])], ids=repr)
def test_arguments_are_a_sequence_and_a_map(args: Any, kwargs: Any, app: App, add: Task[..., int]) -> None:
    """`args=("x")` is text, whose letters would be the arguments."""
    with pytest.raises(TypeError):
        add.apply_async(args, kwargs)
    with pytest.raises(TypeError, match="list or a tuple"):
        app.send_task("elsewhere", args, kwargs)


def test_publishing_is_tried_again() -> None:
    flaky = Flaky(2)
    publish(flaky, [Publication("x", "q", b"", b"")], RetryPolicy(3, 0, 0, 0))
    assert [message.id for message in flaky.published] == ["x"]


def test_publishing_is_given_up_with_a_clear_error() -> None:
    flaky = Flaky(100)
    with pytest.raises(OperationalError, match="not published to q: nobody is there"):
        publish(flaky, [Publication("x", "q", b"", b"")], RetryPolicy(3, 0, 0, 0))
    assert flaky.attempts == 4


def test_a_call_may_say_how_it_is_tried_again(app: App, add: Task[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    flaky = Flaky(100)
    monkeypatch.setattr(App, "publisher", flaky)
    with pytest.raises(OperationalError):
        add.apply_async((1,), retry=False)
    assert flaky.attempts == 1
    with pytest.raises(OperationalError):
        add.apply_async((1,), retry_policy={"max_retries": 1, "interval_start": 0})
    assert flaky.attempts == 3


def test_publishing_is_tried_again_without_blocking_the_loop() -> None:
    flaky = Flaky(2)
    asyncio.run(apublish(flaky, [Publication("x", "q", b"", b"")], RetryPolicy(3, 0, 0, 0)))
    assert [message.id for message in flaky.published] == ["x"]
    with pytest.raises(OperationalError):
        asyncio.run(apublish(Flaky(5), [Publication("x", "q", b"", b"")], RetryPolicy(1, 0, 0, 0)))


def test_the_pauses_grow_to_their_maximum() -> None:
    assert list(RetryPolicy(4, 0, 0.5, 1).pauses()) == [0, 0.5, 1, 1]


def test_a_countdown_and_an_eta_wait_in_the_broker(app: App, add: Task[..., int]) -> None:
    moment = datetime(2040, 1, 1, tzinfo=UTC)
    naive = datetime(2040, 1, 1)  # noqa: DTZ001 - read as UTC
    with gathering() as gathered:
        add.apply_async((1,), eta=moment)
        add.apply_async((1,), eta=naive)
        add.apply_async((1,), eta=moment.isoformat())
        add.apply_async((1,), countdown=60)
    exact, from_naive, from_text, counted = (publication.eta for publication in gathered.publications)
    assert exact == from_naive == from_text == moment.timestamp()
    assert counted == pytest.approx(datetime.now(UTC).timestamp() + 60, abs=5)


def test_a_naive_eta_is_local_where_utc_is_off(app: App, add: Task[..., int]) -> None:
    app.conf.update(enable_utc=False, timezone="Asia/Tokyo")
    with gathering() as gathered:
        add.apply_async((1,), eta=datetime(2040, 1, 1))  # noqa: DTZ001 - read in the app's zone
    assert gathered.publications[0].eta == datetime(2039, 12, 31, 15, tzinfo=UTC).timestamp()


MINUTES: list[Callable[[], Any]] = [
    lambda: 60,
    lambda: timedelta(minutes=1),
    lambda: datetime.now(UTC) + timedelta(minutes=1),
]


@pytest.mark.parametrize("minute", MINUTES)
def test_an_expiry_is_told_to_the_broker_too(minute: Callable[[], Any], add: Task[..., int]) -> None:
    with gathering() as gathered:
        add.apply_async((1,), expires=minute())
    [publication] = gathered.publications
    head = decode_head(publication.head)
    assert publication.expires == pytest.approx(datetime.now(UTC).timestamp() + 60, abs=10)
    assert 0 < int(head.properties["expiration"]) <= 60_000
    assert datetime.fromisoformat(head.headers["expires"]).timestamp() == publication.expires


def test_options_of_a_task_hold_for_its_calls_unless_they_say_otherwise(app: App) -> None:
    @app.task(queue="slow", priority=3, time_limit=9.0, serializer="json", expires=60)
    def slow() -> None: ...

    with gathering() as gathered:
        slow.delay()
        slow.apply_async(queue="fast", priority=0)
    usual, other = gathered.publications
    assert (usual.routing_key, usual.priority, usual.expires is not None) == ("slow", 3, True)
    assert decode_head(usual.head).headers["timelimit"] == [9.0, None]
    assert (other.routing_key, other.priority) == ("fast", 0)


def test_a_child_has_its_parents_priority_where_the_settings_say_so(app: App, pump: Pump) -> None:
    app.conf.task_inherit_parent_priority = True

    @app.task(bind=True)
    def child(self: Task[..., Any]) -> int:
        return self.request.delivery_info["priority"]

    @app.task
    def parent() -> None:
        child.delay()

    result = parent.apply_async(priority=7)
    pump.run()
    assert result.children[0].get(timeout=PATIENCE) == 7


class ByMethod:
    def route_for_task(self, task: str, args: Any = None, kwargs: Any = None) -> dict[str, str] | None:
        return {"queue": "by-method"} if task == "proj.routed" else None


imported = {"proj.routed": "by-import"}

ROUTES: list[tuple[Any, str]] = [
    (ByMethod(), "by-method"),
    ([ByMethod], "by-method"),
    (f"{__name__}.imported", "by-import"),
    ({re.compile(r"proj\.r.*"): "by-pattern"}, "by-pattern"),
    ({"proj.*": "globbed"}, "globbed"),
    ({"proj.routed": {"queue": "named"}, "proj.*": "globbed"}, "named"),
    ([("proj.routed", {"queue": "listed"})], "listed"),
    (([("other", {"queue": "x"}), ("proj.*", {"queue": "inner"})],), "inner"),
    ([("other", "x"), (re.compile("proj"), "paired")], "paired"),
    ([{"other": "x"}, {"*": "last"}], "last"),
    (lambda name, args, kwargs, options, task=None, **_: {"queue": f"q{args[0]}"} if args else None, "q1"),
    ([lambda *_, **__: None, {"proj.routed": "after"}], "after"),
]


@pytest.mark.parametrize(("routes", "queue"), ROUTES, ids=[str(number) for number in range(len(ROUTES))])
def test_tasks_go_where_the_routes_say(routes: Any, queue: str, app: App) -> None:
    app.conf.task_routes = routes

    @app.task(name="proj.routed")
    def routed(*_: Any) -> None: ...

    with gathering() as gathered:
        routed.delay(1)
        routed.apply_async((1,), queue="said")
    assert [publication.routing_key for publication in gathered.publications] == [queue, "said"]


@pytest.mark.parametrize(
    ("said", "mode"), [({}, 2), ({"delivery_mode": "transient"}, 1), ({"delivery_mode": "persistent"}, 2)], ids=repr
)
def test_a_delivery_mode_has_a_name_too(said: Any, mode: int, add: Task[..., int]) -> None:
    with gathering() as gathered:
        add.apply_async((1, 2), **said)
    assert decode_head(gathered.publications[0].head).properties["delivery_mode"] == mode
    with pytest.raises(ValueError, match="delivery_mode"):
        add.apply_async((1, 2), delivery_mode="lasting")


@pytest.mark.parametrize("routes", ["no.such.module.routes", [5]], ids=repr)
def test_routes_that_make_no_sense_are_refused(routes: Any, app: App) -> None:
    app.conf.task_routes = routes
    with pytest.raises(ImproperlyConfigured, match="task_routes"):
        app.send_task("proj.routed")


def test_a_change_of_the_settings_holds_for_the_next_call(app: App, add: Task[..., int]) -> None:
    with gathering() as gathered:
        add.delay(1)
        app.conf.task_default_queue = "other"
        add.delay(1)
    assert [publication.routing_key for publication in gathered.publications] == ["celery", "other"]


def test_receivers_may_change_the_headers_of_a_message(add: Task[..., int]) -> None:
    heard: list[tuple[str, str]] = []

    def stamp(sender: str, headers: dict[str, Any], **_: Any) -> None:
        headers["trace"] = "t1"
        heard.append(("before", sender))

    def sent(sender: str, headers: dict[str, Any], **_: Any) -> None:
        heard.append(("after", headers["trace"]))

    signals.before_task_publish.connect(stamp, sender=add.name)
    signals.after_task_publish.connect(sent)
    with gathering() as gathered:
        add.delay(1)
    signals.before_task_publish.disconnect(stamp, sender=add.name)
    signals.after_task_publish.disconnect(sent)
    assert decode_head(gathered.publications[0].head).headers["trace"] == "t1"
    assert heard == [("before", add.name), ("after", "t1")]


def test_a_task_can_be_called_by_name_alone(app: App, add: Task[..., int], pump: Pump) -> None:
    result = app.send_task(add.name, (1,), {"y": 2})
    pump.run()
    assert result.get(timeout=PATIENCE) == 3


def test_a_forked_process_calls_under_a_name_of_its_own(app: App, add: Task[..., int]) -> None:
    reader, writer = os.pipe()
    before = app.publishing.origin.name
    child = fork()
    if not child:
        with gathering() as gathered:
            add.delay(1)
        head = decode_head(gathered.publications[0].head)
        os.write(writer, f"{head.headers['origin']} {head.properties['reply_to']} {os.getpid()}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    origin, reply_to, pid = os.read(reader, 1000).decode().split()
    os.close(reader)
    os.close(writer)
    assert origin != before
    assert origin.startswith(f"gen{pid}@")
    assert reply_to != app.publishing.origin.reply_to


def test_ids_have_the_form_of_uuids() -> None:
    from uuid import UUID

    assert (UUID(fresh_id()).version, UUID(derived_id("x", 1)).version) == (7, 8)
    assert UUID(derived_id("x")).variant == UUID(fresh_id()).variant
    assert len({fresh_id() for _ in range(1000)}) == 1000
    assert derived_id("a", 1) == derived_id("a", 1) != derived_id("a", 2)


def test_ids_sort_by_when_the_first_of_their_family_was_made() -> None:
    earlier = fresh_id()
    follow_up = derived_id(f"{earlier}/0", 1)
    later = [fresh_id() for _ in range(3)]

    assert follow_up[:13] == earlier[:13]
    assert max(earlier, follow_up)[:13] <= min(later)[:13]
    assert derived_id(follow_up, 1)[:13] == earlier[:13]
    assert len({derived_id(earlier, number) for number in range(1000)}) == 1000


def test_a_task_stays_a_function(add: Task[..., int]) -> None:
    assert add(1, y=2) == 3
    assert (add.__name__, add.__doc__) == ("add", None)


def test_a_group_is_sent_in_one_batch(app: App, add: Task[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = Flaky(0)
    monkeypatch.setattr(App, "publisher", publisher)
    group(add.s(number) for number in range(100)).delay()
    assert (publisher.attempts, len(publisher.published)) == (1, 100)
