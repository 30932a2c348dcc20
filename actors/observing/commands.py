"""Restart and stop of one actor by its path, through its supervisor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..completion import Completion
from ..errors import ActorDead
from ..events import ActorStarted, ActorStopped
from ..reasons import Error
from ..supervision.errors import ChildNotFound, SupervisorError
from ..supervision.messages import ChildInfo, RestartChild, TerminateChild, WhichChildren
from ..supervision.spec import Restart
from ..supervision.supervisor import Supervisor

if TYPE_CHECKING:
    from ..ref import Ref
    from ..system import System

RESTARTED = Error("somebody asked for its restart")


class NotSupervised(SupervisorError):
    """The actor has no supervisor that would start it again."""


def restart_actor(system: System, path: str, *, kill: bool = False) -> Completion[Ref[Any] | None]:
    """End the actor at `path` in order, or `kill` it, and promise whoever is put in its place.

    The promise is None where that one chose not to run. To its supervisor it is a
    crash: it counts, and takes along whom the strategy says. One that was stopped is started. Fails with `ActorDead`
    where nobody is known at that path, `NotSupervised` where nobody would start it again, and what `RestartChild`
    raises.
    """
    promise: Completion[Ref[Any] | None] = Completion()
    supervisor = _supervisor(system, path)
    if supervisor is None:
        return _unsupervised(system, path)

    def go_on(info: ChildInfo) -> None:
        if info.ref is None:
            supervisor.ask(RestartChild(info.id), block=False).forward(promise)
        elif info.spec.restart is Restart.TEMPORARY:
            promise.fail(NotSupervised(f"{path} is temporary: nobody would start it again"))
        else:
            _await_successor(system, info.ref, promise)
            info.ref.kill() if kill else info.ref.stop(block=False, reason=RESTARTED)

    _with_child(supervisor, path, promise, go_on)
    return promise


def stop_actor(system: System, path: str) -> Completion[None]:
    """End the actor at `path` in order; its supervisor keeps its spec, as `TerminateChild` does, and is not upset.

    Fails with `ActorDead` where nobody is known at that path.
    """
    promise: Completion[None] = Completion()
    supervisor = _supervisor(system, path)
    if supervisor is None:
        ref = system.find(path)
        if ref is None:
            return Completion.failed(_nobody(system, path))
        return ref.stop(block=False).then(lambda _: None)
    _with_child(supervisor, path, promise, lambda i: supervisor.ask(TerminateChild(i.id), block=False).forward(promise))
    return promise


def _supervisor(system: System, path: str) -> Ref[Supervisor] | None:
    parent = system.find(path.rpartition("/")[0])
    return parent if parent is not None and issubclass(parent.actor_class, Supervisor) else None


def _with_child(
    supervisor: Ref[Supervisor], path: str, promise: Completion[Any], go_on: Callable[[ChildInfo], object]
) -> None:
    """Find the child whose path it is, and go on with what is known of it."""
    name = path.rpartition("/")[2]

    def look(asked: Completion[list[ChildInfo]]) -> None:
        error = asked.error()
        if error is not None:
            promise.fail(error)
            return
        info = next((each for each in asked.get() if each.spec.name == name), None)
        if info is None:
            promise.fail(ChildNotFound(f"{supervisor.path} has no child {name!r}"))
        else:
            go_on(info)

    supervisor.ask(WhichChildren(), block=False).add_done_callback(look)


def _await_successor(system: System, ref: Ref[Any], promise: Completion[Ref[Any] | None]) -> None:
    """Keep the promise when another starts at that path; fail it when the top of its tree ends, since nobody will."""
    top = "/".join(ref.path.split("/")[:2])

    def started(event: ActorStarted) -> None:
        if event.ref.path == ref.path and event.ref != ref:
            promise.resolve(event.ref)

    def stopped(event: ActorStopped) -> None:
        if event.ref.path == top:
            promise.fail(ActorDead(f"{ref.path} was not restarted: {top} ended: {event.reason}", event.reason))

    for unsubscribe in (
        system.events.subscribe(ActorStarted, started),
        system.events.subscribe(ActorStopped, stopped),
    ):
        promise.add_done_callback(lambda _, unsubscribe=unsubscribe: unsubscribe())


def _unsupervised(system: System, path: str) -> Completion[Any]:
    if system.find(path) is None:
        return Completion.failed(_nobody(system, path))
    return Completion.failed(NotSupervised(f"{path} has no supervisor: nobody would start it again"))


def _nobody(system: System, path: str) -> ActorDead:
    return ActorDead(f"nobody is at {path!r} in the system {system.name!r}")
