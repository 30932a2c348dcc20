"""How batches go to scripts and commands over the wire, where the libraries do not say their types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import hiredis
import msgpack

Command = tuple[Any, ...]


def packed(value: object) -> bytes:
    """Return a value as `cmsgpack.unpack` reads it, which knows bytes as strings only."""
    return cast("Any", msgpack).packb(value, use_bin_type=False)


def on_the_wire(commands: Sequence[Command]) -> bytes:
    """Return commands as they are sent."""
    pack = cast("Any", hiredis).pack_command
    return b"".join([pack(command) for command in commands])
