"""`Replies`: what the store needs of a broker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from ...actors.completion import Completion
from ..session import Connected

REPLY_TIMEOUT = 10.0
"""Seconds after which a broker that does not answer is taken for gone."""


class Reply(NamedTuple):
    """A result on its way: to a queue, about a task."""

    queue: str
    task_id: str
    payload: bytes


class Sender(Protocol):
    """Sends replies. Thread-safe."""

    def send(self, replies: Sequence[Reply]) -> Completion[None]:
        """Send replies, in order; done when the broker has them. Those to queues that are not there vanish."""
        ...

    def close(self) -> None:
        """Send no more."""
        ...


class Replies(Connected, Protocol):
    """A connection by which replies come in."""

    def listen(self, queue: str) -> None:
        """Make sure that a queue is there, and have what comes to it."""
        ...

    def received(self) -> Iterable[tuple[str, bytes]]:
        """Return what has come, without waiting: task ids and payloads."""
        ...

    def delete(self, queue: str) -> None:
        """Delete a queue that nobody reads any more."""
        ...
