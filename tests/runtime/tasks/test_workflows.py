"""Chains, groups and chords do what they say, and nobody waits in vain for one that failed."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from understudy.runtime.app.app import App
from understudy.runtime.canvas import Signature, chain, chord, group, signature
from understudy.runtime.exceptions import ChordError, ImproperlyConfigured, NoResultBackend
from understudy.runtime.publishing.gathering import gathering
from understudy.runtime.results.group import GroupResult
from understudy.runtime.results.tuples import result_from_tuple
from understudy.runtime.task.task import Task
from understudy.transports.codecs import decode_json, encode_json
from understudy.transports.message import Verdict

from .pumping import Pump

PATIENCE = 5.0


class Tasks:
    """Tasks to build workflows of, and what their errbacks heard."""

    def __init__(self, app: App) -> None:
        self.heard: list[Any] = []
        self.add: Task[..., int] = app.task(name="proj.add")(lambda x, y: x + y)
        self.total: Task[..., int] = app.task(name="proj.total")(sum)
        self.same: Task[..., Any] = app.task(name="proj.same")(lambda *values: values[0] if values else None)
        self.fail: Task[..., Any] = app.task(name="proj.fail")(_fail)
        self.hear: Task[..., Any] = app.task(name="proj.hear")(self._hear)

    def _hear(self, request: Any, error: BaseException, traceback: Any) -> None:
        self.heard.append((request.id, type(error)))


def _fail(*values: Any) -> None:
    raise ValueError("on purpose", *values)


@pytest.fixture
def tasks(app: App) -> Tasks:
    return Tasks(app)


def value_of(pump: Pump, workflow: Signature[Any], *args: Any) -> Any:
    """Return what a workflow comes to."""
    result = workflow.delay(*args)
    pump.run()
    return result.get(timeout=PATIENCE)


def test_a_chain_passes_each_result_on(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, tasks.add.s(1, 2) | tasks.add.s(3) | tasks.add.s(4)) == 10


def test_an_immutable_member_takes_no_result(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, chain(tasks.add.s(1, 2), tasks.add.si(5, 5))) == 10


def test_chunks_are_sent_when_they_are_called(pump: Pump, tasks: Tasks) -> None:
    result = tasks.add.chunks([(1, 1), (2, 2), (3, 3)], 2)()
    pump.run()
    assert result.get(timeout=PATIENCE) == [[2, 4], [6]]


def test_what_a_chain_begins_with_may_hold_chains_itself(pump: Pump, tasks: Tasks) -> None:
    begun = group(chain(tasks.add.s(1, 1), group(tasks.add.s(1), tasks.add.s(2)), tasks.total.s()), tasks.add.s(5, 5))

    assert value_of(pump, chain(begun, tasks.total.s(), group(tasks.add.s(1), tasks.add.s(2)), tasks.total.s())) == 37


def test_arguments_of_a_chain_go_to_its_first_task(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, tasks.add.s(1) | tasks.add.s(10), 5) == 16


def test_the_parents_of_a_chain_are_the_results_before(pump: Pump, tasks: Tasks) -> None:
    result = (tasks.add.s(1, 2) | tasks.add.s(3) | tasks.add.s(4)).delay()
    pump.run()
    assert result.parent is not None
    assert result.parent.parent is not None
    assert [result.get(timeout=1), result.parent.get(timeout=1), result.parent.parent.get(timeout=1)] == [10, 6, 3]
    assert result.oldest.children == [result.parent]


def test_the_members_of_a_chain_know_their_root_and_parent(app: App, pump: Pump) -> None:
    @app.task(bind=True)
    def who(self: Task[..., Any], *_: Any) -> list[Any]:
        return [self.request.root_id, self.request.parent_id]

    result = (who.s() | who.s() | who.s()).delay()
    pump.run()
    middle, first = result.parent, result.oldest
    assert middle is not None
    assert result.get(timeout=1) == [first.id, middle.id]


def test_a_group_gives_results_in_its_order(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, group(tasks.add.s(i, i) for i in range(5))) == [0, 2, 4, 6, 8]


def test_arguments_of_a_group_go_to_each_task(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, group(tasks.add.s(1), tasks.add.s(2)), 10) == [11, 12]


def test_an_empty_group_has_no_results(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, group()) == []


def test_groups_within_a_group_count_as_their_tasks(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, group(group(tasks.same.s(1), tasks.same.s(2)), tasks.same.s(3))) == [1, 2, 3]


def test_a_chord_calls_its_body_with_the_results_in_order(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, chord((tasks.same.s(i) for i in range(20)), tasks.same.s())) == list(range(20))


def test_a_chord_gets_its_body_when_it_is_called(pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.same.s(1), tasks.same.s(2)])(tasks.total.s())
    pump.run()
    assert result.get(timeout=PATIENCE) == 3


def test_a_chord_of_nothing_calls_its_body_with_nothing(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, chord([], tasks.total.s())) == 0


def test_a_chord_of_one_calls_its_body_with_a_list_of_one(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, chord([tasks.same.s(1)], tasks.same.s())) == [1]


def test_the_parent_of_a_chord_is_its_header(pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.same.s(1), tasks.same.s(2)], tasks.total.s()).delay()
    pump.run()
    assert isinstance(result.parent, GroupResult)
    assert result.parent.get(timeout=PATIENCE) == [1, 2]


SHAPES: dict[str, tuple[Callable[[Tasks], Signature[Any]], Any]] = {
    "group then task": (lambda t: group(t.same.s(1), t.same.s(2)) | t.total.s(), 3),
    "task, group, task": (lambda t: t.add.s(1, 2) | group(t.add.s(1), t.add.s(2)) | t.total.s(), 9),
    "task, group": (lambda t: chain(t.add.s(1, 2), group(t.add.s(1), t.add.s(2))), [4, 5]),
    "task, group, task, task": (
        lambda t: t.add.s(1, 2) | group(t.add.s(1), t.add.s(2)) | t.total.s() | t.add.s(1),
        10,
    ),
    "chord then task": (lambda t: chord([t.same.s(1), t.same.s(2)], t.total.s()) | t.add.s(1), 4),
    "chord then chain": (lambda t: chord([t.same.s(1)], t.total.s()) | (t.add.s(1) | t.add.s(1)), 3),
    "group, group, task": (
        lambda t: group(t.same.s(1), t.same.s(2)) | group(t.total.s(), t.total.s()) | t.total.s(),
        6,
    ),
    "chord of chains": (lambda t: chord([t.add.s(1, 1) | t.add.s(1), t.add.s(2, 2) | t.add.s(2)], t.total.s()), 9),
    "chord of chords": (
        lambda t: chord([chord([t.same.s(1), t.same.s(2)], t.total.s()), t.same.s(4)], t.same.s()),
        [3, 4],
    ),
    "chord of a chain that ends with a group": (
        lambda t: chord([t.same.s(0), t.add.s(1, 1) | group(t.add.s(1), t.add.s(2)), t.same.s(9)], t.same.s()),
        [0, [3, 4], 9],
    ),
    "chord of a chain with a group inside": (
        lambda t: chord([t.add.s(1, 1) | group(t.add.s(1), t.add.s(2)) | t.total.s(), t.same.s(1)], t.same.s()),
        [7, 1],
    ),
    "chord whose body is a chord": (
        lambda t: chord([t.same.s(1), t.same.s(2)], chord([t.total.s(), t.total.s()], t.total.s())),
        6,
    ),
    "chord whose body is a group": (lambda t: chord([t.same.s(1)], group(t.total.s(), t.same.s())), [1, [1]]),
    "group of chains and chords": (
        lambda t: group(t.add.s(1, 1) | t.add.s(1), chord([t.same.s(1), t.same.s(2)], t.total.s())),
        [3, 3],
    ),
    "chain in a chain": (lambda t: chain(chain(t.add.s(1, 1), t.add.s(1)), chain(t.add.s(1), t.add.s(1))), 5),
    "nested three deep": (
        lambda t: chord([chord([chord([t.same.s(1)], t.total.s())], t.total.s())], t.total.s()) | t.add.s(1),
        2,
    ),
    "map": (lambda t: t.total.map([[1, 2], [3]]), [3, 3]),
    "starmap": (lambda t: t.add.starmap([(1, 2), (3, 4)]), [3, 7]),
    "chunks": (lambda t: t.add.chunks([(i, i) for i in range(5)], 2), [[0, 2], [4, 6], [8]]),
    "chunks then task": (lambda t: t.add.chunks([(1, 1), (2, 2)], 1).group() | t.same.s(), [[2], [4]]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_comes_to_its_value(name: str, pump: Pump, tasks: Tasks) -> None:
    make, expected = SHAPES[name]
    assert value_of(pump, make(tasks)) == expected


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_comes_to_its_value_by_way_of_json(name: str, app: App, pump: Pump, tasks: Tasks) -> None:
    make, expected = SHAPES[name]
    copied = signature(json.loads(json.dumps(make(tasks))), app=app)
    assert value_of(pump, copied) == expected


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_comes_to_its_value_eagerly(name: str, tasks: Tasks) -> None:
    make, expected = SHAPES[name]
    assert make(tasks).apply().get() == expected


@pytest.mark.parametrize("name", SHAPES)
def test_a_workflow_can_be_sent_twice(name: str, pump: Pump, tasks: Tasks) -> None:
    make, expected = SHAPES[name]
    workflow = make(tasks)
    first, second = workflow.delay(), workflow.delay()
    pump.run()
    assert first.id != second.id
    assert [first.get(timeout=PATIENCE), second.get(timeout=PATIENCE)] == [expected, expected]


@pytest.mark.parametrize("name", SHAPES)
def test_a_redelivered_message_sends_the_same_follow_ups(name: str, pump: Pump, tasks: Tasks) -> None:
    make, expected = SHAPES[name]
    result = make(tasks).delay()
    for _ in range(50):
        if not pump.app.transport.size("celery").get(timeout=PATIENCE):
            break
        deliveries = pump.take()
        once, again = ([pump.perform(delivery) for delivery in deliveries] for _ in range(2))
        assert [[(sent.id, sent.dedupe) for sent in outcome.follow_ups] for outcome in once] == [
            [(sent.id, sent.dedupe) for sent in outcome.follow_ups] for outcome in again
        ]
        pump.settle(again)
    assert result.get(timeout=PATIENCE) == expected


FAILURES: dict[str, Callable[[Tasks], Signature[Any]]] = {
    "first of a chain": lambda t: t.fail.s() | t.same.s() | t.same.s(),
    "middle of a chain": lambda t: t.same.s(1) | t.fail.s() | t.same.s(),
    "before a group": lambda t: chain(t.fail.s(), group(t.same.s(), t.same.s())),
    "before a chord": lambda t: t.fail.s() | group(t.same.s(), t.same.s()) | t.total.s(),
    "header of a chord": lambda t: chord([t.same.s(1), t.fail.s()], t.total.s()),
    "header of a chord before a chain": lambda t: chord([t.fail.s()], t.total.s()) | t.same.s() | t.same.s(),
    "chain in a header": lambda t: chord([t.fail.s() | t.same.s(), t.same.s(1)], t.total.s()),
    "chain that ends with a group in a header": lambda t: chord(
        [t.fail.s() | group(t.same.s(), t.same.s()), t.same.s(1)], t.same.s()
    ),
    "body of an inner chord": lambda t: chord([chord([t.same.s(1)], t.fail.s()), t.same.s(1)], t.same.s()),
    "header of an inner chord": lambda t: chord([chord([t.fail.s()], t.same.s()), t.same.s(1)], t.same.s()),
    "group after a failed header": lambda t: chord([t.fail.s()], group(t.same.s(), t.same.s())),
    "body of a chord": lambda t: chord([t.same.s(1)], t.fail.s()),
    "deep inside": lambda t: chord([chord([chord([t.fail.s()], t.total.s())], t.total.s())], t.total.s()) | t.same.s(),
}


@pytest.mark.parametrize("name", FAILURES)
def test_nobody_waits_in_vain_for_a_workflow_that_failed(name: str, pump: Pump, tasks: Tasks) -> None:
    result = FAILURES[name](tasks).delay()
    pump.run()
    with pytest.raises((ValueError, ChordError)):
        result.get(timeout=PATIENCE)


@pytest.mark.parametrize("name", FAILURES)
def test_nobody_waits_in_vain_for_a_workflow_whose_process_died(name: str, pump: Pump, tasks: Tasks) -> None:
    result = FAILURES[name](tasks).delay()
    while pump.app.transport.size("celery").get(timeout=PATIENCE):
        for delivery in pump.take():
            dies = b'"proj.fail"' in delivery.head
            arguments = (delivery.tag, delivery.queue, delivery.head, delivery.body)
            outcome = pump.executor.fail(*arguments, 3, "killed") if dies else pump.perform(delivery)
            pump.settle([outcome])
    with pytest.raises(Exception, match=r"killed|Dependency"):
        result.get(timeout=PATIENCE)


def test_a_chord_error_names_the_task_that_failed(pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.same.s(1), tasks.fail.s()], tasks.total.s()).delay()
    pump.run()
    assert isinstance(result.parent, GroupResult)
    with pytest.raises(ChordError, match=rf"Dependency {result.parent[1].id} raised ValueError\('on purpose'\)"):
        result.get(timeout=PATIENCE)


def test_a_failed_header_calls_the_errbacks_of_the_body_once(pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.fail.s(), tasks.fail.s()], tasks.total.s().on_error(tasks.hear.s())).delay()
    pump.run()
    assert tasks.heard == [(result.id, ChordError)]


def test_errbacks_of_a_header_are_called_where_the_settings_say_so(app: App, pump: Pump, tasks: Tasks) -> None:
    app.conf.task_allow_error_cb_on_chord_header = True
    workflow = chord([tasks.fail.s(), tasks.same.s(1)], tasks.total.s())
    workflow.link_error(tasks.hear.s())
    workflow.delay()
    pump.run()
    assert [error for _, error in tasks.heard] == [ValueError, ChordError]


def test_an_errback_of_a_chain_is_called_for_whichever_fails(pump: Pump, tasks: Tasks) -> None:
    for workflow in (tasks.fail.s() | tasks.same.s(), tasks.same.s(1) | tasks.fail.s()):
        workflow.apply_async(link_error=tasks.hear.s())
        pump.run()
    assert [error for _, error in tasks.heard] == [ValueError, ValueError]


def test_a_callback_gets_the_result(pump: Pump, tasks: Tasks) -> None:
    result = tasks.add.apply_async((1, 2), link=[tasks.add.s(10), tasks.add.si(1, 1)])
    pump.run()
    assert sorted(child.get(timeout=PATIENCE) for child in result.children) == [2, 13]


def test_a_callback_of_a_chain_gets_the_last_result(pump: Pump, tasks: Tasks) -> None:
    result = (tasks.add.s(1, 2) | tasks.add.s(3)).apply_async(link=tasks.add.s(10))
    pump.run()
    assert [child.get(timeout=PATIENCE) for child in result.children] == [16]


def test_a_callback_may_be_a_workflow(pump: Pump, tasks: Tasks) -> None:
    link = group(tasks.add.s(1), tasks.add.s(2)) | tasks.total.s()
    result = tasks.add.apply_async((1, 2), link=link)
    pump.run()
    [child] = result.children
    assert child.get(timeout=PATIENCE) == 9


def test_a_group_has_no_callback_of_its_own(tasks: Tasks) -> None:
    with pytest.raises(TypeError, match="chord"):
        group(tasks.same.s(1)).apply_async(link=tasks.same.s())


def test_what_follows_a_task_that_succeeded_cannot_be_called(app: App, pump: Pump, tasks: Tasks) -> None:
    """The next call's arguments are wrong: the chain fails where it is noticed, and its end with it."""
    result = (tasks.same.s(1) | tasks.add.si()).delay()
    pump.run()
    with pytest.raises(TypeError, match=r"proj\.add"):
        result.get(timeout=PATIENCE)


