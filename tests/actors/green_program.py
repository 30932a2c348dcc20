"""A program that uses gevent or eventlet, patched or not, with actors on its hub; run by test_green_hosts.py.

`python green_program.py gevent patched` runs each scenario and prints, as JSON, what came of it.
"""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

LIBRARY, PATCHED = sys.argv[1], sys.argv[2] == "patched"
warnings.simplefilter("error")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet asks everybody to leave it
    green: Any = import_module(LIBRARY)
    if PATCHED and LIBRARY == "gevent":
        import_module("gevent.monkey").patch_all()
    elif PATCHED:
        green.monkey_patch()

import logging  # noqa: E402 - patching comes first
import threading  # noqa: E402

from understudy.actors import (  # noqa: E402
    Actor,
    ActorDead,
    Completion,
    Deadlock,
    Error,
    Message,
    Ref,
    System,
    Timeout,
    WouldBlock,
    on,
)
from understudy.actors.native import get_ident, start_new_thread  # noqa: E402

Host: Any = getattr(import_module(f"understudy.actors.hosts.{LIBRARY}"), f"{LIBRARY.title()}Host")


class Do(Message[Any, Any]):
    """Call this with the actor."""

    def __init__(self, what: Callable[[Any], Any]) -> None:
        self.what = what


class Doer(Actor):
    """Does what it is told."""

    @on(Do)
    def do(self, message: Do) -> Any:
        return message.what(self)


class Pinned(Doer):
    pinned = True


def spawn_greenlet(function: Callable[[], object]) -> None:
    green.spawn(function)


def native_thread(function: Callable[[], object]) -> Completion[Any]:
    """Run `function` in a thread of the operating system's, also where threads are patched."""
    done: Completion[Any] = Completion()

    def body() -> None:
        try:
            done.resolve(function())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            done.fail(error)

    start_new_thread(body, ())
    return done


def sleeps(notes: list[Any], seconds: float = 30.0) -> Do:
    """Have an actor wait as greenlets do."""

    def sleep(_: Any) -> None:
        notes.append("waits")
        try:
            green.sleep(seconds)
        finally:
            notes.append("over")

    return Do(sleep)


def until(condition: Callable[[], object]) -> None:
    """Let others go on until `condition()` holds."""
    with green.Timeout(10):
        while not condition():
            green.sleep(0)


@contextmanager
def raises(error_class: type[BaseException], text: str) -> Iterator[None]:
    """Demand an error."""
    try:
        yield
    except error_class as error:
        assert text in str(error), error  # noqa: PT017 - pytest is not here
    else:
        raise AssertionError(f"no {error_class.__name__}")


# -- scenarios ---------------------------------------------------------------------------------------------------------


def actors_run_on_the_hub_and_are_asked_from_a_greenlet(system: System) -> None:
    actor = system.spawn(Doer)
    assert actor.ask(Do(lambda _: get_ident()), timeout=10) == get_ident()
    assert actor.stop(timeout=10)


def greenlets_go_on_while_one_waits_for_an_answer(system: System) -> None:
    actor = system.spawn(Doer)
    ticks: list[int] = []
    promise: Completion[str] = Completion()

    def tick() -> None:
        for number in range(10):
            ticks.append(number)
            green.sleep(0)
        promise.resolve("ticked")

    spawn_greenlet(tick)
    assert actor.ask(Do(lambda _: promise), timeout=10) == "ticked"
    assert len(ticks) == 10


def actors_go_on_while_a_handler_waits_and_its_own_takes_nothing(system: System) -> None:
    waits, others = system.spawn(Doer), [system.spawn(Doer) for _ in range(3)]
    notes: list[Any] = []
    waits.tell(sleeps(notes, 0.05))
    waits.tell(Do(lambda _: notes.append("next")))
    until(lambda: notes)
    for other in others:
        assert other.ask(Do(lambda _: list(notes)), timeout=10) == ["waits"]
    until(lambda: "next" in notes)
    assert notes == ["waits", "over", "next"]


def a_hundred_handlers_wait_at_a_time(system: System) -> None:
    promise: Completion[str] = Completion()
    waiting: list[Any] = []

    def wait(this: Any) -> str:
        waiting.append(this)
        return promise.get(timeout=10)

    actors = [system.spawn(Doer) for _ in range(100)]
    answers = [actor.ask(Do(wait), block=False) for actor in actors]
    until(lambda: len(waiting) == 100)
    promise.resolve("over")
    assert [answer.get(timeout=10) for answer in answers] == ["over"] * 100
    assert system.spawn(Doer).ask(Do(lambda _: "still here"), timeout=10) == "still here"


def a_kill_ends_a_handler_where_it_waits(system: System) -> None:
    actor: Ref[Any] = system.spawn(Doer)
    notes: list[Any] = []
    answer = actor.ask(sleeps(notes), block=False)
    until(lambda: notes)
    actor.kill()
    with raises(ActorDead, "killed"):
        answer.get(timeout=10)
    until(lambda: notes == ["waits", "over"])


def a_kill_from_another_thread_ends_a_handler_where_it_waits(system: System) -> None:
    actor: Ref[Any] = system.spawn(Doer)
    notes: list[Any] = []
    actor.tell(sleeps(notes))
    until(lambda: notes)
    native_thread(actor.kill).get(timeout=10)
    until(lambda: notes == ["waits", "over"])


def a_timeout_of_the_librarys_is_the_crash_of_that_actor_only(system: System) -> None:
    actor, other = system.spawn(Doer), system.spawn(Doer)

    def too_slow(_: Any) -> None:
        with green.Timeout(0.01):
            green.sleep(30)

    with raises(green.Timeout, "0.01"):
        actor.ask(Do(too_slow), timeout=10)
    assert isinstance(actor.reason, Error)
    assert other.ask(Do(lambda _: "lives"), timeout=10) == "lives"


