"""`Bells`: how one waits for Redis lists without taking from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...actors.completion import Completion
from .line import Command, Line

RING_SECONDS = 10
"""Seconds after which the server answers even though the list is empty."""


class Bells:
    """A connection for each list, which blocks until the list has an item: it moves the last one to where it was.

    The fetch is sent along, and carried out by the server in the moment in which the connection is no longer blocked.
    Belongs to whoever holds the intake's lock.
    """

    def __init__(self, keys: Sequence[str], make_line: Callable[[str], Line], reply_timeout: float) -> None:
        self._keys = keys
        self._make_line = make_line
        self._within = RING_SECONDS + reply_timeout
        self._lines: dict[str, Line] = {}
        self._armed: set[str] = set()

    def arm(self, fetch: Command, heard: Callable[[Completion[list[Any]]], object]) -> None:
        """Have `heard` be told what `fetch` has brought, once there is something, or the bell has failed.

        A bell that is armed stays so, with the fetch that it was armed with.
        """
        for key in self._keys:
            if key in self._armed:
                continue
            line = self._lines.get(key)
            if line is None:
                line = self._lines[key] = self._make_line(key)
            self._armed.add(key)
            move = ("BLMOVE", key, key, "RIGHT", "RIGHT", RING_SECONDS)
            rung = line.call_all([move, fetch], repeat=False, within=self._within)
            rung.add_done_callback(lambda done, key=key: self._rung(key, done, heard))

    @property
    def ringing(self) -> bool:
        """Whether what a fetch has brought is on its way."""
        return any(line.amid_reply for line in self._lines.values())

    def close(self) -> None:
        """Hang up."""
        for line in self._lines.values():
            line.close()

    def _rung(self, key: str, done: Completion[list[Any]], heard: Callable[[Completion[list[Any]]], object]) -> None:
        self._armed.discard(key)
        heard(done)