def test_options_of_a_group_are_those_of_its_tasks(app: App, tasks: Tasks) -> None:
    group(tasks.same.s(1), tasks.same.s(2)).apply_async(queue="other")
    assert app.transport.size("other").get(timeout=PATIENCE) == 2


def test_a_group_can_be_saved_and_restored(app: App, pump: Pump, tasks: Tasks) -> None:
    saved: Any = group(tasks.same.s(1), tasks.same.s(2)).delay()
    saved.save()
    pump.run()
    restored = GroupResult.restore(saved.id, app)
    assert restored is not None
    assert restored.get(timeout=PATIENCE) == [1, 2]
    saved.delete()
    assert GroupResult.restore(saved.id, app) is None


def test_a_skewed_group_starts_one_after_another(tasks: Tasks) -> None:
    skewed = group(tasks.same.s(i) for i in range(4)).skew(1, 3)
    assert [task.options["countdown"] for task in skewed.tasks] == [1, 2, 1, 2]


def test_a_signature_comes_through_every_codec(app: App, tasks: Tasks) -> None:
    whole = chord([tasks.same.s(1) | tasks.same.s()], tasks.total.s().set(queue="q"))
    again = signature(decode_json(encode_json(whole)), app=app)
    assert type(again) is type(whole)
    assert json.loads(json.dumps(again)) == json.loads(json.dumps(whole))


