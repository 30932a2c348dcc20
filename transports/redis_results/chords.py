"""Chords in Celery's keys, each step one script: what a chord's parts become on the server, and back."""

from __future__ import annotations

from math import isinf
from typing import Any

import msgspec

from ..message import UNREADABLE, ChordPart, Publication
from ..payloads import plain
from . import scripts
from .shelf import Shelf, group_key

CLAIM_SECONDS = 30
"""How long a claim of ours keeps others from publishing the body; we ourselves may always finish it."""
DONE_SECONDS = 300
_SUFFIXES = (".j", ".t", ".s", ".d", ".c", ".u", ".a")

_encode = msgspec.json.Encoder().encode
_decode_part = msgspec.json.Decoder(tuple[int, str, str, msgspec.Raw]).decode
_decode_trigger = msgspec.json.Decoder(Publication).decode


class Chords:
    """The chords of a Redis database. A part is kept for `expires` seconds, for ever where that is 0.

    prefix: what all keys begin with.
    """

    def __init__(self, expires: int, prefix: str = "") -> None:
        self._expires = expires
        self._prefix = prefix

    def record(self, shelf: Shelf, part: ChordPart) -> str:
        """Record a part.

        Returns `claimed` where its trigger is to be published, `contested` where somebody else has claimed that, `open`
        where parts are missing, `done` where the body is on its way.
        """
        answer: bytes = shelf.script(
            scripts.PART,
            [*self._keys(part.group_id), group_key(part.group_id, self._prefix)],
            [
                f"{part.task_id}:{part.index}",
                entry_of(part),
                part.index,
                self._expires,
                claim_token(part.group_id),
                CLAIM_SECONDS,
                "" if part.size is None else part.size,
                _encode(part.trigger),
            ],
        )
        return answer.decode()

    def set_size(self, shelf: Shelf, group_id: str, size: int) -> Publication | None:
        """Say how many parts there are; returns the trigger where it is to be published now."""
        trigger: bytes | None = shelf.script(
            scripts.SIZE, self._keys(group_id), [size, claim_token(group_id), CLAIM_SECONDS, self._expires]
        )
        return None if trigger is None else _decode_trigger(trigger)

    def extend(self, shelf: Shelf, group_id: str, task_id: str) -> None:
        """Say that a chord waits for one more part."""
        _, counter, _, _, _, _, added = self._keys(group_id)
        shelf.script(scripts.EXTEND, [counter, added], [task_id, self._expires])

    def signed(self, shelf: Shelf, group_id: str, trigger: Publication) -> Publication:
        """Return a trigger that stock workers understand too: they want to be told the results of the header."""
        ids = [task_id for _, task_id, _, _ in self.parts(shelf, group_id)]
        try:
            args, kwargs, embed = msgspec.json.decode(trigger.body, type=tuple[list[Any], dict[str, Any], Any])
        except UNREADABLE:
            return trigger  # in another serializer: then it is for us alone
        kwargs["result"] = [[[task_id, None], None] for task_id in ids]
        return msgspec.structs.replace(trigger, body=_encode([args, kwargs, embed]))

    def finish(self, shelf: Shelf, group_id: str) -> None:
        """Note that the trigger was published."""
        shelf.script(scripts.DONE, [claim_key(group_id, self._prefix)], [claim_token(group_id), DONE_SECONDS])

    def parts(self, shelf: Shelf, group_id: str) -> list[tuple[int, str, str, bytes]]:
        """Return (index, task id, state, payload) of the parts, by index."""
        keys = self._keys(group_id)
        entries: list[tuple[bytes, float]] = shelf.redis.zrange(keys[0], 0, -1, withscores=True)
        parts = [_part(entry, score, place) for place, (entry, score) in enumerate(entries)]
        if all(task_id for _, task_id, _, _ in parts):
            return parts
        names = dict(_counted(name) for name in shelf.redis.smembers(keys[3]))
        return [(index, task_id or names.get(index, ""), state, payload) for index, task_id, state, payload in parts]

    def forget(self, shelf: Shelf, group_id: str) -> None:
        """Delete a chord."""
        shelf.script(scripts.FORGET, self._keys(group_id), [DONE_SECONDS])

    def _keys(self, group_id: str) -> list[Any]:
        return chord_keys(group_id, self._prefix)


def entry_of(part: ChordPart) -> bytes:
    """Return a part as Celery keeps it."""
    if part.entry is not None:
        return part.entry
    return b"[1,%b,%b,%b]" % (_encode(part.task_id), _encode(part.state), part.payload)


def _part(entry: bytes, score: float, place: int) -> tuple[int, str, str, bytes]:
    """Read an entry; of one that is no JSON, id and state are "", and the payload is all of it."""
    index, entry = place if isinf(score) else int(score), plain(entry)
    try:
        _, task_id, state, payload = _decode_part(entry)
    except UNREADABLE:
        return index, "", "", entry
    return index, task_id, state, bytes(payload)


def _counted(name: bytes) -> tuple[int, str]:
    """Read the index and the task id of a part that was counted."""
    task_id, _, index = name.decode().rpartition(":")
    return (int(index) if index.lstrip("-").isdigit() else -1), task_id


def chord_keys(group_id: str, prefix: str = "") -> list[Any]:
    """Return the keys of a chord, in the order in which the scripts take them."""
    return [group_key(group_id, prefix) + suffix for suffix in _SUFFIXES]


def claim_key(group_id: str, prefix: str = "") -> str:
    """Return the key that says who publishes the body of a chord."""
    return group_key(group_id, prefix) + ".c"


def claim_token(group_id: str) -> str:
    """Return what our claim to publish a body looks like: any of us may finish it."""
    return f"understudy:{group_id}"
