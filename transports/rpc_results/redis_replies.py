"""Replies by Redis: a list per process, with messages in the envelopes of kombu."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from redis import exceptions

from ...actors.completion import Completion
from .. import codecs
from ..lane import now, readable, unix_time
from ..message import Head, Publication, decode_head, encode_head
from ..redis_broker.address import Address
from ..redis_broker.envelope import opened, sealed
from ..redis_broker.options import RedisOptions
from ..redis_pair import REPLY_TIMEOUT, RedisPair
from ..session import Session
from ..urls import without_passwords
from .options import RpcOptions
from .replies import Reply

_WAIT_SECONDS = 10
"""Seconds after which the server answers a wait even though nothing came: so it is seen to be there."""
_AT_ONCE = 500


def address_of(url: str, options: RpcOptions) -> Address:
    """Return where the replies go; raises `TransportError` where the URL or the options make no sense."""
    said = RedisOptions(
        connect_timeout=options.connect_timeout,
        ssl=options.ssl,
        master_name=options.master_name,
        sentinel_kwargs=options.sentinel_kwargs,
    )
    return Address(url, said)


class RedisReplies(RedisPair):
    """Replies over two connections, one for commands and one that waits."""

    def __init__(self, address: Address, options: RpcOptions) -> None:
        super().__init__(address.url, address.pool(REPLY_TIMEOUT))
        self._options = options
        self._asked = 0.0
        self._key = ""
        _, self._content_type, self._content_encoding = codecs.encode(None, options.serializer)

    def tick(self) -> float | None:
        """Find a connection broken that is silent for too long."""
        if self.hearing is None:
            return None
        if now() > self._asked + _WAIT_SECONDS + REPLY_TIMEOUT:
            raise exceptions.ConnectionError("no answer to a wait")
        return float(_WAIT_SECONDS)

    def send(self, replies: Sequence[Reply]) -> None:
        """Send replies, in order. A list that nobody reads expires."""
        at, milliseconds = unix_time(), max(1, round(self._options.expires * 1000))
        with self.redis.pipeline(transaction=False) as pipe:
            for reply in replies:
                pipe.lpush(self._options.global_keyprefix + reply.queue, sealed(self._publication(reply), at))
            for queue in {reply.queue for reply in replies}:
                pipe.pexpire(self._options.global_keyprefix + queue, milliseconds)
            pipe.execute()

    def listen(self, queue: str) -> None:
        """See `Replies.listen`."""
        self._key = self._options.global_keyprefix + queue
        self.begin_to_hear()
        self._wait()

    def received(self) -> Iterable[tuple[str, bytes]]:
        """See `Replies.received`."""
        while self.hearing is not None and (readable(self.hearing._sock) or self.hearing.can_read(0)):
            found: list[bytes] | None = self.hearing.read_response()
            more: list[bytes] = (self.redis.rpop(self._key, _AT_ONCE) or []) if found else []
            self._wait()
            for item in [*(found or [])[1:], *more]:
                message = opened(item)
                yield str(decode_head(message.head).properties.get("correlation_id")), message.body

    def delete(self, queue: str) -> None:
        """See `Replies.delete`."""
        self.redis.delete(self._options.global_keyprefix + queue)

    def _wait(self) -> None:
        self._asked = now()
        self.hearing.send_command("BRPOP", self._key, _WAIT_SECONDS)

    def _publication(self, reply: Reply) -> Publication:
        properties = {"correlation_id": reply.task_id, "delivery_mode": 2 if self._options.persistent else 1}
        head = encode_head(Head({}, properties, self._content_type, self._content_encoding))
        return Publication(reply.task_id, reply.queue, head, reply.payload)


class RedisSender(Session[RedisReplies]):
    """Sends replies, on a lane of its own. Thread-safe."""

    def __init__(self, address: Address, options: RpcOptions) -> None:
        name = f"sender of replies by {without_passwords(address.url)}"
        super().__init__(name, lambda: RedisReplies(address, options), options.patience)

    def send(self, replies: Sequence[Reply]) -> Completion[None]:
        """See `Sender`."""
        return self.run(lambda link: link.send(replies))

    def close(self) -> None:
        """Close the connection."""
        self.lane.close()