def test_a_clone_shares_nothing(tasks: Tasks) -> None:
    original = tasks.add.s(1, headers_like={"a": 1}).set(link=[tasks.same.s()])
    copy = original.clone((2,), queue="q")
    copy.link(tasks.same.s(5))
    assert (copy.args, original.args) == ((2, 1), (1,))
    assert "queue" not in original.options
    assert len(original.options["link"]) == 1


def test_a_signature_says_what_it_calls(tasks: Tasks) -> None:
    assert repr(tasks.add.s(1, y=2) | tasks.same.s()) == "proj.add(1, y=2) | proj.same()"
    assert repr(group(tasks.same.s(1))) == "group([proj.same(1)])"
    assert repr(chord([tasks.same.s(1)], tasks.total.s())) == "chord([proj.same(1)], proj.total())"


def test_links_are_noted_once(tasks: Tasks) -> None:
    called = tasks.add.s(1)
    called.link(tasks.same.s())
    called.link(tasks.same.s())
    assert called.flatten_links() == [called, tasks.same.s()]


def test_a_task_is_replaced_by_another_under_its_id(app: App, pump: Pump, tasks: Tasks) -> None:
    @app.task(bind=True)
    def instead(self: Task[..., Any], x: int) -> Any:
        return self.replace(tasks.add.s(x, 100))

    result = instead.delay(1)
    pump.run()
    assert result.get(timeout=PATIENCE) == 101


