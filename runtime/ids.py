"""Task ids: fresh ones begin with the time, those of follow-ups derive from the task that they follow.

A task that runs twice, because its first outcome was not yet committed when its process died, then publishes the
same ids twice, and a store can drop the second copy. Ids that are made together sort together: a result store that
keeps them in order writes a few pages at its end, where random ones would touch as many pages as there are results.
"""

from __future__ import annotations

import os
import re
import time
from hashlib import blake2b

_MOMENT = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-[78]")
"""The start of an id of ours: 48 bits of milliseconds since 1970, as in a UUID of version 7."""


def fresh_id() -> str:
    """Return an id that nobody else has, in the form of a UUID (version 7)."""
    return _uuid(f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}", "7")


def derived_id(*parts: object) -> str:
    """Return the id, in the form of a UUID (version 8), that `parts` always lead to.

    Where the first of them begins with an id of ours it takes over its time.
    """
    digits = blake2b("\0".join(map(str, parts)).encode(), digest_size=16).hexdigest()
    moment = _MOMENT.match(str(parts[0])) if parts else None
    return _uuid("".join(moment.groups()) + digits[12:] if moment else digits, "8")


def derived_index(task_id: str) -> int:
    """Return the index in a chord that an id leads to: one of its own, beyond those of the header."""
    return 1 << 48 | int.from_bytes(blake2b(task_id.encode(), digest_size=6).digest())


def _uuid(digits: str, version: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
