"""What an app adds to its nodes, and what it puts in place of their parts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from understudy import App
from understudy.actors import Actor, ActorStarted, BadSpec, ChildSpec, DuplicateId, System
from understudy.runtime.components.casting import PARTS, Casting
from understudy.runtime.components.components import FLOORS, RESTART, Components, named_by
from understudy.runtime.components.entry_points import install_all
from understudy.runtime.components.errors import BadComponent, UnknownPart
from understudy.runtime.node.blueprint import WorkerOptions
from understudy.runtime.node.context import NodeContext
from understudy.runtime.node.intake import IntakeActor
from understudy.runtime.node.node import Node, QueuesSupervisor, ServicesSupervisor
from understudy.runtime.node.worker import Worker, WorkerFailed


class Metrics(Actor):
    def __init__(self, context: NodeContext) -> None:
        self.context = context


class Plain(Actor):
    """Takes no context."""


class OwnIntake(IntakeActor):
    pass


class OwnQueues(QueuesSupervisor):
    pass


@pytest.fixture
def components() -> Components:
    return Components()


@pytest.mark.parametrize(
    ("class_name", "name"), [("Metrics", "metrics"), ("QueueMetrics", "queue_metrics"), ("HTTPDoor", "httpdoor")]
)
def test_a_component_is_named_by_its_class(class_name: str, name: str) -> None:
    assert named_by(type(class_name, (Actor,), {})) == name


def test_components_are_added_by_class_and_by_spec(components: Components) -> None:
    components.add(Metrics)
    components.add(ChildSpec("plain", Plain, after=("metrics",)), name="other")
    assert components.names == ("metrics", "other")
    components.check()


@pytest.mark.parametrize(
    ("what", "options", "error", "why"),
    [
        (42, {}, BadComponent, "a component is a ChildSpec or an Actor class, not 42"),
        (dict, {}, BadComponent, "not <class 'dict'>"),
        (Metrics, {"name": "pool"}, DuplicateId, "'pool' already"),
        (Metrics, {"name": "plain"}, DuplicateId, "'plain' already"),
        (Metrics, {"after": "pool"}, BadSpec, "after is a tuple of names, not 'pool'"),
        (Metrics, {"before": "pool"}, BadSpec, "before is a tuple of names, not 'pool'"),
    ],
)
def test_what_cannot_be_added_is_refused_where_it_is(
    components: Components, what: Any, options: dict[str, Any], error: type[BadSpec], why: str
) -> None:
    components.add(Plain)
    with pytest.raises(error, match=why):
        components.add(what, **options)


@pytest.mark.parametrize(
    ("part", "actor", "error", "why"),
    [
        ("queues/intak", OwnIntake, UnknownPart, "no part 'queues/intak'.*did you mean 'queues/intake'"),
        ("queues/intake", 42, BadComponent, "'queues/intake' is played by an Actor class, not by 42"),
        ("queues", OwnQueues, DuplicateId, "the part 'queues' is played by OwnQueues already"),
    ],
)
def test_what_cannot_play_a_part_is_refused(
    components: Components, part: str, actor: Any, error: type[BadSpec], why: str
) -> None:
    components.replace("queues", OwnQueues)
    with pytest.raises(error, match=why):
        components.replace(part, actor)


def test_the_floors_that_components_can_name_are_the_nodes() -> None:
    own = Node(_Anything()).children()  # type: ignore[arg-type]
    assert tuple(spec.id for spec in own) == FLOORS
    assert set(FLOORS) <= set(PARTS)


class _Anything:
    """Stands for a context of which only the casting is looked at."""

    casting = Casting()


# -- in a node ---------------------------------------------------------------------------------------------------------


class Booted:
    """A node in this process, with what was started in it."""

    def __init__(self, app: App) -> None:
        self.started: list[str] = []
        self.worker = Worker(app, WorkerOptions(pool="solo", concurrency=1))
        original = System.start

        def start(system: System, actor: Any, *args: Any, **kwargs: Any) -> Any:
            if actor is Node:
                system.events.subscribe(ActorStarted, lambda event: self.started.append(event.ref.path))
            return original(system, actor, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(System, "start", start)
            self.worker.start()
        assert self.worker._system is not None
        self.system: System = self.worker._system

    def actor_class(self, path: str) -> type[Actor]:
        return self.system.get(path).actor_class  # type: ignore[no-any-return]


@pytest.fixture
def app() -> Any:
    with App("proj", broker="memory://components", set_as_current=False) as made:
        yield made


def boot(app: App, request: pytest.FixtureRequest) -> Booted:
    booted = Booted(app)
    request.addfinalizer(booted.worker.close)
    return booted


def test_a_component_runs_within_the_services_and_gets_the_nodes_context(
    app: App, request: pytest.FixtureRequest
) -> None:
    seen: list[NodeContext] = []

    class Sees(Metrics):
        def on_start(self) -> None:
            seen.append(self.context)

    app.components.add(Sees, name="sees", after=("pool",))
    booted = boot(app, request)
    assert booted.system.find("/node/services/sees") is not None
    assert seen[0].name == booted.worker.hostname
    assert booted.started.index("/node/pool") < booted.started.index("/node/services/sees")


def test_what_a_floor_waits_for_is_a_floor_of_its_own(app: App, request: pytest.FixtureRequest) -> None:
    app.components.add(ChildSpec("licence", Plain), before=("queues",))
    started = boot(app, request).started
    assert started.index("/node/pool") < started.index("/node/licence") < started.index("/node/queues")


@pytest.mark.parametrize(
    ("part", "actor", "path"),
    [
        ("queues/intake", OwnIntake, "/node/queues/celery/intake"),
        ("queues", OwnQueues, "/node/queues"),
        ("services", type("OwnServices", (ServicesSupervisor,), {}), "/node/services"),
    ],
)
def test_a_part_is_played_by_whom_the_app_says_and_tasks_run(
    app: App, request: pytest.FixtureRequest, part: str, actor: type[Actor], path: str
) -> None:
    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    app.components.replace(part, actor)
    booted = boot(app, request)
    assert booted.actor_class(path) is actor
    assert add.delay(2, 3).get(timeout=10) == 5


def test_three_components_that_crash_over_and_over_do_not_end_the_services() -> None:
    moments, at = [], 0.0
    for failure in range(1, 12):
        at += RESTART.delay(failure, 0.999)
        moments.append(at)
    most = max(sum(begin <= each < begin + ServicesSupervisor.period for each in moments) for begin in moments)
    assert 3 * most <= ServicesSupervisor.intensity


def test_components_that_cannot_be_ordered_stop_the_worker_with_one_line(
    app: App, request: pytest.FixtureRequest
) -> None:
    app.components.add(Plain, after=("nowhere",))
    with pytest.raises(UnknownPart, match="'plain' is to start after 'nowhere'"):
        boot(app, request)


# -- entry points ------------------------------------------------------------------------------------------------------


def install_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, *points: str) -> None:
    """Have a package installed with these entry points."""
    (tmp_path / "brings.py").write_text(module)
    info = tmp_path / "brings-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brings\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[understudy.components]", *points, ""]))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "brings", raising=False)


MODULE = """
from understudy.actors import Actor, ChildSpec