REPLACEMENTS: dict[str, tuple[Callable[[Tasks], Signature[Any]], Any]] = {
    "task": (lambda t: t.add.s(1, 1), 2),
    "chain": (lambda t: t.add.s(1, 1) | t.add.s(1), 3),
    "group": (lambda t: group(t.same.s(1), t.same.s(2)), [1, 2]),
    "chord": (lambda t: chord([t.same.s(1), t.same.s(2)], t.total.s()), 3),
}


@pytest.mark.parametrize("name", REPLACEMENTS)
def test_a_replacement_takes_the_tasks_place_in_its_workflow(name: str, app: App, pump: Pump, tasks: Tasks) -> None:
    make, value = REPLACEMENTS[name]

    @app.task(bind=True)
    def instead(self: Task[..., Any]) -> Any:
        return self.replace(make(tasks))

    alone = instead.delay()
    in_chain = (tasks.same.si(0) | instead.si() | tasks.same.s()).delay()
    in_chord = chord([instead.s(), tasks.same.s(9)], tasks.same.s()).delay()
    linked = instead.apply_async(link=tasks.same.s())
    pump.run()
    assert alone.get(timeout=PATIENCE) == value
    assert in_chain.get(timeout=PATIENCE) == value
    assert in_chain.parent is not None
    assert in_chain.parent.get(timeout=PATIENCE) == value
    assert in_chord.get(timeout=PATIENCE) == [value, 9]
    assert linked.get(timeout=PATIENCE) == value
    assert instead.apply().get() == value


