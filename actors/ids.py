"""Ids as actors get them."""

from __future__ import annotations

from random import Random
from uuid import UUID


class Ids:
    """Makes ids from a source of randomness, so that a simulation's are the same each time."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def fresh(self) -> str:
        """Return an id in the form of a UUID (version 4) that nobody else has."""
        return str(UUID(int=self._rng.getrandbits(128), version=4))
