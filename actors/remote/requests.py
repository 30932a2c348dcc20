"""What another node may have done to this one's actors: stop, kill or start one, count its mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..completion import Completion
from ..errors import ActorDead
from ..messages import ExitSignal
from ..reasons import NO_PROC
from ..supervision.errors import BadSpec
from ..supervision.messages import StartChild
from ..supervision.spec import ChildSpec
from .errors import NotDecodable
from .frames import CountWaiting, ExitActor, SpawnActor, StopActor, read_reason

if TYPE_CHECKING:
    from .remoting import Remoting


def stop_actor(remoting: Remoting, frame: StopActor) -> Completion[bool]:
    """Stop an actor; resolves with whether there was anything to stop, when it has ended."""
    ref = remoting.local(frame.path, frame.uid)
    return Completion.of(False) if ref is None else ref.stop(block=False, reason=read_reason(frame.reason))


def exit_actor(remoting: Remoting, frame: ExitActor) -> None:
    """Send an actor an exit signal, of nobody's."""
    ref = remoting.local(frame.path, frame.uid)
    if ref is not None:
        ref.signal(ExitSignal(None, read_reason(frame.reason)))


def count_waiting(remoting: Remoting, frame: CountWaiting) -> Completion[int]:
    """Count what waits in an actor's mailbox."""
    ref = remoting.local(frame.path, frame.uid)
    return Completion.of(0 if ref is None else ref.waiting)


def spawn_actor(remoting: Remoting, frame: SpawnActor) -> Completion[Any]:
    """Start an actor of a class that this node offers, among its guests; resolves with its ref."""
    actor_class = remoting.offered.get(frame.actor)
    if actor_class is None:
        offered = ", ".join(remoting.offered) or "none"
        return Completion.failed(
            NotDecodable(f"{remoting.node} offers no actors {frame.actor!r}; it offers: {offered}")
        )
    guests = remoting.part("guests")
    if guests is None:
        return Completion.failed(ActorDead("the node is about to leave", NO_PROC))
    try:
        args, kwargs = remoting.codec.decode(tuple[list[Any], dict[str, Any]], frame.ctype, frame.arguments)
        spec = ChildSpec(frame.name, actor_class, tuple(args), kwargs, restart=frame.restart)
    except (NotDecodable, BadSpec) as error:
        return Completion.failed(error)
    return guests.ask(StartChild(spec), block=False)