def test_a_chain_that_replaces_a_task_may_end_in_a_group(app: App, pump: Pump, tasks: Tasks) -> None:
    @app.task(bind=True)
    def instead(self: Task[..., Any]) -> Any:
        return self.replace(chain(tasks.add.s(1, 2), group(tasks.add.s(1), tasks.add.s(2))))

    alone, followed = instead.delay(), (instead.si() | tasks.total.s()).delay()
    pump.run()
    assert (alone.get(timeout=PATIENCE), followed.get(timeout=PATIENCE)) == ([4, 5], 9)


def test_calling_a_workflow_sends_it(pump: Pump, tasks: Tasks) -> None:
    add = tasks.add
    results: list[Any] = [
        (add.s(1) | add.s(2))(4),
        group(add.s(1), add.s(2))(3),
        (group(add.s(1, 2)) | tasks.total.s())(),
    ]
    assert not any(result.ready() for result in results)
    pump.run()
    assert [result.get(timeout=PATIENCE) for result in results] == [7, [4, 5], 3]


def test_the_parts_of_a_signature_may_be_changed_in_place(pump: Pump, tasks: Tasks) -> None:
    one, steps, body = tasks.add.s(1, 1), chain(tasks.add.s(1, 1)), chord([tasks.same.s(5)], tasks.fail.s())
    one.args, one.kwargs, one.options = (2,), {"y": 3}, {"task_id": "own"}
    steps.tasks = [tasks.add.s(3, 3), tasks.add.s(1)]
    body.body = tasks.total.s()
    assert [value_of(pump, changed) for changed in (one, steps, body)] == [5, 7, 5]
    assert one.id == "own"


