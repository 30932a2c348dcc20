"""Small messages, and short names for what the tests do with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from understudy.transports.api import Intake, Transport
from understudy.transports.message import Delivery, Head, Outcome, Publication, Result, decode_head, encode_head

if TYPE_CHECKING:
    from .harness import Harness

PATIENCE = 10.0
"""Seconds until a test takes something for lost."""


def publication(task_id: str, queue: str, **options: Any) -> Publication:
    """Return a task's message, as the runtime would send it."""
    head = Head({"id": task_id, "task": "tests.task", "retries": 0}, {"correlation_id": task_id, "delivery_info": {}})
    return Publication(task_id, queue, encode_head(head), f'[["{task_id}"], {{}}, {{}}]'.encode(), **options)


def publish(transport: Transport, *publications: Publication) -> None:
    """Publish and wait for the confirmation."""
    transport.publisher().publish(publications).get(timeout=PATIENCE)


def task_id(delivery: Delivery) -> str:
    """Return the id of the task that a delivery carries."""
    return str(decode_head(delivery.head).headers["id"])


def take(intake: Intake, count: int) -> list[Delivery]:
    """Fetch until `count` messages are there, in as many fetches as it takes."""
    taken: list[Delivery] = []
    while len(taken) < count:
        taken += intake.fetch(count - len(taken)).get(timeout=PATIENCE)
    return taken


def hold(harness: Harness, transport: Transport, queue: str, one: str) -> tuple[Intake, Delivery]:
    """Publish a message and have a node take it; returns that node's intake, and the message as it has it."""
    publish(transport, publication(one, queue))
    intake = harness.intake(transport, queue)
    (delivery,) = take(intake, 1)
    return intake, delivery


def take_ids(intake: Intake, count: int) -> list[str]:
    """Fetch `count` messages and return the ids of their tasks."""
    return [task_id(delivery) for delivery in take(intake, count)]


def settle(intake: Intake, *outcomes: Outcome) -> list[bool]:
    """Settle and wait until that is durable."""
    return intake.settle(outcomes).get(timeout=PATIENCE)


def acknowledge(intake: Intake, deliveries: Sequence[Delivery]) -> None:
    """Settle deliveries that went well."""
    assert all(settle(intake, *(Outcome(delivery.tag) for delivery in deliveries)))


def success(task_id: str, payload: bytes = b'{"status":"SUCCESS","result":1}') -> Result:
    """Return the stored form of a success."""
    return Result(task_id, "SUCCESS", payload)
