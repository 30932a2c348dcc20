"""What those who know pykka expect: refs, proxies and futures behave alike."""

from __future__ import annotations

import pykka
import pytest

from understudy.actors import Actor, Completion, Error

from .stage import Stage


class Wardrobe:
    """Something that a proxy may look into."""

    pykka_traversable = True

    def __init__(self) -> None:
        self.hats = 3

    def buy(self) -> int:
        self.hats += 1
        return self.hats


class Performer(Actor):
    def __init__(self, name: str = "nobody") -> None:
        self.name = name
        self.wardrobe = Wardrobe()
        self._secret = "hidden"

    def greet(self, whom: str, *, loudly: bool = False) -> str:
        greeting = f"{self.name} greets {whom}"
        return greeting.upper() if loudly else greeting

    def fail(self) -> None:
        raise LookupError("line forgotten")

    def later(self) -> Completion[int]:
        return Completion.of(7)

    def on_receive(self, message: object) -> object:
        return ("received", message)


def test_actors_refs_and_completions_are_pykkas(stage: Stage) -> None:
    ref = stage.spawn(Performer)
    assert issubclass(Performer, pykka.Actor)
    assert isinstance(ref, pykka.ActorRef)
    assert isinstance(ref.ask("?", block=False), pykka.Future)
    assert ref.actor_class is Performer
    assert ref.actor_urn == str(ref)


def test_plain_messages_are_told_and_asked(stage: Stage) -> None:
    ref = stage.spawn(Performer)
    ref.tell({"plain": "dict"})
    assert ref.ask({"plain": 1}) == ("received", {"plain": 1})
    assert ref.ask("x", block=False).get(timeout=10) == ("received", "x")


def test_a_proxy_calls_methods_and_gets_futures(stage: Stage) -> None:
    proxy = stage.spawn(Performer, "Ann").proxy()
    assert proxy.greet("Bob").get(timeout=10) == "Ann greets Bob"
    assert proxy.greet("Bob", loudly=True).get(timeout=10) == "ANN GREETS BOB"
    assert proxy.later().get(timeout=10) == 7


def test_a_proxy_reads_and_sets_attributes(stage: Stage) -> None:
    proxy = stage.spawn(Performer, "Ann").proxy()
    assert proxy.name.get(timeout=10) == "Ann"
    proxy.name = "Eve"
    assert proxy.name.get(timeout=10) == "Eve"


def test_a_proxy_looks_into_what_is_traversable_and_not_into_what_is_private(stage: Stage) -> None:
    proxy = stage.spawn(Performer).proxy()
    assert proxy.wardrobe.hats.get(timeout=10) == 3
    assert proxy.wardrobe.buy().get(timeout=10) == 4
    with pytest.raises(AttributeError):
        _ = proxy._secret


def test_a_proxy_defers_calls_that_nobody_waits_for(stage: Stage) -> None:
    proxy = stage.spawn(Performer).proxy()
    proxy.wardrobe.buy.defer()
    assert proxy.wardrobe.hats.get(timeout=10) == 4


def test_an_error_of_a_call_is_raised_and_ends_the_actor(stage: Stage) -> None:
    """Unlike pykka's: an actor that crashed is not used any more, its supervisor replaces it."""
    ref = stage.spawn(Performer)
    with pytest.raises(LookupError, match="line forgotten"):
        ref.proxy().fail().get(timeout=10)
    assert ref.reason == Error("LookupError: line forgotten")
    with pytest.raises(pykka.ActorDeadError):
        ref.proxy()


def test_a_proxy_of_an_actor_can_be_passed_to_another(stage: Stage) -> None:
    class Caller(Actor):
        def call(self, other: pykka.ActorProxy[Performer]) -> Completion[str]:
            return other.greet("the house")  # type: ignore[return-value]

    performer = stage.spawn(Performer, "Ann").proxy()
    caller = stage.spawn(Caller).proxy()
    assert caller.call(performer).get(timeout=10) == "Ann greets the house"


def test_a_stop_by_proxy_and_by_ref(stage: Stage) -> None:
    ref = stage.spawn(Performer)
    ref.proxy().stop()
    stage.ended(ref)
    assert ref.stop() is False
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("?")


def test_futures_of_several_actors_are_gathered(stage: Stage) -> None:
    proxies = [stage.spawn(Performer, name).proxy() for name in ("Ann", "Bob")]
    assert pykka.get_all([proxy.name for proxy in proxies], timeout=10) == ["Ann", "Bob"]
    joined = proxies[0].name.join(proxies[1].name)
    assert joined.get(timeout=10) == ["Ann", "Bob"]
    assert proxies[0].name.map(len).get(timeout=10) == 3


def test_the_errors_are_pykkas_too(stage: Stage) -> None:
    ref = stage.spawn(Performer)
    never = Completion[int]()
    with pytest.raises(pykka.Timeout):
        never.get(timeout=0)
    ref.stop()
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("?")
