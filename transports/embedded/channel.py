"""`Channel`: the way to an embedded broker, wherever it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ...actors.completion import Completion
from .requests import AnyRequest


class Claims(Protocol):
    """What an intake holds, so that a channel can claim it again from the next writer."""

    @property
    def owner(self) -> str: ...

    @property
    def queues(self) -> Sequence[str]: ...

    def held(self) -> list[tuple[int, int]]:
        """Return (tag, place) of what is held."""
        ...


class Channel(Protocol):
    """Takes requests to a broker. Thread-safe."""

    def call(self, request: AnyRequest) -> Completion[Any]:
        """Ask; resolves with a value of the type `request.answer`. Returns at once."""
        ...

    def join(self, claims: Claims) -> None:
        """Count this process as a node that holds `claims`, whoever is the writer."""
        ...

    def leave(self, claims: Claims) -> None:
        """End what `join` began."""
        ...

    def close(self) -> None:
        """Give back what is held; what is pending fails with `BrokerUnavailable`."""
        ...
