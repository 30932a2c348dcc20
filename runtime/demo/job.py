"""`Job`: what is to be done, as the demo's programs tell it each other."""

from __future__ import annotations

from pathlib import Path

import msgspec

from .library import Source, library, plant, rest_between

SLOTS = 4
SECONDS = 5.0
"""The work lasts at least about this long, so that there is something to interrupt."""


class Job(msgspec.Struct, frozen=True):
    """The files to index, the one that kills, where the ledger is, and how many seconds a task rests at its file."""

    sources: list[Source]
    killer: Source
    ledger: str
    rest: float

    def save(self, path: Path) -> None:
        """Write it down."""
        path.write_bytes(msgspec.json.encode(self))

    @classmethod
    def load(cls, path: Path) -> Job:
        """Read what `save` wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)

    @classmethod
    def plan(cls, folder: Path, limit: int | None) -> Job:
        """Plant files in `folder` and return the job of indexing them with the library, or `limit` files of that."""
        killer, planted = plant(folder)
        sources = [*planted, *library(limit)]
        return cls(sources, killer, str(folder / "ledger.jsonl"), rest_between(sources, SLOTS, SECONDS))
