"""`Posting`: publishing without a wait for the broker's confirmation (`confirm_publish=False`)."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...actors.completion import Completion
    from ..message import Publication
    from .publisher import AmqpPublisher


class Posting:
    """Publishes for those who call tasks; see `AmqpPublisher.post`. A program that ends waits for what is open.

    patience: the seconds that it waits for the next confirmation. Thread-safe; a forked child has posted nothing.
    """

    def __init__(self, publisher: AmqpPublisher, patience: float) -> None:
        self._publisher = publisher
        self._patience = patience
        atexit.register(_flush, weakref.ref(self))

    def publish(self, publications: Sequence[Publication]) -> Completion[None]:
        """Publish in order; done when all is sent. Fails with `BrokerUnavailable` where nobody can be reached."""
        return self._publisher.post(publications)

    @property
    def reachable(self) -> bool:
        """See `Reaching`."""
        return self._publisher.reachable

    def flush(self) -> None:
        """Wait until what was sent is confirmed, within limits."""
        self._publisher.flush(self._patience)


def _flush(posting: weakref.ref[Posting]) -> None:
    known = posting()
    if known is not None:
        known.flush()
