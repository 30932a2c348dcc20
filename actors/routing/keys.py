"""From a key to a number: the same in each process and release, unlike `hash`."""

from __future__ import annotations

from collections.abc import Hashable
from hashlib import blake2b


def stable_hash(key: Hashable) -> int:
    """Return a number from 0 to 2**64 - 1 that follows from `key` alone; equal keys of one type have equal numbers.

    bytes are taken as they are, everything else by its `repr`, which therefore has to say what the key is.
    """
    text = key if isinstance(key, bytes) else repr(key).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def partition_of(key: Hashable, partitions: int) -> int:
    """Return which of so many partitions `key` belongs to: a whole number by its remainder, else by its hash."""
    number = key if isinstance(key, int) else stable_hash(key)
    return number % partitions
