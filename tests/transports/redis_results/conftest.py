"""A Redis result store with a publisher that keeps what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from understudy.actors.completion import Completion
from understudy.transports.errors import BrokerUnavailable
from understudy.transports.message import Publication
from understudy.transports.redis_results import RedisResults

Fresh = Callable[[], str]


class Outbox:
    """A publisher whose broker may be away."""

    def __init__(self) -> None:
        self.publications: list[Publication] = []
        self.away = False

    @property
    def sent(self) -> list[str]:
        return [publication.id for publication in self.publications]

    def publish(self, publications: Sequence[Publication]) -> Completion[None]:
        if self.away:
            return Completion.failed(BrokerUnavailable("the broker is away"))
        self.publications += publications
        return Completion.of(None)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def results(redis_url: str, outbox: Outbox) -> Iterator[RedisResults]:
    store = RedisResults(redis_url, outbox, patience=2.0)
    yield store
    store.close()
