"""Signals call their receivers, and what a receiver does harms nobody else."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from understudy.runtime import signals
from understudy.runtime.app.app import App
from understudy.runtime.signals import Signal
from understudy.runtime.task.task import Task

from .pumping import Pump


class Listener:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def hear(self, **said: Any) -> None:
        self.heard.append(said)


def test_a_receiver_hears_what_is_sent() -> None:
    signal, listener = Signal("happened", "what"), Listener()
    assert not signal
    signal.connect(listener.hear)
    assert signal
    assert signal.send("me", what=1) == [(listener.hear, None)]
    assert listener.heard == [{"signal": signal, "sender": "me", "what": 1}]


def test_connecting_is_a_decorator_too() -> None:
    signal = Signal("happened")

    @signal.connect
    def plain(**_: Any) -> str:
        return "plain"

    @signal.connect(sender="me")
    def picky(**_: Any) -> str:
        return "picky"

    assert [answer for _, answer in signal.send("me")] == ["plain", "picky"]
    assert [answer for _, answer in signal.send("you")] == ["plain"]


def test_a_receiver_may_want_one_task_by_itself_or_by_name(app: App) -> None:
    @app.task(name="proj.one")
    def one() -> None: ...

    signal, listener = Signal("happened"), Listener()
    signal.connect(listener.hear, sender=one)
    signal.connect(listener.hear, sender="proj.one")
    signal.send(one)
    signal.send("proj.two")
    assert len(listener.heard) == 2


def test_a_receiver_that_is_gone_is_forgotten() -> None:
    signal, listener = Signal("happened"), Listener()
    signal.connect(listener.hear)
    del listener
    gc.collect()
    assert signal.send("me") == []
    assert not signal


def test_a_receiver_that_is_held_stays() -> None:
    signal, heard = Signal("happened"), list[int]()
    signal.connect(lambda **_: heard.append(1), weak=False)
    gc.collect()
    signal.send("me")
    assert heard == [1]


def test_connecting_twice_calls_once() -> None:
    signal, listener = Signal("happened"), Listener()
    signal.connect(listener.hear)
    signal.connect(listener.hear)
    signal.send("me")
    assert len(listener.heard) == 1


def test_a_receiver_with_the_same_uid_takes_the_others_place() -> None:
    signal, heard = Signal("happened"), list[int]()
    for number in range(3):
        signal.connect(lambda number=number, **_: heard.append(number), weak=False, dispatch_uid="only")
    signal.send("me")
    assert heard == [2]
    assert signal.disconnect(dispatch_uid="only")
    assert not signal.disconnect(dispatch_uid="only")
    assert not signal


def test_a_receiver_that_fails_does_not_keep_others_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    signal, listener = Signal("happened"), Listener()

    def fail(**_: Any) -> None:
        raise RuntimeError("clumsy")

    signal.connect(fail)
    signal.connect(listener.hear)
    answers = signal.send("me")
    assert isinstance(answers[0][1], RuntimeError)
    assert len(listener.heard) == 1
    assert "clumsy" in caplog.text


def test_a_run_is_announced_from_its_start_to_its_end(app: App, pump: Pump) -> None:
    heard: list[Any] = []

    def hear(signal: Signal, sender: Any, **said: Any) -> None:
        heard.append((signal.name, sender.name, {name: said[name] for name in ("state", "result") if name in said}))

    def took(runtime: float, **_: Any) -> None:
        assert runtime >= 0
        taken.append(runtime)

    taken: list[float] = []
    signals.task_success.connect(took)
    for signal in (signals.task_prerun, signals.task_success, signals.task_failure, signals.task_postrun):
        signal.connect(hear, dispatch_uid=hear)
    retried = Listener()
    signals.task_retry.connect(retried.hear)

    @app.task(name="proj.act", bind=True)
    def act(self: Task[..., Any], how: str) -> int:
        if how == "fail":
            raise ValueError
        if how == "retry":
            self.retry(countdown=3600)
        return 1

    for how in ("succeed", "fail", "retry"):
        act.delay(how)
    pump.run()
    for signal in (signals.task_prerun, signals.task_success, signals.task_failure, signals.task_postrun):
        assert signal.disconnect(dispatch_uid=hear)
    assert heard == [
        ("task_prerun", "proj.act", {}),
        ("task_success", "proj.act", {"result": 1}),
        ("task_postrun", "proj.act", {"state": "SUCCESS"}),
        ("task_prerun", "proj.act", {}),
        ("task_failure", "proj.act", {}),
        ("task_postrun", "proj.act", {"state": "FAILURE"}),
        ("task_prerun", "proj.act", {}),
        ("task_postrun", "proj.act", {"state": "RETRY"}),
    ]
    assert len(taken) == 1
    assert [said["request"].task for said in retried.heard] == ["proj.act"]


def test_an_unknown_task_is_announced(app: App, pump: Pump) -> None:
    listener = Listener()
    signals.task_unknown.connect(listener.hear)
    app.send_task("nobody.knows", task_id="one")
    pump.run()
    assert [(said["name"], said["id"]) for said in listener.heard] == [("nobody.knows", "one")]


@pytest.mark.interop
def test_the_signals_are_those_of_celery() -> None:
    import celery.signals
    from celery.utils.dispatch import Signal as Theirs

    kept_out = {"task_sent", "eventlet_pool_started", "eventlet_pool_preshutdown", "eventlet_pool_postshutdown"}
    theirs = {name for name, value in vars(celery.signals).items() if isinstance(value, Theirs)}
    ours = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    assert theirs - ours == kept_out | {"eventlet_pool_apply"}
