"""`Calls`: what was asked and is not answered yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from ...actors.completion import Completion, Waiter
from ...actors.errors import Timeout
from . import requests
from .core.owners import Answer
from .frames import Content, decode_answers, frame, make_error
from .requests import AnyRequest, Publish, Request, Settle, Wait

_DECODERS = {
    kind: msgspec.msgpack.Decoder(kind.answer).decode
    for kind in vars(requests).values()
    if isinstance(kind, type) and issubclass(kind, Request) and kind.answer is not None
}


def settling(requests: Iterable[AnyRequest], owner: str) -> list[tuple[int, int]]:
    """Return (tag, number) of each outcome among `requests` of an owner."""
    return [
        (outcome.tag, request.number)
        for request in requests
        if isinstance(request, Settle) and request.owner == owner
        for outcome in request.outcomes
        if outcome.tag
    ]


@dataclass(slots=True, eq=False)
class Call:
    """A request and its frame, since when it waits (monotonic), and who waits for its answer."""

    request: AnyRequest
    frame: bytes
    since: float
    completion: Completion[Any]


class Calls:
    """Numbers requests, and brings each answer to its completion.

    `add` is for one thread at a time, everything else for any. waiter: how threads wait for the answers.
    """

    def __init__(self, waiter: Waiter | None = None) -> None:
        self._waiter = waiter
        self._by_id: dict[int, Call] = {}
        self._ids = 0
        self._numbers = 0
        self.answered: int = 0
        """How many answers a writer has given."""

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, request: AnyRequest, now: float) -> Call:
        """Take a request in, with the next id and, where it must not be carried out twice, the next number.

        Requests have to reach the writer in the order of their numbers. Raises `TransportError` where it is too large.
        """
        self._ids += 1
        request.id = self._ids
        if isinstance(request, (Publish, Settle)):
            self._numbers += 1
            request.number = self._numbers
        call = Call(request, frame([request]), now, Completion())
        call.completion.waiter = self._waiter
        self._by_id[request.id] = call
        return call

    def all(self) -> list[Call]:
        """Return the calls, in the order in which they were made."""
        return list(self._by_id.values())

    def settling(self, owner: str) -> list[tuple[int, int]]:
        """Return (tag, number of the request) of what an owner has asked to be settled, and has no answer for."""
        return settling([call.request for call in self.all()], owner)

    def read(self, content: Content) -> None:
        """Settle the calls that a frame of the writer answers."""
        for answered in decode_answers(content):
            self.answered += 1
            call = self._by_id.pop(answered.id, None)
            if call is None:
                continue  # it was given up meanwhile
            if answered.failure is not None:
                call.completion.fail(make_error(answered.failure))
            else:
                decode = _DECODERS.get(type(call.request))
                call.completion.resolve(None if decode is None else decode(answered.value))

    def settle(self, answers: Iterable[Answer]) -> None:
        """Settle the calls that a broker in this process has answered."""
        for answer in answers:
            call = self._by_id.pop(answer.token[1], None)
            if call is not None and answer.error is not None:
                call.completion.fail(answer.error)
            elif call is not None:
                call.completion.resolve(answer.value)

    def fail(self, calls: Iterable[Call], error: Exception) -> None:
        """Give calls up."""
        for call in calls:
            if self._by_id.pop(call.request.id, None) is not None:
                call.completion.fail(error)

    def end_waits(self, now: float) -> None:
        """Fail the waits whose time is up: there may be nobody else to do it."""
        for call in self.all():
            request = call.request
            if isinstance(request, Wait) and request.timeout is not None and call.since + request.timeout <= now:
                self.fail([call], Timeout("the task was not ready in time"))
