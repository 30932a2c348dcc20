"""`Connection`: one client, as the writer sees it."""

from __future__ import annotations

import socket

from ..core.owners import Answer
from ..frames import describe_error, frame
from ..service import Client
from ..stream import Stream


class Connection(Stream):
    """A client's stream, its process and, once it has shaken hands, its name; a round's answers make one frame."""

    def __init__(self, connected: socket.socket, pid: int) -> None:
        super().__init__(connected)
        self.pid = pid
        self.client: Client | None = None
        self._answers: list[tuple[int, tuple[str, str] | None, object]] = []

    def answer(self, answer: Answer) -> None:
        """Add an answer to the next frame."""
        failure = None if answer.error is None else describe_error(answer.error)
        self._answers.append((answer.token[1], failure, answer.value))

    def flush(self) -> None:
        """Send the answers, and what waits, as far as the client takes it."""
        answers, self._answers = self._answers, []
        if answers:
            self.send(frame(answers))
        elif self.backlog:
            self.send()
