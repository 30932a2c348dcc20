"""`System`: a world of actors with its registry, events, clock, randomness and ids."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, overload

from .actor import Actor, checked_class
from .cell import Cell
from .clock import Clock
from .completion import Completion, check_may_block
from .errors import ActorDead, NameTaken, SystemStopped, Timeout
from .events import DeadLetter, EventBus
from .guardian import Guardian, SpawnTop
from .ids import Ids
from .messages import Start, StopSignal
from .native import allocate_lock
from .observing.chronicle import Chronicle
from .reasons import SHUTDOWN, Shutdown

if TYPE_CHECKING:
    from .hosts.api import Host
    from .observing.snapshot import Snapshot
    from .ref import Ref
    from .remote.address import Address
    from .remote.remoting import Remoting

A = TypeVar("A", bound=Actor)
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
logger: logging.Logger = logging.getLogger("understudy.actors")

FORKED = Shutdown("its process was forked: make the system after the fork")


class System:
    """A world of actors. Several may live in one process; nothing is shared between them.

    host: where actors run; by default threads. clock, rng: sources of time and randomness, by default the host's. A
    fork does not take the host's threads along: in the child the system is dead, and says so.
    """

    cell_class: ClassVar[type[Cell]] = Cell
    """What incarnations are made of; a simulation watches its own."""

    def __init__(
        self, name: str = "understudy", host: Host | None = None, clock: Clock | None = None, rng: Random | None = None
    ) -> None:
        if host is None:
            from .hosts.thread import ThreadHost

            host = ThreadHost()
        self.name = name
        self.host = host
        self.clock: Clock = clock or host.clock
        self.rng: Random = rng or host.rng
        self.ids: Ids = Ids(self.rng)
        self.events: EventBus = EventBus()
        self.dead_letters: int = 0
        """Messages that nobody handled."""
        self.late_asks = 0
        """Asks that were given up before they were handled, and so were not."""
        self.late_replies = 0
        """Answers to asks that were given up in the meantime."""
        self.chronicle: Chronicle = Chronicle(self.events, self.clock)
        self.remoting: Remoting | None = None
        """What makes it a node among others, once it has joined some."""
        self.next_id: Callable[[], int] = count(1).__next__
        self._cells: dict[int, Cell] = {}
        self._by_path: dict[str, Cell] = {}
        self._registry_lock = allocate_lock()
        self._names = count(1)
        self._stopped: str | None = None
        self._overran = False
        self.patience: float | None = None
        """Seconds that the guardian gives its children to stop in; None where somebody else looks at the clock."""
        self._empty: Completion[None] = Completion()
        self._guardian = self._launch(None, "", Guardian, ((), {}))
        _end_at_fork(self)

    @property
    def guardian(self) -> Ref[Guardian]:
        """The parent of all top-level actors."""
        return self._guardian.ref

    def spawn(
        self, actor_class: type[A], *args: Any, name: str | None = None, timeout: float | None = 10.0, **kwargs: Any
    ) -> Ref[A]:
        """Start a top-level actor and wait until it has started.

        timeout: seconds. Raises `StartFailed`, `NameTaken`, `Timeout`, `SystemStopped`, and `TypeError` for what is no
        class of actors.
        """
        check_may_block()
        return self.start(actor_class, *args, name=name, **kwargs).get(timeout=timeout)

    def start(self, actor_class: type[A], *args: Any, name: str | None = None, **kwargs: Any) -> Completion[Ref[A]]:
        """Start a top-level actor; the completion holds its ref once it has started."""
        if self._stopped is not None:
            raise SystemStopped(f"the system {self.name!r} {self._stopped}: make a new one")
        checked_class(actor_class)
        return self.guardian.ask(SpawnTop(actor_class, (args, kwargs), name), block=False)

    def get(self, path: str) -> Ref[Any]:
        """Return whoever holds `path` now; raises `ActorDead` where nobody does."""
        ref = self.find(path)
        if ref is None:
            raise ActorDead(f"nobody holds {path} in the system {self.name!r}")
        return ref

    def find(self, path: str) -> Ref[Any] | None:
        """Return whoever holds `path` now ("/top/child"), or None."""
        cell = self._by_path.get(path)
        return None if cell is None else cell.ref

    def joined(self) -> Remoting:
        """Return what makes this system a node; raises `NotJoined` where it is none."""
        if self.remoting is None:
            from .remote.errors import NotJoined  # most systems stay alone

            raise NotJoined(f"the system {self.name!r} has joined no broker, so nobody else reaches it: join() one")
        return self.remoting

    @overload
    def resolve(self, address: str | Address | Ref[Any]) -> Ref[Any]: ...
    @overload
    def resolve(self, address: str | Address | Ref[Any], actor_class: type[A]) -> Ref[A]: ...
    def resolve(self, address: str | Address | Ref[Any], actor_class: type[A] | None = None) -> Ref[Any]:
        """Return a ref to what an address means, on whichever node; see `Remoting.resolve`. Raises `NotJoined`."""
        if isinstance(address, str):
            from .remote.address import Address  # most systems stay alone

            address = Address.parse(address)
        return self.joined().resolve(address) if actor_class is None else self.joined().resolve(address, actor_class)

    def paths(self) -> list[str]:
        """Return the paths of all living actors, in order of birth."""
        return list(self._by_path)

    def observe(self) -> Snapshot:
        """Return what all actors are doing now, without asking them: it works where one hangs. Any thread.

        How long the oldest message of a mailbox has waited is known from the second look on.
        """
        from .observing.snapshot import take

        return take(self, self.chronicle.ages)

    @overload
    @overload
    def stop(self, timeout: float | None = 30.0) -> bool: ...
    @overload
    def stop(self, timeout: float | None = 30.0, *, block: Literal[True]) -> bool: ...
    @overload
    def stop(self, timeout: float | None = 30.0, *, block: Literal[False]) -> Completion[bool]: ...
    def stop(self, timeout: float | None = 30.0, *, block: bool = True) -> bool | Completion[bool]:
        """Stop every actor, the youngest top-level actor first, then the host. Idempotent. timeout: seconds.

        Returns, or with `block=False` promises, whether all of them ended in time; those that did not are killed, and
        logged.
        """
        if block:
            check_may_block()
        self._stopped = "was stopped"
        self.patience = None if block else timeout
        self.guardian.signal(StopSignal(SHUTDOWN))
        if not block:
            return self._empty.then(lambda _: self._conclude())
        try:
            self._empty.get(timeout=timeout)
        except Timeout:
            self.kill_the_rest(timeout)
            return False
        finally:
            self.host.stop()
        return True

    def vanish(self) -> None:
        """End every actor as kill -9 ends a process: no code of theirs runs, nobody is told. For simulations."""
        self._stopped = "vanished"
        for cell in list(self._cells.values()):
            cell.life.vanish()
        self._cells.clear()
        self._by_path.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop(block=False)

    def cells(self) -> list[Cell]:
        """Return the cells of all living actors, in order of birth; for the kernel's own use."""
        return list(self._cells.values())

    # -- for cells -------------------------------------------------------------------------------------------------

    def spawn_child(
        self, parent: Cell, actor_class: type[Actor], arguments: Arguments, name: str | None, in_place: bool = False
    ) -> Cell:
        """Make and start a child cell of `parent`; raises `NameTaken`, and `ActorDead` where the parent has ended.

        in_place: the parent is a supervisor that is told of a crash, and says whether the same cell starts again.
        """
        label = f"${next(self._names)}" if name is None else checked_name(name)
        if not parent.alive:
            reason = parent.life.reason
            raise ActorDead(f"{parent.path} has ended ({reason}): it has no more children", reason)
        cell = self._launch(parent, f"{parent.path}/{label}", actor_class, arguments, in_place)
        parent.children[cell.ref] = None
        if not parent.alive:
            cell.signal(StopSignal(SHUTDOWN))  # killed in the meantime: it may not have seen this child
        return cell

    def release(self, cell: Cell) -> None:
        """Let others have a dead cell's path."""
        if cell.parent is not None:
            cell.parent.children.pop(cell.ref, None)
        with self._registry_lock:
            if self._by_path.get(cell.path) is cell:
                del self._by_path[cell.path]

    def forget(self, cell: Cell) -> None:
        """Note that everybody has been told of a cell's end."""
        with self._registry_lock:
            self._cells.pop(cell.uid, None)
            empty = not self._cells
        if empty:
            self._empty.resolve(None)

    def dead_letter(self, letter: DeadLetter) -> None:
        """Report a message that nobody will handle; a report of a report is not made."""
        self.dead_letters += 1
        logger.debug("dead letter for %s (%s): %r", letter.ref, letter.why, letter.message)
        if not isinstance(letter.message, DeadLetter):
            self.events.publish(letter)

    def end_in_child(self) -> None:
        """Be dead in a forked child, which has none of the host's threads."""
        self._stopped = "was made before this process was forked"
        for cell in self._cells.values():
            cell.life.abandon(FORKED)
            cell.life.gone = True
        self._empty.resolve(None)

    def kill_the_rest(self, timeout: float | None) -> None:
        """End those that did not stop within `timeout` seconds."""
        self._overran = True
        left = list(reversed(self._cells.values()))
        paths = ", ".join(cell.path or "/" for cell in left)
        logger.error("the system %r did not stop within %s s; killed: %s", self.name, timeout, paths)
        for cell in left:
            cell.life.kill()

    def _launch(
        self,
        parent: Cell | None,
        path: str,
        actor_class: type[Actor],
        arguments: Arguments,
        in_place: bool = False,
    ) -> Cell:
        holder = self._by_path.get(path)
        if holder is not None and holder.is_child_of(parent):  # a dead parent's may still be on their way out
            raise NameTaken(f"{path} is held by a living actor", holder.ref)
        dispatcher = self.host.place(parent, actor_class.pinned)
        cell = self.cell_class(self, dispatcher, parent, path, actor_class, arguments, in_place)
        with self._registry_lock:
            self._by_path[path] = cell
            self._cells[cell.uid] = cell
        cell.signal(Start())
        return cell

    def _conclude(self) -> bool:
        self.host.stop()
        return not self._overran


def checked_name(name: str) -> str:
    """Return `name`; raises `ValueError` where it cannot be part of a path."""
    if not isinstance(name, str) or not name or "/" in name or "#" in name:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"an actor's name is a text of at least one character, and neither / nor #, not {name!r}")
    return name


def _end_at_fork(system: System) -> None:
    """Have `system` be dead in forked children, which have none of its threads; the hook does not keep it alive."""
    here = weakref.ref(system)

    def forked() -> None:
        system = here()
        if system is not None:
            system.end_in_child()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)
