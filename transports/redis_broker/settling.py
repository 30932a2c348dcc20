"""Outcomes as the script of settlements takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..lane import unix_time
from ..letters.burial import buried, dead_queue
from ..message import UNREADABLE, ChordPart, Outcome, Result, Verdict
from ..redis_results.chords import CLAIM_SECONDS, DONE_SECONDS, chord_keys, claim_key, claim_token, entry_of
from ..redis_results.shelf import group_key, result_key
from .envelope import given_back, sealed, taken_of
from .holding import Held
from .keys import Keys
from .packing import packed
from .publisher import RedisPublisher

_IDS = "@understudy-ids@"
"""Stands where the ids of a chord's parts go, which only the server knows in time."""

Known = Mapping[str, tuple[bytes, bool]]
"""What was found under keys of results that the server cannot read, and whether it is a success."""

_encode = msgspec.json.encode


class Clerk:
    """Writes down what outcomes ask for. owner: who settles. chords_expire: seconds for which chords are kept."""

    def __init__(
        self, owner: str, keys: Keys, publisher: RedisPublisher, dead_letter_expires: float, chords_expire: int
    ) -> None:
        self._owner = owner
        self._keys = keys
        self._publisher = publisher
        self._dead_letter_expires = dead_letter_expires
        self._chords_expire = chords_expire

    def written(self, outcomes: Sequence[tuple[Outcome, Held | None]], known: Known) -> bytes:
        """Return outcomes with their messages, packed for `SETTLE`; those of messages that are not held are for 0."""
        return packed([self._written(outcome, held, known) for outcome, held in outcomes])

    def _written(self, outcome: Outcome, held: Held | None, known: Known) -> tuple[Any, ...] | int:
        if _is_bare(outcome):
            return outcome.tag
        results = [outcome.result, *outcome.more_results] if outcome.result is not None else outcome.more_results
        return (
            outcome.tag,
            [_stored(result, known) for result in results],
            self._publisher.letters(outcome.follow_ups) if outcome.follow_ups else (),
            False if outcome.chord is None else self._part(outcome.chord),
            False if outcome.ended_chord is None else _ended(outcome.ended_chord),
            False if held is None else self._back(outcome, held),
        )

    def _back(self, outcome: Outcome, held: Held) -> tuple[Any, ...] | bool:
        """Return where a message goes: key, entry, seconds until it is due or False, whether to the line's end."""
        if outcome.verdict is Verdict.ACK:
            return False
        if outcome.verdict is Verdict.DEAD:
            taken = taken_of(held.queue, held.item)
            letter = buried(taken, outcome.reason, self._owner, unix_time(), self._dead_letter_expires)
            return self._keys.lists(dead_queue(held.queue))[0], sealed(letter, unix_time()), False, True
        item = given_back(held.item, losses=outcome.verdict is Verdict.LOST)
        if outcome.delay <= 0:
            return held.list, item, False, False
        return self._keys.delayed(held.queue), entry(outcome.tag, self._owner, held.place, item), outcome.delay, False

    def _part(self, part: ChordPart) -> dict[str, Any]:
        ((list_, envelope, _),) = self._publisher.letters([part.trigger])
        head, body = _spliced(part, envelope)
        return {
            "keys": [*chord_keys(part.group_id), group_key(part.group_id)],
            "name": f"{part.task_id}:{part.index}",
            "part": entry_of(part),
            "index": part.index,
            "expires": self._chords_expire,
            "token": claim_token(part.group_id),
            "hold": CLAIM_SECONDS,
            "done": DONE_SECONDS,
            "size": False if part.size is None else part.size,
            "trigger": "" if part.size is not None else _encode(part.trigger),
            "list": list_,
            "envelope": head,
            "body": body,
        }


def entry(tag: int, owner: str, place: int, item: bytes) -> bytes:
    """Return a message as an entry of those that are not due: unlike any other, and knowing its list."""
    return b"%b.%d %d %b" % (owner.encode(), tag, place, item)


def _is_bare(outcome: Outcome) -> bool:
    """Tell whether nothing follows from an outcome but the end of its message: most of those without results."""
    return (
        outcome.verdict is Verdict.ACK
        and outcome.result is None
        and not outcome.follow_ups
        and outcome.chord is None
        and not outcome.more_results
        and outcome.ended_chord is None
    )


def _stored(result: Result, known: Known) -> tuple[Any, ...]:
    seconds = 0 if not result.ttl else max(1, round(result.ttl))
    key = result_key(result.task_id)
    return key, result.payload, seconds, result.state == "SUCCESS", *known.get(key, ())


def _ended(group_id: str) -> dict[str, Any]:
    keys = chord_keys(group_id)
    claim = claim_key(group_id)
    return {"keys": [key for key in keys if key != claim], "claim": claim, "done": DONE_SECONDS}


def _spliced(part: ChordPart, envelope: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return a trigger's envelope, and its body, each in two halves between which the server puts what is missing.

    Stock workers want to be told the results of the header, whose ids stand in the chord. The body is not base64 then,
    which kombu understands too. A body that is no JSON stays as it is: it is for us alone.
    """
    try:
        args, kwargs, embed = msgspec.json.decode(part.trigger.body, type=tuple[list[Any], dict[str, Any], Any])
    except UNREADABLE:
        return [envelope], []
    written = msgspec.json.decode(envelope)
    written["properties"].pop("body_encoding")
    written["body"] = _IDS
    head, _, tail = _encode(written).partition(_encode(_IDS))
    before, _, after = _encode([args, {**kwargs, "result": _IDS}, embed]).partition(_encode(_IDS))
    return [head, tail], [before, after]