def other_threads_tell_and_ask(system: System) -> None:
    actor = system.spawn(Doer)
    here, seen = get_ident(), []

    def talk() -> Any:
        for number in range(100):
            actor.tell(Do(lambda _, number=number: seen.append((number, get_ident()))))
        return actor.ask(Do(lambda _: "done"), timeout=10), get_ident()

    said, thread = native_thread(talk).get(timeout=10)
    assert said == "done"
    assert thread != here
    assert seen == [(number, here) for number in range(100)]


def a_thread_wakes_a_hub_that_sleeps(system: System) -> None:
    for _ in range(20):
        promise: Completion[int] = Completion()
        native_thread(lambda promise=promise: (time_passes(), promise.resolve(1)))
        assert promise.get(timeout=10) == 1


def time_passes() -> None:
    """Give the hub time to fall asleep: nothing tells when it has."""
    with raises(Timeout, "0.002"):
        Completion[None]().get(timeout=0.002)


def waiting_ends_with_the_timeout(system: System) -> None:
    for timeout in (0, 0.01):
        with raises(Timeout, f"within {timeout} s"):
            Completion[int]().get(timeout=timeout)


def actors_wait_for_each_other_and_a_circle_is_told(system: System) -> None:
    first, second = system.spawn(Doer, name="first"), system.spawn(Doer, name="second")
    assert first.ask(Do(lambda _: second.ask(Do(lambda _: "hello"), timeout=10)), timeout=10) == "hello"
    circle = Do(lambda _: second.ask(Do(lambda _: first.ask(Do(lambda _: "never"), timeout=10)), timeout=10))
    with raises(Deadlock, "/second -> /first -> /second"):
        first.ask(circle, timeout=10)


def timers_tell_in_order(system: System) -> None:
    notes: list[str] = []

    def set_them(actor: Any) -> None:
        for seconds, name in ((0.02, "late"), (0.001, "early"), (0.01, "between")):
            actor.after(seconds, Do(lambda _, name=name: notes.append(name)))
        actor.after(0.005, Do(lambda _: notes.append("cancelled"))).cancel()

    system.spawn(Doer).ask(Do(set_them), timeout=10)
    until(lambda: len(notes) == 3)
    assert notes == ["early", "between", "late"]


def a_callback_of_the_hub_may_not_wait(system: System) -> None:
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            system.host._dispatcher.wait(Completion(), 1)
        except WouldBlock as error:
            errors.append(error)

    system.host._dispatcher.call(wait)
    until(lambda: errors)


def a_pinned_actor_leaves_the_hub_alone(system: System) -> None:
    actor = system.spawn(Pinned)
    gate = threading.Event()
    answer = actor.ask(Do(lambda _: gate.wait(10)), block=False)
    until(lambda: True)
    gate.set()
    assert answer.get(timeout=10)


def a_host_of_threads_works_beside_it(system: System) -> None:
    with System("threads") as other:
        actor = other.spawn(Doer)
        assert actor.ask(Do(lambda _: "hello"), timeout=10) == "hello"
        mine = system.spawn(Doer)
        assert mine.ask(Do(lambda _: actor.ask(Do(lambda _: "across"), timeout=10)), timeout=10) == "across"


def a_system_stops_what_waits(system: System) -> None:
    own = System("own", Host())
    actor = own.spawn(Doer)
    notes: list[Any] = []
    actor.tell(sleeps(notes))
    until(lambda: notes)
    assert own.stop(timeout=0.05) is False
    until(lambda: notes == ["waits", "over"])


def the_program_goes_on_after_it(system: System) -> None:
    System("short", Host()).stop(timeout=10)
    done: Completion[str] = Completion()
    spawn_greenlet(lambda: done.resolve("on"))
    assert done.get(timeout=10) == "on"


SCENARIOS = [
    actors_run_on_the_hub_and_are_asked_from_a_greenlet,
    greenlets_go_on_while_one_waits_for_an_answer,
    actors_go_on_while_a_handler_waits_and_its_own_takes_nothing,
    a_hundred_handlers_wait_at_a_time,
    a_kill_ends_a_handler_where_it_waits,
    a_kill_from_another_thread_ends_a_handler_where_it_waits,
    a_timeout_of_the_librarys_is_the_crash_of_that_actor_only,
    other_threads_tell_and_ask,
    a_thread_wakes_a_hub_that_sleeps,
    waiting_ends_with_the_timeout,
    actors_wait_for_each_other_and_a_circle_is_told,
    timers_tell_in_order,
    a_callback_of_the_hub_may_not_wait,
    a_pinned_actor_leaves_the_hub_alone,
    a_host_of_threads_works_beside_it,
    a_system_stops_what_waits,
    the_program_goes_on_after_it,
]


def outcome(scenario: Callable[[System], None]) -> str:
    """Run a scenario in a system of its own."""
    try:
        with green.Timeout(15), System(scenario.__name__, Host()) as system:
            scenario(system)
    except BaseException:  # noqa: BLE001 - an assertion, a timeout of the library's
        return traceback.format_exc()
    return "ok"


if __name__ == "__main__":
    logging.disable()  # crashes are told; what else is said is what the hubs say
    wanted = [scenario for scenario in SCENARIOS if not sys.argv[3:] or scenario.__name__ in sys.argv[3:]]
    sys.stdout.write(json.dumps({scenario.__name__: outcome(scenario) for scenario in wanted}))
