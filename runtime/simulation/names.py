"""What simulated tasks are known by: their names, which say what becomes of them."""

from __future__ import annotations

import msgspec

from ..node.heads import peek

POISON = "poison"
"""What the name of a task begins with that ends its process each time."""
ENDLESS = "endless"
"""What the name of a task begins with that never ends by itself."""
SLOW = "slow"
"""What the name of a task begins with that takes about as long as it may."""
EARLY = "early"
"""What the name of a task begins with that is acknowledged before it runs; nodes know it by this name."""


def head_of(name: str) -> bytes:
    """Return the head of a task's message: its name, or where a node has to read it what a node reads."""
    if not name.startswith(EARLY):
        return name.encode()
    return msgspec.json.encode({"headers": {"id": name, "task": EARLY}})


def name_of(head: bytes) -> str:
    """Return the name of the task behind a head."""
    return peek(head).id or head.decode()


PART = "part"
"""What the name of a member of a chord's header begins with: `part{index}of{size}:{chord}`."""
BODY = "body:"
"""What the name of a chord's body begins with."""


def parts_of(chord: str, size: int) -> list[str]:
    """Return the names of the members of a chord's header."""
    return [f"{PART}{index}of{size}:{chord}" for index in range(size)]


def body_of(chord: str) -> str:
    """Return the name of a chord's body."""
    return f"{BODY}{chord}"


def place_in_chord(name: str) -> tuple[str, int, int] | None:
    """Return the chord, index and size that a name says, None for a task that is in no chord's header."""
    if not name.startswith(PART):
        return None
    place, _, chord = name.removeprefix(PART).partition(":")
    index, _, size = place.partition("of")
    return chord, int(index), int(size)
