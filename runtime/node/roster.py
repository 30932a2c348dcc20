"""The roster: who has room, who wants it. Room is dealt to the dispatches in turn, from the emptiest slot first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...actors import Actor, Down, on
from .messages import Granted, Room, Want

if TYPE_CHECKING:
    from ...actors import Completion, Ref
    from .dispatch import Dispatch
    from .slot import Slot


class Roster(Actor):
    """Matches slots that have room with dispatches that have work; fair among both."""

    def __init__(self) -> None:
        self._rooms: dict[Ref[Slot], int] = {}
        self._seconds: dict[Ref[Slot], float | None] = {}
        self._wants: dict[Ref[Dispatch], int] = {}
        self._watched: set[Ref[Any]] = set()

    @property
    def rooms(self) -> int:
        """How many slots have room."""
        return len(self._rooms)

    @on(Room)
    def room(self, message: Room) -> None:
        """Note room, and deal it out."""
        if not message.slot.is_alive():
            return
        self._watch(message.slot)
        self._rooms[message.slot] = self._rooms.get(message.slot, 0) + message.count
        self._seconds[message.slot] = message.seconds
        self._deal()

    @on(Want)
    def want(self, message: Want) -> None:
        """Note what is wanted, and deal out what there is."""
        self._watch(message.dispatch)
        if message.count:
            self._wants[message.dispatch] = message.count
            self._deal()
        else:
            self._wants.pop(message.dispatch, None)

    @on(Down)
    def down(self, event: Down) -> None:
        """Forget who has ended."""
        self._watched.discard(event.target)
        self._rooms.pop(event.target, None)
        self._seconds.pop(event.target, None)
        self._wants.pop(event.target, None)

    def _watch(self, peer: Ref[Any]) -> None:
        if peer not in self._watched:
            self._watched.add(peer)
            self.monitor(peer)

    def _deal(self) -> None:
        """Give each dispatch in turn a share of the emptiest slot."""
        while self._rooms and self._wants:
            dispatch, wanted = next(iter(self._wants.items()))
            slot = max(self._rooms, key=self._rooms.__getitem__)
            count = min(wanted, self._share(self._rooms[slot]))
            del self._wants[dispatch]
            if wanted > count:
                self._wants[dispatch] = wanted - count
            self._rooms[slot] -= count
            if not self._rooms[slot]:
                del self._rooms[slot]
            self._grant(dispatch, slot, count)

    def _grant(self, dispatch: Ref[Dispatch], slot: Ref[Slot], count: int) -> None:
        """Grant room, and take it back from a dispatch that ended before it could use it."""

        def take_back(granted: Completion[None]) -> None:
            if granted.error() is not None:
                self.ref.tell(Room(slot, count))

        dispatch.ask(Granted(slot, count, self._seconds.get(slot)), block=False).add_done_callback(take_back)

    def _share(self, room: int) -> int:
        """Return how much of a slot goes to one dispatch at a time: all of it, or a part while others wait too."""
        return max(1, room // len(self._wants))
