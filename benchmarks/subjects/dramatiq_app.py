"""Dramatiq on Redis or RabbitMQ, by the scheme of the address, in a virtual environment of its own.

Its results need Redis or memcached, so that there are none on RabbitMQ.
"""

from __future__ import annotations

import importlib
import os
import time
from typing import Any

from .. import ledger

dramatiq: Any = importlib.import_module("dramatiq")

QUEUE = "default"
ADDRESS = os.environ["BENCHMARK_BROKER"]
RESULTS = bool(os.environ["BENCHMARK_RESULTS"])
ON_REDIS = ADDRESS.startswith("redis:")


def broker_at(address: str) -> Any:
    """Return its broker for an address, as it comes, with results where they are asked for."""
    if not ON_REDIS:
        return importlib.import_module("dramatiq.brokers.rabbitmq").RabbitmqBroker(url=address)
    broker: Any = importlib.import_module("dramatiq.brokers.redis").RedisBroker(url=address)
    if RESULTS:
        backend: Any = importlib.import_module("dramatiq.results.backends").RedisBackend(url=address)
        broker.add_middleware(importlib.import_module("dramatiq.results").Results(backend=backend))
    return broker


broker = broker_at(ADDRESS)
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=QUEUE, **({"store_results": True} if RESULTS else {}))
def note(number: int) -> int | None:
    """Do nothing but say so; a result that nobody stores gives a warning each time."""
    ledger.note(number)
    return number if RESULTS else None


def publish(count: int) -> None:
    """Call one task after another."""
    for number in range(count):
        note.send(number)


publish_batched = publish  # it has no batches


def round_trip(number: int) -> int:
    """Call a task and wait for its result, which is pushed."""
    return note.send(number).get_result(block=True, timeout=30_000)


def left() -> int:
    """Return how many messages are not settled; on RabbitMQ once that stays the same: it does not wait for confirms."""
    if ON_REDIS:
        return int(broker.client.hlen(f"dramatiq:{QUEUE}.msgs"))
    before, now = -1, waiting()
    while now != before:
        time.sleep(0.1)
        before, now = now, waiting()
    return now


def waiting() -> int:
    """Return how many messages are in the queue and the one of those to be tried again."""
    broker.declare_queue(QUEUE, ensure=True)
    ready, delayed, _ = broker.get_queue_message_counts(QUEUE)
    return int(ready + delayed)
