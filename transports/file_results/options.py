"""`FileOptions`: what users may say about results in files."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .. import codecs
from ..polled import LONGEST_PAUSE

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What users may say about results in files.

    serializer: how payloads are encoded; accept: the content types that may be decoded. expires: seconds for which
    results are kept that say nothing themselves, None for ever, all of them. global_keyprefix: what the names of files
    begin with. patience: seconds after which a folder that is not there is an error. poll_interval: seconds between two
    looks for a result at most.
    """

    serializer: str = "json"
    accept: Collection[str] = (codecs.JSON,)
    expires: float | None = DAY
    global_keyprefix: str = ""
    patience: float = 5.0
    poll_interval: float = LONGEST_PAUSE