def test_a_task_may_return_the_result_of_what_it_called(app: App, pump: Pump, tasks: Tasks) -> None:
    @app.task
    def begins() -> Any:
        return group(tasks.add.s(1, 1), tasks.add.s(2, 2))()

    described = value_of(pump, begins.s())
    assert result_from_tuple(described, app).get(timeout=PATIENCE) == [2, 4]
    [within] = value_of(pump, group(begins.s()) | tasks.same.s())
    assert result_from_tuple(within, app).get(timeout=PATIENCE) == [2, 4]


def test_a_failed_header_fails_all_of_a_body_that_celery_wrote_as_a_task_with_a_chain(
    app: App, pump: Pump, tasks: Tasks
) -> None:
    after = [tasks.same.s().set(task_id="last"), chord([tasks.same.s()], tasks.same.s().set(task_id="middle"))]
    body = tasks.same.s().set(task_id="body", chain=[dict(one) for one in after])
    chord([tasks.same.s(1), tasks.fail.s()], body).delay()
    pump.run()
    assert [app.AsyncResult(name).state for name in ("body", "middle", "last")] == ["FAILURE"] * 3


@pytest.mark.parametrize(
    ("make", "calls"),
    [
        (lambda t: group(t.same.s(), t.same.s()), 2),
        (lambda t: chord([t.same.s(), t.same.s()], t.same.s()), 1),
        (lambda t: t.same.s() | t.same.s(), 1),
    ],
    ids=["group", "chord", "chain"],
)
def test_an_errback_in_the_options_of_a_body_is_called_when_the_header_fails(
    make: Callable[[Tasks], Signature[Any]], calls: int, pump: Pump, tasks: Tasks
) -> None:
    body = make(tasks).set(link_error=[dict(tasks.hear.s())])
    chord([tasks.same.s(1), tasks.fail.s()], body).delay()
    pump.run()
    assert len(tasks.heard) == calls


def test_the_tasks_of_a_body_that_is_a_group_fail_with_the_error_of_the_header(pump: Pump, tasks: Tasks) -> None:
    result = (group(tasks.same.s(1), tasks.fail.s()) | group(tasks.same.s(), tasks.same.s())).delay()
    pump.run()
    with pytest.raises(ValueError, match="on purpose"):
        result.get(timeout=PATIENCE)


def test_an_errback_of_a_group_reaches_the_body_of_a_chord_in_it(pump: Pump, tasks: Tasks) -> None:
    inner = chord([tasks.same.s(1)], group(tasks.fail.s(), tasks.same.s()))
    group(inner).set(link_error=[dict(tasks.hear.s())]).delay()
    pump.run()
    assert len(tasks.heard) == 1


def test_a_body_that_cannot_be_called_has_failed(pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.same.s(1)], tasks.same.s().set(countdown="soon", link_error=tasks.hear.s())).delay()
    pump.run()
    with pytest.raises(ChordError, match="Callback error: TypeError"):
        result.get(timeout=PATIENCE)
    assert tasks.heard == [(result.id, ChordError)]


def test_a_workflow_that_celery_wrote_into_a_body_can_be_called(pump: Pump, tasks: Tasks) -> None:
    for body in (tasks.total.s() | tasks.add.s(1), chord([tasks.total.s()], tasks.total.s()), group(tasks.total.s())):
        result = chord([tasks.same.s(1), tasks.same.s(2)], body.set(add_to_parent=False)).delay()
        pump.run()
        assert result.get(timeout=PATIENCE) in (4, 3, [3])


@pytest.mark.parametrize(
    ("members", "value"),
    [
        ('[[["one",null],null],[["inner",null],[[["two",null],null]]]]', [1, [2]]),
        ('[[["one",null],null],[["two",null],null]]', [1, 2]),
        ('[[["one",null],null],[["inner",null],[[["elsewhere",null],null]]]]', [1, 2]),
        ('[["one"]]', None),
    ],
    ids=["a group within", "flat", "with strangers", "malformed"],
)
def test_a_body_gets_its_header_in_the_shape_that_celery_saved(
    members: str, value: Any, app: App, pump: Pump, tasks: Tasks
) -> None:
    workflow = chord([tasks.same.s(1).set(task_id="one"), tasks.same.s(2).set(task_id="two")], tasks.same.s())
    workflow.header.options["task_id"] = "outer"
    app.results.save_group("outer", b'{"result": [["outer", null], %b]}' % members.encode(), 60).get(timeout=PATIENCE)
    result = workflow.delay()
    pump.run()
    if value is None:
        with pytest.raises(ChordError, match="Callback error"):
            result.get(timeout=PATIENCE)
    else:
        assert result.get(timeout=PATIENCE) == value


