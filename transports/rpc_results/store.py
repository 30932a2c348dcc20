"""`RpcResults`: results that go to their callers by message."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ...actors.completion import Completion
from ..chords import CountsNothing
from ..errors import UnsupportedByTransport
from ..message import Result
from ..payloads import READY, state_reader
from ..result_session import ResultSession
from ..urls import scheme_of, without_passwords
from ..waiters import Waiter
from .options import RpcOptions
from .replies import Replies, Reply, Sender

_AMQP = frozenset({"amqp", "amqps", "pyamqp", "pyamqps"})
_REDIS = frozenset({"redis", "rediss", "redis+socket", "sentinel"})


class RpcResults(CountsNothing, ResultSession[Replies]):
    """Results by message, as a stock Celery sends and reads them. Thread-safe.

    A result is sent to the queue that its message named as `reply_to`, and kept in the memory of the process that reads
    it: nobody else can ask for it. A process that is to get results has to `listen` before it calls. There are no
    groups that are saved, and no chords.
    """

    reads_anywhere = True

    def __init__(self, broker: str, options: RpcOptions | None = None) -> None:
        said = options or RpcOptions()
        self._sender, make = _way_of(broker, said, self._wake)
        super().__init__(f"replies by {without_passwords(broker)}", make, said.patience)
        self._kept = said.kept
        self._state_of = state_reader(said.serializer, said.accept)

    def listen(self, queue: str) -> Completion[None]:
        """Read a queue from now on; resolves when it is there. One process has one."""
        if self._queue == queue and not self.lane.closed:
            return Completion.of(None)

        def begin(link: Replies) -> None:
            if self._queue != queue:
                link.listen(queue)
                self._queue = queue

        return self.run(begin)

    def store(self, results: Sequence[Result]) -> Completion[None]:
        """Send results to those who asked for them; what nobody asked for is dropped."""
        replies = [Reply(one.reply_to, one.task_id, one.payload) for one in results if one.reply_to]
        return self._sender.send(replies) if replies else Completion.of(None)

    def get(self, task_ids: Sequence[str]) -> Completion[list[bytes | None]]:
        """Return what has come about tasks, in order; None where nothing has."""

        def read(link: Replies) -> list[bytes | None]:
            self.take_pushed(link)
            return self._known(task_ids)

        if self._queue is None:
            return Completion.of([None] * len(task_ids))
        return self.run(read)

    def forget(self, task_ids: Sequence[str]) -> Completion[None]:
        """Forget what has come about tasks."""

        def forget() -> None:
            for task_id in task_ids:
                self._results.pop(task_id, None)

        return self.lane.submit(forget)

    def save_group(self, group_id: str, payload: bytes, ttl: float | None) -> Completion[None]:
        """Fail: there is no place for it."""
        return _no_groups()

    def restore_group(self, group_id: str) -> Completion[bytes | None]:
        """Fail: there is no place for it."""
        return _no_groups()

    def delete_group(self, group_id: str) -> Completion[None]:
        """Fail: there is no place for it."""
        return _no_groups()

    def close(self) -> None:
        """Close connections; waiting completions fail."""
        self._sender.close()
        super().close()

    def begin(self, task_id: str, waiter: Waiter) -> None:
        """See `ResultSession`."""
        payload = self._results.get(task_id)
        if payload is not None and self._is_last(payload):
            waiter.completion.resolve(payload)
        else:
            self.waiters.add(task_id, waiter)

    def begin_empty(self) -> None:
        """See `ResultSession`."""
        super().begin_empty()
        self._queue: str | None = None
        self._results: OrderedDict[str, bytes] = OrderedDict()

    # What the session asks for, on the lane's thread

    def needed(self) -> bool:
        return self._queue is not None

    def opened(self, link: Replies) -> None:
        if self._queue is not None:
            link.listen(self._queue)

    def serve(self, link: Replies) -> float | None:
        self.take_pushed(link)
        self.expire(link)
        return self.next_turn(link.tick())

    def leave(self) -> None:
        self.let_go()  # before the broker is asked for something, which may take a while
        if self.link is not None and self._queue is not None:
            with suppress(*self.link.lost_errors, *self.link.refused_errors):
                self.link.delete(self._queue)
        super().leave()

    def take_pushed(self, link: Replies) -> None:
        """See `ResultSession`."""
        for task_id, payload in link.received():
            self._keep(task_id, payload)
            if self._is_last(payload):
                self.waiters.resolve(task_id, payload)

    def _keep(self, task_id: str, payload: bytes) -> None:
        before = self._results.get(task_id)
        if before is not None and self._state_of(before) == "SUCCESS":
            return
        self._results[task_id] = payload
        self._results.move_to_end(task_id)
        while len(self._results) > self._kept:
            self._results.popitem(last=False)

    def _known(self, task_ids: Sequence[str]) -> list[bytes | None]:
        return [self._results.get(task_id) for task_id in task_ids]

    def _wake(self) -> None:
        self.lane.nudge()

    def _is_last(self, payload: bytes) -> bool:
        state = self._state_of(payload)
        return state is None or state in READY  # what cannot be read is for whoever waits to see


def _way_of(broker: str, options: RpcOptions, wake: Callable[[], object]) -> tuple[Sender, Callable[[], Replies]]:
    scheme = scheme_of(broker)
    if scheme in _AMQP:
        from .amqp_replies import AmqpReplies, AmqpSender

        return AmqpSender(broker, options), lambda: AmqpReplies(broker, options, wake)
    if scheme in _REDIS:
        from .redis_replies import RedisReplies, RedisSender, address_of  # redis-py is an extra

        address = address_of(broker, options)
        return RedisSender(address, options), lambda: RedisReplies(address, options)
    raise UnsupportedByTransport(
        f"rpc:// sends results by the broker, and {scheme}:// cannot: it takes amqp://, redis:// or sentinel://, or "
        "another backend"
    )


def _no_groups() -> Completion[Any]:
    return Completion.failed(
        UnsupportedByTransport("rpc:// keeps no groups: their results go to the caller alone, who has them anyway")
    )
