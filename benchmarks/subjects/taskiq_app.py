"""Taskiq on Redis or RabbitMQ, by the scheme of the address, in a virtual environment of its own.

On Redis it is the broker that pops from a list, its quickest, which acknowledges nothing. Results are on Redis alone.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

from .. import ledger

A = TypeVar("A")

QUEUE = "taskiq"
ADDRESS = os.environ["BENCHMARK_BROKER"]
RESULTS = bool(os.environ["BENCHMARK_RESULTS"])
ON_REDIS = ADDRESS.startswith("redis:")
POLL = 0.001
"""Seconds between two looks for a result; left alone, it would be 0.2."""


def broker_at(address: str) -> Any:
    """Return its broker for an address, as it comes, with results where they are asked for."""
    if not ON_REDIS:
        return importlib.import_module("taskiq_aio_pika").AioPikaBroker(address)
    redis: Any = importlib.import_module("taskiq_redis")
    broker: Any = redis.ListQueueBroker(address, queue_name=QUEUE)
    return broker.with_result_backend(redis.RedisAsyncResultBackend(address)) if RESULTS else broker


broker = broker_at(ADDRESS)


@broker.task
async def note(number: int) -> int:
    """Do nothing but say so."""
    ledger.note(number)
    return number


_runners: list[asyncio.Runner] = []


def run(work: Coroutine[Any, Any, A]) -> A:
    """Run something on the one loop of a client, whose broker is connected before the first."""
    if not _runners:
        _runners.append(asyncio.Runner())
        _runners[0].run(broker.startup())
    return _runners[0].run(work)


def publish(count: int) -> None:
    """Call one task after another."""
    run(_publish(count))


async def _publish(count: int) -> None:
    for number in range(count):
        await note.kiq(number)


publish_batched = publish  # it has no batches


def round_trip(number: int) -> int:
    """Call a task and wait for its result."""
    return run(_round_trip(number))


async def _round_trip(number: int) -> int:
    task = await note.kiq(number)
    result = await task.wait_result(check_interval=POLL, timeout=30)
    return result.return_value


def left() -> int:
    """Return how many messages wait."""
    return run(_on_redis() if ON_REDIS else _on_rabbitmq())


async def _on_redis() -> int:
    client: Any = importlib.import_module("redis.asyncio").from_url(ADDRESS)
    async with client:
        return int(await client.llen(QUEUE))


async def _on_rabbitmq() -> int:
    connection: Any = await importlib.import_module("aio_pika").connect(ADDRESS)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(QUEUE, passive=True)
        return int(queue.declaration_result.message_count)
