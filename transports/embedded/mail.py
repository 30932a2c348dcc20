"""`MailDesk`: the mailboxes of remote actors, at the embedded broker: in memory, since nothing of them is durable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .core.owners import Answer
from .requests import AnyRequest, Collect, Drop, Post

if TYPE_CHECKING:
    from ...actors.remote.mailroom import Mailroom
    from .service import Asked, Client, Token

MAIL = (Post, Collect, Drop)
"""The requests that are the desk's."""


class MailDesk:
    """Carries out what concerns mail, beside the broker's rounds: it needs no commit, and waits for none."""

    def __init__(self) -> None:
        self._room: Mailroom[Token] | None = None

    def round(self, asked: Sequence[Asked], mono: float) -> list[Answer]:
        """Carry out requests and return the answers that are due."""
        if self._room is None:
            if not asked:
                return []
            from ...actors.remote.mailroom import Mailroom  # most brokers carry no mail

            self._room = Mailroom(mono)
        answers = [
            answer for client, request in asked if (answer := self._carry_out(self._room, client, request, mono))
        ]
        self._room.expire(mono)
        return [*answers, *(Answer(token, mail) for token, mail in self._room.answers(mono))]

    def leave(self, client: Client, mono: float) -> None:
        """Let a client's collections go, whose connection has ended."""
        if self._room is not None:
            self._room.abandon(lambda token: token[0] is client, mono)

    def next_round(self) -> float | None:
        """Return when a mailbox expires (monotonic), None where none does."""
        return None if self._room is None else self._room.next_expiry()

    def _carry_out(self, room: Mailroom[Token], client: Client, request: AnyRequest, mono: float) -> Answer | None:
        token = (client, request.id)
        match request:
            case Post():
                return Answer(token, room.post_all(request.parcels, mono))
            case Collect():
                room.collect(request.mailbox, request.topics, request.ttl, token, mono)
                return None
            case Drop():
                room.drop(request.mailbox)
                return Answer(token)
            case _:
                raise AssertionError(f"not about mail: {request!r}")
