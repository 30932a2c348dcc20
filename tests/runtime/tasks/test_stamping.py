"""Stamps reach every task of a workflow, travel with its messages, and are kept with its results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy import App, Task, chain, chord, group, signature
from understudy.canvas import Signature, StampingVisitor
from understudy.result import AsyncResult

from .pumping import Pump


@pytest.fixture
def seen() -> dict[str, Any]:
    """The stamps of each task that ran, by its note."""
    return {}


@pytest.fixture
def note(app: App, seen: dict[str, Any]) -> Task[..., Any]:
    """A task that keeps the stamps of its call."""

    @app.task(bind=True, name="note", max_retries=1)
    def noted(self: Task[..., Any], *names: Any, again: bool = False, fails: bool = False) -> Any:
        if again and not self.request.retries:
            raise self.retry(countdown=0)
        seen[names[-1]] = (dict(self.request.stamps), self.request.stamped_headers)
        if fails:
            raise ValueError("on purpose")
        return names[-1]

    return noted


class Numbered(StampingVisitor):
    """Gives each task a number of its own, and says what it is part of."""

    def __init__(self) -> None:
        self.count = 0

    def on_signature(self, sig: Signature[Any], **headers: Any) -> dict[str, Any]:
        self.count += 1
        return {"number": self.count}

    def on_group_start(self, group: Any, **headers: Any) -> dict[str, Any]:
        return {"in_group": True}

    def on_chain_start(self, chain: Any, **headers: Any) -> dict[str, Any]:
        return {"in_chain": True}

    def on_chord_body(self, sig: Any, **header: Any) -> dict[str, Any]:
        return {"is_body": True}

    def on_callback(self, callback: Signature[Any], **header: Any) -> dict[str, Any]:
        return {"is_callback": True}

    def on_errback(self, errback: Signature[Any], **header: Any) -> dict[str, Any]:
        return {"is_errback": True}


def meta_of(app: App, result: AsyncResult[Any]) -> dict[str, Any]:
    """Return what is stored of a task."""
    [payload] = app.results.get([result.id]).get(timeout=10)
    assert payload is not None
    meta: dict[str, Any] = json.loads(payload)
    return meta


def test_a_stamp_is_known_to_the_task_and_kept_with_its_result(
    app: App, pump: Pump, note: Task[..., Any], seen: dict[str, Any]
) -> None:
    result = note.s("a").stamp(customer="c-1", tries=[1]).delay()
    pump.run()

    assert seen["a"] == ({"customer": "c-1", "tries": [1]}, ["customer", "tries"])
    meta = meta_of(app, result)
    assert (meta["stamped_headers"], meta["customer"], meta["tries"]) == (["customer", "tries"], "c-1", [1])


def test_every_task_of_a_workflow_is_stamped_wherever_it_stands(
    pump: Pump, note: Task[..., Any], seen: dict[str, Any]
) -> None:
    last = note.s("last")
    last.link(note.s("linked"))
    workflow = note.s("first") | group(note.s("left"), note.s("right")) | last
    workflow.stamp(Numbered())
    workflow.delay()
    pump.run()

    in_chain = {"in_chain": True}
    stamps = {name: {key: value for key, value in said.items() if key != "number"} for name, (said, _) in seen.items()}
    assert stamps == {
        "first": in_chain,
        "left": {**in_chain, "in_group": True},
        "right": {**in_chain, "in_group": True},
        "last": in_chain,
        "linked": {**in_chain, "is_callback": True},
    }
    assert len({said["number"] for said, _ in seen.values()}) == 5


def test_a_chord_stamps_header_and_body_apart(pump: Pump, note: Task[..., Any], seen: dict[str, Any]) -> None:
    workflow = chord([note.s("left"), note.s("right")], note.s("body"))
    workflow.stamp(Numbered())
    workflow.delay()
    pump.run()

    assert seen["left"][0] == {"number": 1, "in_group": True}
    assert seen["right"][0] == {"number": 2, "in_group": True}
    assert seen["body"][0] == {"number": 3, "in_group": True, "is_body": True}


def test_keywords_alone_stamp_all_of_a_workflow(pump: Pump, note: Task[..., Any], seen: dict[str, Any]) -> None:
    workflow = chord([note.s("left") | note.s("then"), note.s("right")], note.s("body"))
    workflow.stamp(flow=7)
    workflow.delay()
    pump.run()

    assert set(seen) == {"left", "then", "right", "body"}
    assert all(said == {"flow": 7} for said, _ in seen.values())


def test_an_errback_is_called_with_its_own_stamps(pump: Pump, note: Task[..., Any], seen: dict[str, Any]) -> None:
    failing = note.s("fails", fails=True)
    failing.link_error(note.si("errback"))
    failing.stamp(Numbered())
    failing.delay()
    pump.run()

    assert seen["fails"][0] == {"number": 2}
    assert seen["errback"][0] == {"number": 1, "is_errback": True}


def test_a_retry_keeps_the_stamps(pump: Pump, note: Task[..., Any], seen: dict[str, Any]) -> None:
    result = note.s("a", again=True).stamp(customer="c-1").delay()
    pump.run_until(result)

    assert seen["a"] == ({"customer": "c-1"}, ["customer"])


def test_what_replaces_a_task_has_its_own_stamps(
    app: App, pump: Pump, note: Task[..., Any], seen: dict[str, Any]
) -> None:
    class Stamped(Task[..., Any]):
        def on_replace(self, sig: Signature[Any]) -> Any:
            sig.stamp(how="on_replace")
            return super().on_replace(sig)

    @app.task(bind=True, base=Stamped)
    def replaced(self: Task[..., Any]) -> Any:
        return self.replace(signature(note.s("successor")))

    result = replaced.s().stamp(customer="c-1").delay()
    pump.run()

    assert result.get(timeout=5) == "successor"
    assert seen["successor"][0] == {"how": "on_replace"}


def test_a_second_stamp_replaces_the_first_or_with_append_joins_it(note: Task[..., Any]) -> None:
    sig = note.s("a").stamp(one=1, two=1, more={"x": 1})
    sig.stamp(one=2)
    sig.stamp(append_stamps=True, two=2, more={"x": 2, "y": 3})

    assert sig.options["one"] == 2
    assert sig.options["two"] == [2, 1]
    assert sig.options["more"] == {"x": [2, 1], "y": 3}
    assert sorted(sig.options["stamped_headers"]) == ["more", "one", "two"]


def test_the_stamps_of_a_signature_stay_when_it_is_called_with_others(note: Task[..., Any]) -> None:
    sig = note.s("a").stamp(own="mine")

    options = sig.clone(own="theirs", more=1, stamped_headers=["own", "more"]).options

    assert (options["own"], options["more"], options["stamped_headers"]) == ("mine", 1, ["own", "more"])


def test_a_visitor_says_which_of_its_keys_are_stamps(pump: Pump, note: Task[..., Any], seen: dict[str, Any]) -> None:
    class Chosen(StampingVisitor):
        def on_signature(self, sig: Signature[Any], **headers: Any) -> dict[str, Any]:
            return {"chosen": 1, "other": 2, "stamped_headers": ["chosen"]}

    note.s("a").stamp(Chosen()).delay()
    pump.run()

    assert seen["a"] == ({"chosen": 1}, ["chosen"])


def test_a_stamp_may_have_the_name_of_an_option(pump: Pump, note: Task[..., Any], seen: dict[str, Any]) -> None:
    note.s("a").stamp(queue="a word of the caller's own").delay()
    pump.run()

    assert seen["a"][0] == {"queue": "a word of the caller's own"}


def test_links_that_came_as_json_are_stamped_in_place(note: Task[..., Any]) -> None:
    sig = note.s("a")
    sig.link(note.s("b"))
    came = signature(json.loads(json.dumps(sig)), app=note.app)

    came.stamp(customer="c-1")

    assert came.options["link"][0]["options"]["customer"] == "c-1"


def test_a_call_here_and_now_has_its_stamps_too(note: Task[..., Any], seen: dict[str, Any]) -> None:
    chain(note.s("a"), note.s("b")).stamp(customer="c-1").apply()

    assert [said for said, _ in seen.values()] == [{"customer": "c-1"}] * 2


def test_a_body_that_cannot_run_keeps_its_stamps(app: App, pump: Pump, note: Task[..., Any]) -> None:
    workflow = chord([note.s("left"), note.s("right", fails=True)], note.s("body"))
    workflow.stamp(customer="c-1")
    result = workflow.delay()
    pump.run()

    meta = meta_of(app, result)
    assert (meta["status"], meta["customer"]) == ("FAILURE", "c-1")
