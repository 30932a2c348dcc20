"""What type checkers say about routers, partitions, strategies, events, snapshots and proxies; nothing here runs.

A wrong line says so to both checkers: an expected error that does not come is an error itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, assert_type, cast

import pykka
from pykka.typing import ActorMemberMixin, proxy_field, proxy_method

from understudy import App
from understudy.actors import (
    Actor,
    ActorView,
    AskAll,
    Broadcast,
    Budget,
    ChildEnd,
    ChildSpec,
    Completion,
    ConsistentHash,
    CrashView,
    Decision,
    Demand,
    DemandRouter,
    LeastLoaded,
    MailboxOverflowed,
    Message,
    Partitions,
    PartitionSupervisor,
    Ref,
    Replace,
    RoundRobin,
    Routee,
    Router,
    Snapshot,
    Supervisor,
    SupervisorGaveUp,
    System,
    gather,
    on,
    partition_of,
    restart_actor,
    spawn_router,
    stop_actor,
    telemetry,
)
from understudy.runtime.node.context import NodeContext


@dataclass(frozen=True, slots=True)
class Who(Message["Clerk", str]):
    customer: str


@dataclass(frozen=True, slots=True)
class Ring(Message["Bell", None]):
    pass


class Bell(Actor):
    @on(Ring)
    def ring(self, message: Ring) -> None:
        """Ring."""


class Clerk(Actor):
    busy: bool = False

    def __init__(self, greeting: str = "hello") -> None:
        self.greeting = greeting

    def on_start(self) -> None:
        assert_type(self.parent, Ref[Any] | None)

    @on(Who)
    def who(self, message: Who) -> str:
        return f"{self.greeting}, {message.customer}"

    def greet(self, name: str, times: int = 1) -> list[str]:
        return [f"{self.greeting}, {name}"] * times


# -- routers and partitions --------------------------------------------------------------------------------------------


def routers(system: System, child: ChildSpec) -> None:
    clerks = spawn_router(system, Clerk, "good day", size=3, routing=LeastLoaded())
    assert_type(clerks, Ref[Clerk])
    assert_type(clerks.ask(Who("anna")), str)
    clerks.tell(Ring())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    router = system.spawn(Router, child, 3, ConsistentHash(lambda message: message.customer))
    assert_type(router.ask(AskAll(Who("anna"))), list[Any])
    system.spawn(Router, child, 3, Broadcast())
    queue = system.spawn(DemandRouter, child, 3, capacity=10)
    queue.tell(Demand(clerks, 2))
    clerks.tell(Demand(clerks))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Router(child, 3, "round_robin")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Router(child, 3, RoundRobin())


class Vip:
    def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Sequence[int]:
        return (0,) if routees[0].waiting < 10 else (turn % len(routees),)


class Confused:
    def choose(self, message: Any, routees: Sequence[Routee]) -> int:
        return 0


def own_routing(child: ChildSpec) -> None:
    Router(child, 3, Vip())
    Router(child, 3, Confused())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def partitions(system: System, child: ChildSpec) -> None:
    system.spawn(PartitionSupervisor, child, 4, name="clerks")
    clerks: Partitions[Clerk] = Partitions(system, "/clerks", 4)
    assert_type(clerks.of("anna"), Ref[Clerk])
    assert_type(clerks.all(), list[Ref[Clerk]])
    assert_type(clerks.ask("anna", Who("anna")), str)
    assert_type(clerks.ask("anna", Who("anna"), timeout=1.0), str)
    assert_type(clerks.ask("anna", Who("anna"), block=False), Completion[str])
    assert_type(partition_of("anna", 4), int)
    clerks.tell("anna", Who("anna"))
    clerks.tell("anna", Ring())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clerks.tell([], Who("anna"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def gathered(one: Completion[int], other: Completion[int]) -> None:
    assert_type(gather([one, other]), Completion[list[int]])


# -- strategies --------------------------------------------------------------------------------------------------------


class Careful(Supervisor):
    def decide(self, end: ChildEnd) -> Decision:
        assert_type(end.restarts, tuple[float, ...])
        assert_type(end.restarted_within(60.0), int)
        if end.attempts > 2:
            return Replace((end.spec.id,), delay=1.5, poison="dead_letter")
        return super().decide(end)


class Careless(Supervisor):
    def decide(self, end: ChildEnd) -> str:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return "restart"


spec = ChildSpec("clerk", Clerk, in_place=True)
wrong_spec = ChildSpec("clerk", Clerk, in_place="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# -- from outside ------------------------------------------------------------------------------------------------------


def outside(system: System) -> None:
    snapshot = system.observe()
    assert_type(snapshot, Snapshot)
    for view in snapshot:
        assert_type(view, ActorView)
        assert_type(view.crash, CrashView | None)
        assert_type(view.budget, Budget | None)
    assert_type(restart_actor(system, "/clerk", kill=True), Completion[Ref[Any] | None])
    assert_type(stop_actor(system, "/clerk"), Completion[None])


def events(system: System) -> None:
    system.events.subscribe(SupervisorGaveUp, lambda event: assert_type(event.restarts, int))
    system.events.subscribe(MailboxOverflowed, gave_up)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    system.events.subscribe_all(telemetry)


def gave_up(event: SupervisorGaveUp) -> None:
    name, values = telemetry(event)
    assert_type(name, str)
    assert_type(values, dict[str, Any])


# -- components --------------------------------------------------------------------------------------------------------


class Health(Actor):
    def __init__(self, context: NodeContext) -> None:
        self.name = context.name


def components(app: App) -> None:
    app.components.add(Health, after=("pool",), before=("queues",))
    app.components.add(spec, name="other")
    app.components.replace("queues/intake", Health)
    app.components.add("health")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.components.replace("queues/intake", spec)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# -- proxies -----------------------------------------------------------------------------------------------------------


class ClerkProxy(ActorMemberMixin, pykka.ActorProxy[Clerk]):  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]
    """What pykka's documentation has one write where a proxy is to be typed."""

    busy = proxy_field(Clerk.busy)
    greet = proxy_method(Clerk.greet)


def proxies(clerk: Ref[Clerk]) -> None:
    proxy = cast("ClerkProxy", clerk.proxy())
    assert_type(proxy.greet("anna").get(), list[str])
    assert_type(proxy.greet("anna", times=2).get(timeout=1.0), list[str])
    assert_type(proxy.busy.get(), bool)
    proxy.greet(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    proxy.greet("anna", 1, 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