class Metrics(Actor):
    pass

class Door(Actor):
    pass

door = ChildSpec("door", Door)

def install(components):
    components.add(Metrics, name="installed", after=("pool",))

number = 7
"""


def test_an_installed_package_brings_its_components_along(
    components: Components, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_package(tmp_path, monkeypatch, MODULE, "a = brings:Metrics", "b = brings:door", "c = brings:install")
    install_all(components)
    install_all(components)
    assert components.names == ("a", "b", "installed")


@pytest.mark.parametrize(
    ("point", "why"),
    [
        ("bad = brings:nothing", "the component 'bad' cannot be loaded from brings:nothing: "),
        ("bad = brings:number", "the component 'bad' is an Actor class, a ChildSpec or a function, not 7"),
    ],
)
def test_a_package_that_brings_something_else_along_is_named(
    components: Components, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, why: str
) -> None:
    install_package(tmp_path, monkeypatch, MODULE, point)
    with pytest.raises(BadComponent, match=why):
        install_all(components)


def test_a_component_that_does_not_start_keeps_the_node_from_starting_and_is_named(
    app: App, request: pytest.FixtureRequest
) -> None:
    class Shut(Actor):
        def on_start(self) -> None:
            raise OSError("no such port")

    app.components.add(ChildSpec("door", Shut))
    with pytest.raises(WorkerFailed, match="/node/services/door did not start: OSError: no such port"):
        boot(app, request)
