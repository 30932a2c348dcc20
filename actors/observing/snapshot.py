"""`Snapshot`: all actors of a system at one moment.

It is read, not asked for: an actor that hangs, or whose mailbox is full, is seen as well as any other. What is read is
not stopped meanwhile, so that two actors may be seen a moment apart.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..supervision.messages import Budget, Role
from ..supervision.supervisor import Supervisor

if TYPE_CHECKING:
    from ..cell import Cell
    from ..system import System
    from .ages import Ages


OURS = str(Path(__file__).parent.parent)
"""Where the kernel is: the outermost frames of a stack are its own, and say nothing about the actor."""


@dataclass(frozen=True, slots=True)
class CrashView:
    """An actor's last crash: when (unix seconds), why, and with which traceback."""

    at: float
    reason: str
    traceback: str


@dataclass(frozen=True, slots=True)
class ActorView:
    """One actor.

    actor: its class. state: new, starting, running, suspended (it crashed, and is to be restarted in place), stopping;
    or of a supervised child that does not run: ended (its supervisor is about to hear of it), restarting (soon),
    stopped. working: a turn of it goes on now; then `stack` is where that is. waiting: messages in its mailbox.
    waiting_for: seconds for which the oldest of them has been seen to wait. capacity: its mailbox's bound. dropped:
    messages that a full mailbox dropped. restarts: how often an understudy was put in at this path. budget: of a
    supervisor. crash: the last one at this path.
    """

    path: str
    uid: int
    actor: str
    state: str
    working: bool = False
    stack: str | None = None
    waiting: int = 0
    waiting_for: float = 0.0
    capacity: int | None = None
    dropped: int = 0
    restarts: int = 0
    budget: Budget | None = None
    crash: CrashView | None = None

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All actors, in the order of the tree: a parent, its children in the order of their start, the next parent."""

    system: str
    at: float
    actors: tuple[ActorView, ...]
    dead_letters: int = 0

    def __iter__(self) -> Iterator[ActorView]:
        return iter(self.actors)

    def __len__(self) -> int:
        return len(self.actors)

    def __str__(self) -> str:
        from .text import lines_of

        return "\n".join(lines_of(self))

    def find(self, path: str) -> ActorView | None:
        """Return who is, or belongs, at a path."""
        return next((each for each in self.actors if each.path == path), None)

    def below(self, path: str) -> Snapshot:
        """Return the part of it that begins at a path."""
        kept = tuple(each for each in self.actors if each.path == path or each.path.startswith(f"{path}/"))
        return Snapshot(self.system, self.at, kept, self.dead_letters)


def take(system: System, ages: Ages) -> Snapshot:
    """Return what is to be seen now; any thread. `ages` knows what was seen before."""
    roles = {cell.path: _roles(cell) for cell in system.cells()}  # first: who is in them and not seen below has ended
    cells = [cell for cell in system.cells() if cell.parent is not None and cell.alive]
    now = system.clock.now()
    ages.look(cells, now)
    views = {cell.path: _view(system, cell, ages.of(cell, now)) for cell in cells}
    ordered: dict[str, ActorView] = {}
    for cell in cells:  # those of a supervisor in the order of its specs, a parent's others in order of birth
        ordered.update((view.path, view) for view in _children(system, cell.path, roles.get(cell.path, ()), views))
    ordered.update((path, view) for path, view in views.items() if path not in ordered)
    return Snapshot(system.name, system.clock.time(), tuple(in_tree_order(ordered.values())), system.dead_letters)


def _roles(cell: Cell) -> Sequence[Role]:
    actor = cell.actor
    return actor.roles() if isinstance(actor, Supervisor) else ()


def in_tree_order(views: Iterable[ActorView]) -> Iterator[ActorView]:
    """Order views so that each is followed by those below it."""
    below: dict[str, list[ActorView]] = {}
    for view in views:
        below.setdefault(view.path.rpartition("/")[0], []).append(view)
    pending = list(reversed(below.get("", ())))
    while pending:
        view = pending.pop()
        yield view
        pending.extend(reversed(below.get(view.path, ())))


def _view(system: System, cell: Cell, waiting_for: float) -> ActorView:
    actor = cell.actor
    working = cell.dispatcher.current is cell
    return ActorView(
        cell.path,
        cell.uid,
        f"{cell.actor_class.__module__}.{cell.actor_class.__qualname__}",
        cell.life.status.value,
        working,
        _stack(cell) if working else None,
        len(cell.mailbox),
        waiting_for,
        None if cell.mailbox.bound is None else cell.mailbox.bound.capacity,
        cell.mailbox.dropped,
        system.chronicle.restarts(cell.path),
        actor.budget() if isinstance(actor, Supervisor) else None,
        _crash(system, cell.path),
    )


def _children(system: System, path: str, roles: Iterable[Role], views: dict[str, ActorView]) -> Iterator[ActorView]:
    """Return the children of the supervisor at `path`, those too that do not run."""
    for role in roles:
        place = f"{path}/{role.name}"
        if place in views:
            yield views[place]
        else:
            state = "ended" if role.runs else "restarting" if role.restarting else "stopped"
            yield ActorView(place, 0, "", state, restarts=system.chronicle.restarts(place), crash=_crash(system, place))


def _crash(system: System, path: str) -> CrashView | None:
    crash = system.chronicle.crash(path)
    return None if crash is None else CrashView(crash.at, crash.reason, crash.traceback)


def _stack(cell: Cell) -> str | None:
    """Return where its turn is, if that still goes on and has a thread to itself or to its dispatcher."""
    dispatcher: Any = cell.dispatcher
    frame = sys._current_frames().get(getattr(dispatcher, "thread", None) or 0)  # pyright: ignore[reportPrivateUsage]
    if frame is None:
        return None
    frames = traceback.extract_stack(frame)
    own = dropwhile(lambda one: one.filename.startswith(OURS) or one.filename.endswith("threading.py"), frames)
    shown = "".join(traceback.format_list(list(own) or frames[-1:]))
    return shown if dispatcher.current is cell else None
