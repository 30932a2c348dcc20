"""`RedisResults`: results, groups and chords in Redis, in Celery's keys and payloads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from ...actors.completion import Completion
from ..api import Publisher
from ..errors import BrokerRefused, BrokerUnavailable, ChordClaimed, MalformedMessage
from ..lane import now
from ..message import ChordPart, Publication, Result
from ..payloads import READY, plain, state_of, state_reader
from ..result_session import ResultSession
from ..settlement import bind
from ..tls import Tls
from ..urls import without_passwords
from ..waiters import Waiter
from . import scripts
from .chords import Chords
from .shelf import Shelf, group_key, result_key, task_of

DAY = 86_400
_UNNEEDED = 64
"""Subscriptions that nobody needs any more and that are ended together: on a channel like these comes nothing more."""


class RedisResults(ResultSession[Shelf]):
    """A result store that a stock Celery shares. Thread-safe; see `ResultStore` for what its methods promise.

    publisher: sends the triggers of chords. expires: seconds for which the parts of a chord are kept, 0 for ever.
    patience: seconds after which a server that cannot be reached is an error. tls: see `transports.tls`. pool: makes
    redis-py's pool of connections, whose replies are awaited for so many seconds, where the URL alone does not say all.
    prefix: what all keys and channels begin with, Celery's `global_keyprefix`.
    """

    keeps_any_bytes = True
    reads_anywhere = True

    def __init__(
        self,
        url: str,
        publisher: Publisher,
        expires: int = DAY,
        patience: float = 5.0,
        connect_timeout: float = 4.0,
        tls: Tls = False,
        pool: Callable[[float], Any] | None = None,
        prefix: str = "",
    ) -> None:
        super().__init__(
            f"results in {without_passwords(url)}", lambda: Shelf(url, connect_timeout, tls, pool=pool), patience
        )
        self._publisher = publisher
        self._prefix = prefix + "_" if prefix and prefix[-1] not in ":_-." else prefix  # as Celery has it
        self._chords = Chords(expires, self._prefix)
        self._state_of: Callable[[bytes], str | None] = state_of

    def expect(self, serializer: str, accept: Collection[str]) -> None:
        """See `ReadsPayloads`."""
        self._state_of = state_reader(serializer, accept)

    def store(self, results: Sequence[Result]) -> Completion[None]:
        """Write results and tell those who wait, in one transaction; a stored success stays."""

        def write(shelf: Shelf) -> None:
            asked: list[tuple[Result, bytes]] = [(result, b"") for result in results]
            while asked:
                answers = zip(asked, self._write(shelf, asked), strict=True)
                held_back = [(result, found) for (result, _), found in answers if isinstance(found, bytes)]
                asked = [(result, found) for result, found in held_back if self.state(found) != "SUCCESS"]

        return self.run(write) if results else Completion.of(None)

    def get(self, task_ids: Sequence[str]) -> Completion[list[bytes | None]]:
        """Return payloads, in order; None where nothing is stored."""
        return self.run(lambda shelf: _payloads(shelf, list(map(self._key, task_ids))))

    def forget(self, task_ids: Sequence[str]) -> Completion[None]:
        """Delete results."""
        keys = list(map(self._key, task_ids))
        return self.run(lambda shelf: _nothing(shelf.redis.delete(*keys))) if keys else Completion.of(None)

    def save_group(self, group_id: str, payload: bytes, ttl: float | None) -> Completion[None]:
        """Keep a group's members."""
        return self.run(
            lambda shelf: _nothing(
                shelf.redis.set(group_key(group_id, self._prefix), payload, ex=_seconds(ttl) or None)
            )
        )

    def restore_group(self, group_id: str) -> Completion[bytes | None]:
        """Return what `save_group` kept, or None."""
        return self.run(lambda shelf: shelf.redis.get(group_key(group_id, self._prefix)))

    def delete_group(self, group_id: str) -> Completion[None]:
        """Delete what `save_group` kept."""
        return self.run(lambda shelf: _nothing(shelf.redis.delete(group_key(group_id, self._prefix))))

    def set_chord_size(self, group_id: str, size: int) -> Completion[None]:
        """Say how many parts a chord has; publishes its trigger where all of them are in already."""
        return bind(
            self.run(lambda shelf: self._chords.set_size(shelf, group_id, size)),
            lambda trigger: Completion.of(None) if trigger is None else self._trigger(group_id, trigger),
        )

    def extend_chord(self, group_id: str, index: int, task_id: str) -> Completion[None]:
        """Say that a chord waits for one more part; said twice it counts once."""
        return self.run(lambda shelf: self._chords.extend(shelf, group_id, task_id))

    def chord_part(self, part: ChordPart) -> Completion[None]:
        """Record a part; the last one publishes its trigger.

        Fails with `ChordClaimed` while another worker's claim on the body is not finished: that worker may be dead, and
        the message of this part has to stay until that is known.
        """

        def judge(answer: str) -> Completion[None]:
            if answer == "claimed":
                return self._trigger(part.group_id, part.trigger)
            if answer == "contested":
                return Completion.failed(ChordClaimed(f"another worker is about to start the body of {part.group_id}"))
            return Completion.of(None)

        return bind(self.run(lambda shelf: self._chords.record(shelf, part)), judge)

    def chord_parts(self, group_id: str) -> Completion[list[tuple[int, str, str, bytes]]]:
        """Return (index, task id, state, payload) of the parts that are in, by index."""
        return self.run(lambda shelf: self._chords.parts(shelf, group_id))

    def delete_chord(self, group_id: str) -> Completion[None]:
        """Forget a chord; late parts of it are ignored."""
        return self.run(lambda shelf: self._chords.forget(shelf, group_id))

    def begin(self, task_id: str, waiter: Waiter) -> None:
        """See `ResultSession`."""
        self._unneeded.discard(task_id)
        if self.waiters.add(task_id, waiter) and self.link is not None:
            with suppress(BrokerUnavailable, BrokerRefused):  # then the next connection subscribes
                self.attempt(lambda link: link.subscribe([self._key(task_id)]))

    # What the session asks for, on the lane's thread

    def begin_empty(self) -> None:
        """See `ResultSession`."""
        super().begin_empty()
        self._unneeded: set[str] = set()

    def opened(self, link: Shelf) -> None:
        self._unneeded.clear()
        if self.waiters:
            link.subscribe(list(map(self._key, self.waiters.tasks())))

    def take_pushed(self, link: Shelf) -> None:
        """See `ResultSession`."""
        subscribed: list[str] = []
        for kind, channel, payload in link.pushed():
            if kind == "message":
                self._deliver(link, channel, payload)
            elif kind == "subscribe":
                subscribed.append(channel)
        subscribed = [channel for channel in subscribed if self._task_of(channel) in self.waiters]
        if subscribed:  # what was stored before that was not pushed
            for channel, stored in zip(subscribed, _payloads(link, subscribed), strict=True):
                if stored is not None:
                    self._deliver(link, channel, stored)

    def serve(self, link: Shelf) -> float | None:
        self.take_pushed(link)
        self.expire(link)
        return self.next_turn(link.tick())

    def expire(self, link: Shelf) -> None:
        """See `ResultSession`."""
        self._unsubscribe(link, self.waiters.expire(now()))

    def _key(self, task_id: str) -> str:
        return result_key(task_id, self._prefix)

    def _task_of(self, channel: str) -> str:
        return task_of(channel, self._prefix)

    def _write(self, shelf: Shelf, asked: Sequence[tuple[Result, bytes]]) -> list[Any]:
        """Write results in one transaction, each over what is known to be no success.

        Returns an answer for each: bytes where it was not written, as others stand there that the server cannot read.
        """
        places: list[int] = []
        with shelf.redis.pipeline(transaction=True) as pipe:
            for result, known in asked:
                places.append(len(pipe))
                key, seconds = self._key(result.task_id), _seconds(result.ttl)
                if result.state == "SUCCESS":
                    pipe.set(key, result.payload, ex=seconds or None).publish(key, result.payload)
                else:  # with its source: a script that is named has to be asked for before
                    pipe.eval(scripts.STORE, 1, key, result.payload, seconds, known)
            answers = pipe.execute()
        return [answers[place] for place in places]

    def _deliver(self, link: Shelf, channel: str, payload: bytes) -> None:
        payload, task_id = _plain(payload), self._task_of(channel)
        if self._is_last(payload) and self.waiters.resolve(task_id, payload):
            self._unsubscribe(link, [task_id])

    def _is_last(self, payload: bytes) -> bool:
        state = self.state(payload)
        return state is None or state in READY  # what cannot be read is for whoever waits to see

    def state(self, payload: bytes) -> str | None:
        """Return the state that a stored payload says, None where it cannot be read."""
        return self._state_of(_plain(payload))

    def _unsubscribe(self, link: Shelf, task_ids: Sequence[str]) -> None:
        self._unneeded.update(task_ids)
        if len(self._unneeded) >= _UNNEEDED:
            link.unsubscribe(list(map(self._key, self._unneeded)))
            self._unneeded.clear()

    def _trigger(self, group_id: str, trigger: Publication) -> Completion[None]:
        signed = self.run(lambda shelf: self._chords.signed(shelf, group_id, trigger))
        published = bind(signed, lambda publication: self._publisher.publish([publication]))
        return bind(published, lambda _: self.run(lambda shelf: self._chords.finish(shelf, group_id)))


def _payloads(shelf: Shelf, keys: Sequence[str]) -> list[bytes | None]:
    stored: list[bytes | None] = shelf.redis.mget(keys) if keys else []
    return [None if payload is None else _plain(payload) for payload in stored]


def _plain(payload: bytes) -> bytes:
    """Return a payload as it was before compression; one that cannot be opened stays: whoever decodes it is told."""
    try:
        return plain(payload)
    except MalformedMessage:
        return payload


def _seconds(ttl: float | None) -> int:
    """Return a time to live in whole seconds, 0 for ever."""
    return 0 if not ttl else max(1, round(ttl))


def _nothing(_: object) -> None:
    return None