def test_what_cannot_replace_a_task_is_refused(app: App, tasks: Tasks) -> None:
    @app.task(bind=True)
    def instead(self: Task[..., Any], empty: bool) -> Any:
        return self.replace(chain() if empty else tasks.same.s().set(chord=tasks.total.s()))

    for empty in (True, False):
        with pytest.raises(ImproperlyConfigured):
            instead.apply((empty,), throw=True)


def test_a_chord_of_many_runs_in_any_order(pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.same.s(i) for i in range(50)], tasks.same.s()).delay()
    deliveries: list[Any] = []
    while len(deliveries) < 50:
        deliveries += pump.take()
    pump.settle([pump.perform(delivery) for delivery in reversed(deliveries)])
    pump.run()
    assert result.get(timeout=PATIENCE) == list(range(50))


def test_a_part_that_comes_twice_counts_once(pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.same.s(1), tasks.same.s(2)], tasks.same.s()).delay()
    deliveries = pump.take()
    first, second = (pump.perform(delivery) for delivery in deliveries)
    assert first.chord is not None
    pump.app.results.chord_part(first.chord).get(timeout=PATIENCE)
    pump.settle([first])
    assert not pump.app.transport.size("celery").get(timeout=PATIENCE)
    pump.settle([second])
    pump.run()
    assert result.get(timeout=PATIENCE) == [1, 2]


def test_a_trigger_that_comes_again_calls_no_second_body(pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.same.s(1)], tasks.same.s()).delay()
    [part] = pump.take()
    pump.settle([pump.perform(part)])
    [trigger] = pump.take()
    pump.settle([pump.perform(trigger)])
    again = pump.perform(trigger)
    assert (again.follow_ups, again.result, again.verdict) == ((), None, Verdict.ACK)
    pump.run()
    assert result.get(timeout=PATIENCE) == [1]


def test_every_task_of_a_group_that_cannot_run_leaves_its_part(pump: Pump, tasks: Tasks) -> None:
    """A failed header fails a body that is a group, whose tasks are parts of the chord around it."""
    inner = chord([tasks.fail.s()], group(tasks.same.s(), tasks.same.s()) | tasks.total.s())
    result = chord([inner, tasks.same.s(1)], tasks.total.s()).delay()
    pump.run()
    with pytest.raises(ChordError):
        result.get(timeout=PATIENCE)


