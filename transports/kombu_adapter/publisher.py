"""`KombuPublisher`: confirmed publishing over one session."""

from __future__ import annotations

from collections.abc import Sequence

from ...actors.completion import Completion
from ..errors import MalformedMessage
from ..lane import unix_time
from ..letters.letter import letter_of
from ..message import UNREADABLE, Publication
from ..session import Session
from .link import Link


class KombuPublisher:
    """Publishes what Celery would; a publication that was not confirmed is published again, until time is up."""

    def __init__(self, session: Session[Link], confirm_timeout: float) -> None:
        self._session = session
        self._confirm_timeout = confirm_timeout

    def publish(self, publications: Sequence[Publication]) -> Completion[None]:
        """Publish in order; fails with `BrokerUnavailable` within seconds where the broker cannot be reached."""
        if not publications:
            return Completion.of(None)
        try:
            letters = [letter_of(publication, unix_time()) for publication in publications]
        except UNREADABLE as error:
            return Completion.failed(MalformedMessage(f"the head of a publication cannot be read: {error}"))
        return self._session.run(lambda link: link.publish(letters, self._confirm_timeout))
