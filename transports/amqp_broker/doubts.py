"""`Doubts`: has messages that came before counted, ere they are handed out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from ...actors.completion import Completion
from ..api import Publisher
from ..lane import now
from ..settlement import all_of
from .holding import Held
from .parcel import taken_of
from .tally import Admitted, Tally, key_of
from .wire import Wire

_WITHIN = 2.0
"""Seconds that counting may take: what waits for it is handed out then, uncounted."""
_PAUSE = 1.0
"""Seconds between two times at which is written down how messages ended."""
_REMEMBERED = 10_000
"""Messages that were given back, and are known again when they come back."""

logger: logging.Logger = logging.getLogger(__name__)


class Doubts:
    """Keeps the tallies of an intake's queues. Noting is for any thread, all else for the lane's.

    What came the first time, and the intake itself gave back, is not counted when it comes again: nobody has died of it
    meanwhile, or at most another node, of a message that will be counted the next time.

    looked: called, on any thread, with what was looked into; what is doubtful still has to wait.
    """

    def __init__(
        self,
        queues: Sequence[str],
        publisher: Publisher,
        looked: Callable[[Sequence[Held]], object],
    ) -> None:
        self._tallies = {queue: Tally(queue, publisher) for queue in queues}
        self._looked = looked
        self._lock = threading.Lock()
        self._ours: dict[str, None] = {}
        """The keys of what was given back, the oldest first."""
        self._round: Completion[None] | None = None
        self._until = 0.0
        self._next = 0.0
        self._warned = False

    @property
    def busy(self) -> bool:
        """Whether counting is under way, and has not taken too long."""
        return self._round is not None and not self._round.done() and now() < self._until

    def look_into(self, link: Wire, doubtful: Sequence[Held], *, suspects: bool) -> None:
        """Write down that messages are taken, save suspects where another is held.

        Blocks for as long as it takes to open a channel.
        """
        strange: list[Held] = []
        for held in doubtful:
            key = _key(held)
            with self._lock:
                held.doubtful = key not in self._ours
                self._ours.pop(key, None)
            if held.doubtful:
                held.key = key
                strange.append(held)
        if strange:
            self._write(link, strange, suspects=suspects)
        if len(strange) < len(doubtful):
            self._looked(())

    def given_back(self, held: Iterable[Held]) -> None:
        """Note that messages were given back in good order."""
        for one in held:
            if one.key is not None:
                self._tallies[one.consumer.queue].give_back(one.key)
            elif not one.doubtful:
                self._remember(_key(one))

    def ended(self, held: Iterable[Held]) -> None:
        """Note that messages are no more."""
        for one in held:
            if one.key is not None:
                self._tallies[one.consumer.queue].forget(one.key)

    def tend(self, link: Wire) -> float | None:
        """Write down how messages ended, now and then; returns the seconds until there is something to do."""
        if self.busy:
            return max(0.0, self._until - now())
        if not any(self._tallies.values()):
            return None
        if now() >= self._next:
            self._write(link, ())
        return max(0.0, self._next - now())

    def finish(self, link: Wire) -> None:
        """Write down what is left to be, and wait for that, unless it takes too long."""
        if self._round is not None:
            link.wait_until_done(self._round, _WITHIN)
        if any(self._tallies.values()):
            link.wait_until_done(self._write(link, ()), _WITHIN)

    def disconnected(self) -> None:
        """Go on without a connection."""
        self._round = None
        for tally in self._tallies.values():
            tally.channel = None

    def _remember(self, key: str) -> None:
        with self._lock:
            self._ours.pop(key, None)
            self._ours[key] = None
            if len(self._ours) > _REMEMBERED:
                del self._ours[next(iter(self._ours))]

    def _write(self, link: Wire, doubtful: Sequence[Held], *, suspects: bool = True) -> Completion[None]:
        self._until, self._next = now() + _WITHIN, now() + _PAUSE
        taken: dict[str, list[str]] = {}
        for held in doubtful:
            taken.setdefault(held.consumer.queue, []).append(held.key or "")
        queues = [queue for queue, tally in self._tallies.items() if tally or queue in taken]
        written = {queue: self._tally(link, queue).write(taken.get(queue, ()), suspects=suspects) for queue in queues}
        self._round = done = all_of(list(written.values()))
        done.add_done_callback(lambda _: self._written(doubtful, written))
        return done

    def _tally(self, link: Wire, queue: str) -> Tally:
        tally = self._tallies[queue]
        if tally.channel is None or tally.channel.error is not None:
            tally.channel = link.channel()
        return tally

    def _written(self, doubtful: Sequence[Held], written: Mapping[str, Completion[Admitted]]) -> None:
        errors = [error for one in written.values() if one.done() and (error := one.error()) is not None]
        if errors and not self._warned:
            self._warned = True
            logger.warning("deaths of nodes go uncounted for now: %s", errors[0])
        counted = {queue: one.get() for queue, one in written.items() if one.done() and one.error() is None}
        for held in doubtful:
            admits = counted.get(held.consumer.queue)
            if admits is None:
                held.doubtful = False
            elif held.key in admits:
                held.doubtful, held.deaths = False, admits[held.key]
            else:
                held.key = None
        self._looked(doubtful)


def _key(held: Held) -> str:
    return key_of(taken_of(held.delivered, held.consumer.queue))
