"""`Holding`: what an intake holds and has not settled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

from ..letters.delayed import Delayed
from ..letters.letter import Taken, delivery_of
from ..message import Delivery, Outcome


class Holding:
    """Messages that were handed out under tags, and messages that wait until they are due."""

    def __init__(self) -> None:
        self.delayed: Delayed[Taken] = Delayed()
        self._tags = count(1)
        self._by_tag: dict[int, Taken] = {}
        self._settling: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._by_tag) or self.delayed.next_due() is not None

    def hand_out(self, taken: Sequence[Taken]) -> list[Delivery]:
        """Give each message a tag."""
        tags = [next(self._tags) for _ in taken]
        self._by_tag.update(zip(tags, taken, strict=True))
        return [delivery_of(one, tag) for one, tag in zip(taken, tags, strict=True)]

    def of(self, outcomes: Iterable[Outcome]) -> dict[int, Taken]:
        """Return the messages of those outcomes whose tag is held, by tag."""
        return {outcome.tag: self._by_tag[outcome.tag] for outcome in outcomes if outcome.tag in self._by_tag}

    def unclaimed(self, outcomes: Iterable[Outcome]) -> dict[int, Taken]:
        """Return the messages of those outcomes whose tag is held and not being settled, by tag."""
        return {tag: taken for tag, taken in self.of(outcomes).items() if tag not in self._settling}

    def claim(self, tags: Iterable[int]) -> None:
        """Keep tags from being settled by others."""
        self._settling.update(tags)

    def release(self, tags: Iterable[int]) -> None:
        """Let tags be settled again."""
        self._settling.difference_update(tags)

    def forget(self, tags: Iterable[int]) -> None:
        """Void tags."""
        for tag in tags:
            self._by_tag.pop(tag, None)
            self._settling.discard(tag)

    def everything(self) -> list[Taken]:
        """Return all messages, those first that were handed out first."""
        return [*self._by_tag.values(), *self.delayed.all()]

    def unsettled(self) -> list[Taken]:
        """Return all messages but those that are being settled."""
        return [*(taken for tag, taken in self._by_tag.items() if tag not in self._settling), *self.delayed.all()]

    def clear(self) -> None:
        """Void all tags, and forget what waits."""
        self._by_tag.clear()
        self._settling.clear()
        self.delayed.clear()
