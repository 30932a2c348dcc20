"""`Announcement`: the signal `task_received`, in the node."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ...transports.message import UNREADABLE, decode_head
from .. import signals
from ..task.request import Request

if TYPE_CHECKING:
    from ...transports.message import Delivery
    from ..app.app import App


class Announcement:
    """Tells the signal's receivers of messages that have come and can be read; costs nothing where there are none.

    Receivers run in the thread of the node's actors: while one runs, nothing else of the node does.
    """

    def __init__(self, app: App, hostname: str) -> None:
        self._app = app
        self._hostname = hostname

    def __call__(self, deliveries: Sequence[Delivery]) -> None:
        """Send the signal for each of them."""
        if signals.task_received:
            for delivery in deliveries:
                with suppress(*UNREADABLE):
                    signals.task_received.send(sender=self._app, request=self._request(delivery))

    def _request(self, delivery: Delivery) -> Request:
        head = decode_head(delivery.head)
        request = Request(self._app.tasks.get(head.headers.get("task", "")), head.headers)
        request.properties, request.queue, request.hostname = head.properties, delivery.queue, self._hostname
        return request
