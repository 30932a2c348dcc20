"""Chords: parts that are counted, and a trigger that is published when the last one is in."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ...message import ChordPart, Publication
from .records import Chord, ChordState
from .storage import Storage

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Publication).decode
_AWAITED = ""
"""The state of what stands for a part that a chord was extended by, at the negative of its index."""
_NOTHING = Publication("", "", b"", b"")


class ChordBoard:
    """Counts the parts of chords; publishes each trigger once, in the round of the last part."""

    def __init__(self, storage: Storage, publish: Callable[[Publication, float], None], retention: float) -> None:
        self._stored = storage.chords
        self._publish = publish
        self._retention = retention

    def add(self, part: ChordPart, now: float) -> None:
        """Count a part; one that was counted before, or whose chord was deleted, is ignored."""
        chord = self._find(part.group_id, now)
        if chord.state is ChordState.ENDED or not self._stored.add_part(part):
            return

        chord.arrived += 1
        if part.size is not None:
            chord.size = part.size
        if chord.size is None and chord.trigger is None:
            chord.trigger = _encode(part.trigger)
        self._fire_if_complete(chord, part.trigger, now)
        self._stored.put(chord)

    def set_size(self, group_id: str, size: int, now: float) -> None:
        """Say how many parts there are; fires where all of them are in."""
        chord = self._find(group_id, now)
        if chord.state is ChordState.ENDED:
            return

        chord.size = size
        if chord.trigger is not None:
            self._fire_if_complete(chord, _decode(chord.trigger), now)
        self._stored.put(chord)

    def extend(self, group_id: str, index: int, task_id: str, now: float) -> None:
        """Wait for one more part. What is kept in its place counts against those that are in, and is no part itself."""
        chord = self._find(group_id, now)
        place = ChordPart(group_id, -index, task_id, _AWAITED, b"", _NOTHING)
        if chord.state is ChordState.OPEN and self._stored.add_part(place):
            chord.arrived -= 1
            self._stored.put(chord)

    def parts(self, group_id: str) -> list[tuple[int, str, str, bytes]]:
        """Return the parts that are in, by index."""
        return [part for part in self._stored.parts(group_id) if part[2] != _AWAITED]

    def end(self, group_id: str, now: float) -> None:
        """Forget a chord's parts; late ones are ignored from now on."""
        chord = self._find(group_id, now)
        chord.state = ChordState.ENDED
        chord.trigger = None
        self._stored.put(chord)
        self._stored.delete_parts(group_id)

    def _find(self, group_id: str, now: float) -> Chord:
        chord = self._stored.get(group_id)
        return chord or Chord(group_id, None, 0, ChordState.OPEN, None, now + self._retention)

    def _fire_if_complete(self, chord: Chord, trigger: Publication, now: float) -> None:
        if chord.state is ChordState.OPEN and chord.size is not None and chord.arrived >= chord.size:
            chord.state = ChordState.FIRED
            chord.trigger = None
            self._publish(trigger, now)
