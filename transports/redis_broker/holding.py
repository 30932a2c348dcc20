"""`Holding`: what an intake holds and has not settled."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Held(msgspec.Struct, frozen=True):
    """A message that was taken: its queue, the list it came from and which of the queue's it is, and its envelope."""

    queue: str
    list: str
    place: int
    item: bytes
    losses: int


class Holding:
    """Messages by their tags; a tag is the number of the message's field in `unacked`. Not thread-safe."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def add(self, tag: int, held: Held) -> None:
        """Hold a message."""
        self._held[tag] = held

    def get(self, tag: int) -> Held | None:
        """Return a message, None where it is not held."""
        return self._held.get(tag)

    def forget(self, tags: Iterable[int]) -> None:
        """Hold messages no more."""
        for tag in tags:
            self._held.pop(tag, None)

    def tags(self) -> list[int]:
        """Return all tags, the oldest first."""
        return list(self._held)

    def clear(self) -> None:
        """Hold nothing any more."""
        self._held.clear()