def test_an_errback_that_fails_does_not_keep_others_from_hearing(
    app: App, pump: Pump, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    @app.task
    def clumsy(request: Any, error: BaseException, traceback: str) -> None:
        raise RuntimeError("clumsy")

    result = tasks.fail.apply_async(link_error=[clumsy.s(), tasks.add.s(1, 2, 3), tasks.hear.s()])
    pump.run()
    assert tasks.heard == [(result.id, ValueError)]
    assert "clumsy" in caplog.text
    assert result.failed()


def test_an_errback_that_runs_here_finds_the_failure_stored(app: App, pump: Pump, tasks: Tasks) -> None:
    seen: list[str] = []

    @app.task
    def looks(request: Any, _error: Any, _traceback: Any) -> None:
        seen.append(app.AsyncResult(request.id).state)

    tasks.fail.apply_async(link_error=looks.s())
    pump.run()
    assert seen == ["FAILURE"]


def test_an_errback_that_is_not_known_here_is_sent_to_who_knows_it(app: App, pump: Pump, tasks: Tasks) -> None:
    tasks.fail.apply_async(link_error=signature("elsewhere.hear", queue="elsewhere", app=app))
    pump.run()
    assert app.transport.size("elsewhere").get(timeout=PATIENCE) == 1


def test_a_bound_errback_gets_the_id(app: App, pump: Pump, tasks: Tasks) -> None:
    @app.task(bind=True)
    def hear(self: Task[..., Any], *args: Any) -> None:
        tasks.heard.append(args)

    result = tasks.fail.apply_async(link_error=hear.s())
    pump.run()
    assert tasks.heard == [(result.id,)]


@pytest.mark.parametrize("stored", [{"args": ("label",)}, {"kwargs": {"label": "label"}}])
def test_an_errback_has_the_style_that_its_own_arguments_leave_it(
    stored: dict[str, Any], app: App, pump: Pump, tasks: Tasks
) -> None:
    @app.task
    def hear(task_id: str, label: str) -> None:
        tasks.heard.append((task_id, label))

    result = tasks.fail.apply_async(link_error=hear.signature(**stored))
    pump.run()
    assert tasks.heard == [(result.id, "label")]


def test_a_coroutine_hears_of_an_error_too(app: App, pump: Pump, tasks: Tasks) -> None:
    @app.task
    async def hear(request: Any, error: BaseException, traceback: str) -> None:
        tasks.heard.append((request.id, type(error)))

    result = tasks.fail.apply_async(link_error=hear.s())
    pump.run()
    assert tasks.heard == [(result.id, ValueError)]


def test_coroutines_can_be_mapped(app: App, pump: Pump) -> None:
    @app.task
    async def double(x: int) -> int:
        return x * 2

    assert value_of(pump, double.map([1, 2])) == [2, 4]


@pytest.mark.parametrize("name", ["celery.chain", "celery.group", "celery.chord", "celery.chunks"])
def test_a_workflow_may_be_a_message_of_its_own(name: str, app: App, pump: Pump, tasks: Tasks) -> None:
    workflows: dict[str, tuple[dict[str, Any], Any]] = {
        "celery.chain": ({"tasks": [tasks.add.s(1, 1), tasks.add.s(1)]}, 3),
        "celery.group": ({"tasks": [tasks.same.s(1), tasks.same.s(2)]}, [1, 2]),
        "celery.chord": ({"header": [tasks.same.s(1)], "body": tasks.total.s(), "kwargs": {}}, 1),
        "celery.chunks": ({"task": tasks.add.s(), "it": [[1, 1], [2, 2]], "n": 1}, [[2], [4]]),
    }
    kwargs, expected = workflows[name]
    started = app.send_task(name, kwargs=kwargs)
    pump.run()
    assert result_from_tuple(started.get(timeout=PATIENCE), app).get(timeout=PATIENCE) == expected
    [child] = started.children
    assert child.get(timeout=PATIENCE) == expected


def test_what_is_left_of_a_chain_follows_a_workflow_in_it(app: App, pump: Pump, tasks: Tasks) -> None:
    """As Celery's older clients send it: a group in a chain with more to come."""
    embed = {"chain": [dict(tasks.total.s()), dict(group(tasks.add.s(1), tasks.add.s(2)))]}
    body = encode_json([[1, 1], {}, {"callbacks": None, "errbacks": None, "chord": None, **embed}])
    with gathering() as gathered:
        tasks.add.apply_async((1, 1))
    [message] = gathered.publications
    outcome = pump.executor.run(1, "celery", message.head, body)
    app.publisher.publish(outcome.follow_ups).get(timeout=PATIENCE)
    pump.run()
    [last] = [done.result for done in pump.outcomes if done.result is not None][-1:]
    assert decode_json(last.payload)["result"] == 7


def test_follow_ups_have_the_priority_of_their_task_where_the_settings_say_so(
    app: App, pump: Pump, tasks: Tasks
) -> None:
    app.conf.task_inherit_parent_priority = True
    tasks.add.apply_async((1, 2), priority=6, link=tasks.same.s())
    [delivery] = pump.take()
    assert [sent.priority for sent in pump.perform(delivery).follow_ups] == [6]


def test_a_chord_needs_a_result_store(app: App, tasks: Tasks) -> None:
    app.conf.result_backend = "disabled"
    with pytest.raises(NoResultBackend):
        chord([tasks.same.s(1)], tasks.total.s()).delay()
    assert app.transport.size("celery").get(timeout=PATIENCE) == 0


def test_an_empty_chain_cannot_be_called(tasks: Tasks) -> None:
    with pytest.raises(ValueError, match="empty chain"):
        chain().delay()


def test_a_signature_can_be_called_like_a_function(tasks: Tasks) -> None:
    assert tasks.add.s(1)(2) == 3
    assert tasks.add.s(1, 2)() == 3


def test_a_signature_can_be_changed_and_copied(tasks: Tasks) -> None:
    called = tasks.add.s(1)
    assert called.replace(args=(5,), options={"queue": "q"}) == tasks.add.s(5).set(queue="q")
    assert called.set(immutable=True).immutable
    assert pickle.loads(pickle.dumps(called)) == called
    assert copy.deepcopy(called) == called
    assert called.freeze("one").id == called.id == "one"
    with pytest.raises(TypeError):
        called | 5
