"""`Fetches`: who waits for messages, and how those that are there are shared out."""

from __future__ import annotations

from collections.abc import Callable

from .owners import Answer, Owner, Waiting
from .ready import Ready
from .records import Claimed, Message


class Fetches:
    """The owners that wait for messages. One that is served has to ask again.

    claim: makes a message the claim of an owner.
    """

    def __init__(self, claim: Callable[[Owner, Ready, Message], Claimed]) -> None:
        self._claim = claim
        self._hungry: dict[str, Owner] = {}
        self._begun: list[Owner] = []

    def begin(self, owner: Owner, waiting: Waiting) -> None:
        """Have a fetch answered as soon as there is a message."""
        owner.waiting = waiting
        self._hungry[owner.name] = owner
        self._begun.append(owner)

    def stop(self, owner: Owner) -> None:
        """Forget the fetch of an owner, if there is one: it is not answered."""
        owner.waiting = None
        self._hungry.pop(owner.name, None)

    def commit(self) -> None:
        """End the round."""
        self._begun = []

    def rollback(self) -> None:
        """Forget the fetches that began in this round."""
        for owner in self._begun:
            self.stop(owner)

    def serve(self) -> list[Answer]:
        """Hand out messages; those who wait for the same queue share what is there."""
        answers: list[Answer] = []
        for owner in list(self._hungry.values()):
            waiting = owner.waiting
            deliveries = self._take(owner, waiting.credit, waiting.room) if waiting is not None else []
            if waiting is not None and deliveries:
                self.stop(owner)
                answers.append(Answer(waiting.token, deliveries))
        return answers

    def _take(self, owner: Owner, credit: int, room: float) -> list[Claimed]:
        deliveries: list[Claimed] = []
        for queue in owner.queues[owner.turn :] + owner.queues[: owner.turn]:
            if len(deliveries) == credit or (deliveries and room <= 0):
                break
            if queue.look():
                share = self._share(queue, credit - len(deliveries))
                taken = queue.take(share, room)
                room -= sum(len(message.head) + len(message.body) for message in taken)
                deliveries += [self._claim(owner, queue, message) for message in taken]
        owner.turn = (owner.turn + 1) % len(owner.queues)
        return deliveries

    def _share(self, queue: Ready, credit: int) -> int:
        rivals = sum(queue in owner.queues for owner in self._hungry.values())
        return credit if rivals == 1 else min(credit, -(-len(queue) // rivals))
