"""Actors under observation: a system whose cells count what they are sent, and tell a `Scene` what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from ..cell import Cell
from ..events import ActorStopped, ChildRestarted
from ..messages import Signal, StopSignal
from ..system import System
from ..timers import Timer

if TYPE_CHECKING:
    from random import Random

    from ..actor import Actor
    from ..batch import Batch
    from ..clock import Clock
    from ..hosts.api import Dispatcher, Host
    from .scene import Scene


class WatchedCell(Cell):
    """A cell that counts: messages `sent` to it are `handled`, `bounced`, on their way in (`coming`), or waiting."""

    __slots__ = ("bounced", "coming", "handled", "ordered", "scene", "sent")

    def __init__(
        self,
        system: System,
        dispatcher: Dispatcher,
        parent: Cell | None,
        path: str,
        actor_class: type[Actor],
        arguments: tuple[tuple[Any, ...], dict[str, Any]],
        in_place: bool = False,
    ) -> None:
        self.sent: int = 0
        self.handled: int = 0
        self.bounced: int = 0
        self.coming: int = 0
        self.ordered: bool = False
        """Whether somebody has told it to stop."""
        self.scene: Scene = cast("WatchedSystem", system).scene
        super().__init__(system, dispatcher, parent, path, actor_class, arguments, in_place)

    @property
    def vanished(self) -> bool:
        """Whether it is gone as with a killed process, so that what was in its mailbox is, too."""
        return self.mailbox.lost

    @property
    def owes(self) -> int:
        """How many answers it has promised and not given."""
        return len(self.debts)

    def tell(self, item: Any) -> None:
        """See `Cell.tell`."""
        self.scene.touched[self] = None
        self.sent += 1
        self.coming += 1
        try:
            super().tell(item)
        except BaseException:
            self.sent -= 1
            raise
        finally:
            self.coming -= 1

    def tell_past_bound(self, item: Any) -> None:
        """See `Cell.tell_past_bound`."""
        self.scene.told(self, item)
        self.sent += 1
        super().tell_past_bound(item)

    def signal(self, signal: Signal) -> None:
        """See `Cell.signal`."""
        if isinstance(signal, StopSignal):
            self.ordered = True
        super().signal(signal)

    def turn(self, budget: int = 1) -> None:
        """See `Cell.turn`."""
        self.scene.touched[self] = None
        super().turn(budget)

    def bounce(self, item: Any, why: str) -> None:
        """See `Cell.bounce`."""
        self.scene.touched[self] = None
        if not isinstance(item, Signal):
            self.bounced += 1
        super().bounce(item, why)

    def retry(self, messages: tuple[Any, ...]) -> None:
        """See `Cell.retry`."""
        self.handled -= len(messages)
        super().retry(messages)

    def _handle(self, item: Any) -> None:
        if self.alive and self.actor is not None:
            self.handled += 1
            self.scene.handles(self, item)
        super()._handle(item)

    def take_batch(self, actor: Actor, batch: Batch) -> None:
        """See `Cell.take_batch`."""
        self.handled += len(batch) - 1  # the first was counted
        try:
            super().take_batch(actor, batch)
        except actor.expected:
            if batch.position:
                self.handled -= len(batch) - batch.position
            raise
        except BaseException:
            self.handled -= len(batch) - batch.position
            raise


class WatchedTimer(Timer):
    """A timer that remembers in which life of its actor it was set."""

    __slots__ = ("set_in",)

    def __init__(self, cell: Cell, message: Any, interval: float | None) -> None:
        super().__init__(cell, message, interval)
        self.set_in: int = cell.lives

    def tell(self) -> None:
        """See `Timer.tell`."""
        if isinstance(self.cell, WatchedCell):
            self.cell.scene.fires(self)
        super().tell()


class WatchedSystem(System):
    """A system of watched cells."""

    cell_class: ClassVar[type[Cell]] = WatchedCell

    def __init__(
        self, scene: Scene, name: str, host: Host, clock: Clock | None = None, rng: Random | None = None
    ) -> None:
        self.scene = scene
        super().__init__(name, host, clock, rng)
        self.events.subscribe(ActorStopped, scene.published)
        self.events.subscribe(ChildRestarted, scene.published)
        scene.systems.append(self)

    @property
    def living(self) -> list[WatchedCell]:
        """All incarnations that have not ended, in order of birth."""
        return cast("list[WatchedCell]", [cell for cell in self._cells.values() if cell.alive])

    @property
    def ended(self) -> bool:
        """Whether it was stopped, or has vanished."""
        return self._stopped is not None

    def _launch(
        self,
        parent: Cell | None,
        path: str,
        actor_class: type[Actor],
        arguments: tuple[tuple[Any, ...], dict[str, Any]],
        in_place: bool = False,
    ) -> Cell:
        cell = super()._launch(parent, path, actor_class, arguments, in_place)
        self.scene.spawned(cast("WatchedCell", cell))
        return cell
