"""Publishing for certain: wait for the broker's confirmation, and try again for a bounded time where it is away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...actors.completion import Completion
from ...actors.errors import Timeout
from ...transports.api import Publisher, Reaching
from ...transports.errors import BrokerUnavailable, NotConfirmed
from ...transports.message import Publication
from ..settings import Settings


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and after which pauses (seconds), publishing is tried again; `patience` bounds each attempt."""

    max_retries: int | None = 3
    interval_start: float = 0.0
    interval_step: float = 0.2
    interval_max: float = 1.0
    patience: float = 4.0

    @classmethod
    def of(cls, conf: Settings) -> RetryPolicy:
        """Return the policy of the settings."""
        policy = cls(patience=conf.broker_connection_timeout)
        return policy.with_options(retry=conf.task_publish_retry, changes=conf.task_publish_retry_policy)

    def with_options(self, *, retry: bool | None, changes: Mapping[str, Any] | None) -> RetryPolicy:
        """Return this policy as one call wants it; `max_retries` None or negative means no limit."""
        known = {field: getattr(self, field) for field in self.__slots__}
        known.update({name: value for name, value in (changes or {}).items() if name in known})
        if retry is False:
            known["max_retries"] = 0
        return RetryPolicy(**known)

    def pauses(self) -> Iterator[float]:
        """Yield the pause before each further attempt."""
        attempt = 0
        while self.max_retries is None or self.max_retries < 0 or attempt < self.max_retries:
            yield min(self.interval_start + attempt * self.interval_step, self.interval_max)
            attempt += 1


def publish(publisher: Publisher, publications: Sequence[Publication], policy: RetryPolicy) -> None:
    """Publish and wait until the broker has it; raises `BrokerUnavailable` once the policy is used up.

    A broker that is there, and is slow to confirm, is waited for as long as its transport says: `NotConfirmed` then.
    """
    pauses = policy.pauses()
    while True:
        try:
            _wait(publisher, publisher.publish(publications), _limit(policy))
            return
        except (BrokerUnavailable, Timeout) as error:
            pause = _next_pause(pauses, publications, error)
        time.sleep(pause)  # noqa: TID251 - the caller's own thread waits; no actor runs here


async def apublish(publisher: Publisher, publications: Sequence[Publication], policy: RetryPolicy) -> None:
    """Do what `publish` does without blocking the event loop."""
    import asyncio  # late: it takes long to import, and most programs publish without it

    pauses = policy.pauses()
    while True:
        try:
            await _await(publisher, publisher.publish(publications), _limit(policy))
            return
        except (BrokerUnavailable, TimeoutError) as error:
            pause = _next_pause(pauses, publications, error)
        await asyncio.sleep(pause)


def _wait(publisher: Publisher, published: Completion[None], limit: float) -> None:
    while True:
        try:
            return published.get(timeout=limit)
        except Timeout:
            if not _is_reachable(publisher):
                raise


async def _await(publisher: Publisher, published: Completion[None], limit: float) -> None:
    import asyncio

    while True:
        try:
            async with asyncio.timeout(limit):
                return await published
        except TimeoutError:
            if not _is_reachable(publisher):
                raise


def _is_reachable(publisher: Publisher) -> bool:
    return isinstance(publisher, Reaching) and publisher.reachable


def _limit(policy: RetryPolicy) -> float:
    """Return more than the transport itself takes to give up: its own error says more than a timeout."""
    return policy.patience * 2 + 1


def _next_pause(pauses: Iterator[float], publications: Sequence[Publication], error: Exception) -> float:
    names = ", ".join(sorted({publication.routing_key for publication in publications}))
    if isinstance(error, NotConfirmed):
        raise NotConfirmed(f"sent to {names}, and not confirmed: {error}") from error
    pause = next(pauses, None)
    if pause is None or not isinstance(error, BrokerUnavailable):
        raise BrokerUnavailable(f"not published to {names}: {error}") from error
    return pause
