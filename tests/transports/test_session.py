"""A session: what it says of a connection that breaks, or is refused."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from understudy.transports.errors import BrokerRefused, BrokerUnavailable
from understudy.transports.lane import HasFileno
from understudy.transports.session import Session

PATIENCE = 10.0


class Refusing:
    """A connection that can be made, and is refused what it asks for."""

    lost_errors: tuple[type[BaseException], ...] = (ConnectionError,)
    refused_errors: tuple[type[BaseException], ...] = (PermissionError,)

    def __init__(self, opened: threading.Semaphore) -> None:
        self._opened = opened

    def explained(self, error: BaseException) -> BrokerUnavailable | BrokerRefused:
        return BrokerRefused(str(error)) if isinstance(error, PermissionError) else BrokerUnavailable(str(error))

    def open(self) -> None:
        self._opened.release()

    def close(self) -> None: ...

    def abandon(self) -> None: ...

    def sockets(self) -> Sequence[HasFileno]:
        return ()

    def tick(self) -> float | None:
        raise PermissionError("no entry")


class Wanted(Session[Refusing]):
    """A session that is always needed."""

    def needed(self) -> bool:
        return True


def test_a_refusal_that_goes_on_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    opened = threading.Semaphore(0)
    session = Wanted("the session", lambda: Refusing(opened), PATIENCE)
    session.lane.nudge()

    for _ in range(5):
        assert opened.acquire(timeout=PATIENCE)
    session.lane.close()

    assert caplog.messages == ["the session: no entry"]
