"""The ledger: which process began and finished which file. No broker has a hand in it.

Each task appends its own lines to the file, every line by one write: it stays whole, whoever is killed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One line: `at` is the system's monotonic clock, the same for all processes."""

    at: float
    event: Literal["began", "finished"]
    file: str
    node: str
    pid: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


def record(ledger: str | Path, entry: Entry) -> None:
    """Append an entry."""
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, _encode(entry) + b"\n")
    finally:
        os.close(descriptor)


class Reader:
    """Reads a ledger as it grows."""

    def __init__(self, ledger: Path) -> None:
        ledger.touch()
        self._ledger = ledger
        self._read = 0

    def read(self) -> list[Entry]:
        """Return the entries that were appended since the last call."""
        with self._ledger.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole + newline)
        return [_decode(line) for line in whole.splitlines()]
