"""`Cargo`: how many bytes of messages a queue's group has in hand, and how many more its intake may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...transports.message import Delivery


def size_of(delivery: Delivery) -> int:
    """Return the bytes that a message takes."""
    return len(delivery.head) + len(delivery.body)


class Cargo:
    """Keeps what is in hand within `limit` bytes, save that there may be a message for each of `slots`. Pure.

    The intake counts down, by what it delivers, the room that it was told of; `more` says how much there is besides.
    """

    def __init__(self, limit: int, slots: int) -> None:
        self._limit = limit
        self._slots = slots
        self._sizes: dict[int, int] = {}
        self._held = 0
        self._told = 0

    def load(self, delivery: Delivery) -> None:
        """Note a message that was delivered."""
        self._sizes[delivery.tag] = size = size_of(delivery)
        self._held += size
        self._told -= size

    @property
    def is_full(self) -> bool:
        """Whether the intake has used up all the room that it was told of."""
        return self._told <= 0

    def unload(self, tag: int) -> None:
        """Note that a message is in hand no more."""
        self._held -= self._sizes.pop(tag, 0)

    def more(self, *, asked: bool) -> int:
        """Return the bytes to tell the intake of, and count them as told; 0 as long as telling does not pay.

        asked: the intake is asked for more messages anyway.
        """
        hungry = len(self._sizes) < self._slots
        room = self._limit - self._held
        wanted = max(room, 1) if hungry else room
        more = wanted - self._told
        pays = asked or (self._told <= 0 and (hungry or room >= self._limit // 4))
        if more <= 0 or not pays:
            return 0
        self._told = wanted
        return more
