"""Waiting for a broker or a result store, for a bounded time."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ...actors.errors import Timeout
from ...transports.errors import BrokerUnavailable
from ...transports.urls import without_passwords

if TYPE_CHECKING:
    from ...actors.completion import Completion
    from ..app.app import App

T = TypeVar("T")


def answer(app: App, asked: Completion[T]) -> T:
    """Return what the broker answers; raises `BrokerUnavailable` where it is silent for too long."""
    patience = app.conf.broker_connection_timeout * 2 + 1  # the transport's own error says more than this one
    try:
        return asked.get(timeout=patience)
    except Timeout as error:
        where = without_passwords(app.connections.broker_url(app.conf))
        raise BrokerUnavailable(f"the broker has not answered within {patience:g} s: {where}") from error
