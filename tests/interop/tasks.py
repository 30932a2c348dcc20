"""The same tasks for both sides: `LIBRARY` says whose app they belong to."""

from __future__ import annotations

import json
import os
import time
from importlib import import_module
from typing import Any

from kombu import serialization
from pydantic import BaseModel

serialization.register(
    "backwards",
    lambda value: json.dumps(value)[::-1],
    lambda data: json.loads((data if isinstance(data, str) else bytes(data).decode())[::-1]),  # py-amqp gives text
    content_type="application/x-backwards",
    content_encoding="utf-8",
)
OURS = os.environ["LIBRARY"] == "understudy"
Celery: Any = import_module(os.environ["LIBRARY"]).Celery

app = Celery(
    "tasks",
    broker=os.environ["BROKER"],
    backend=os.environ["BACKEND"],
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    result_extended=True,
    task_default_queue=os.environ["QUEUE"],
    broker_transport_options=(
        {"lease": float(os.environ.get("LEASE", "2")), **json.loads(os.environ.get("OPTIONS", "{}"))} if OURS else {}
    ),
    **json.loads(os.environ.get("SETTINGS", "{}")),
)


class Refused(Exception):
    """An error of this module's own."""


@app.task(name="add")
def add(x: Any, y: Any) -> Any:
    return x + y


@app.task(name="same")
def same(value: Any) -> Any:
    return value


@app.task(name="length")
def length(value: str) -> int:
    return len(value)


@app.task(name="silent", ignore_result=True)
def silent(key: str) -> str:
    """Leave a note instead of a result."""
    note(1, key)
    return "unheard"


@app.task(name="nap")
def nap(value: Any, seconds: float) -> Any:
    time.sleep(seconds)
    return value


@app.task(name="total")
def total(values: list[Any]) -> Any:
    return sum(values)


@app.task(name="side")
def side() -> str:
    """Return which side ran this."""
    return os.environ["LIBRARY"]


@app.task(name="fail")
def fail(*arguments: Any) -> None:
    raise ValueError(arguments[-1])


@app.task(name="refuse")
def refuse(message: str) -> None:
    raise Refused(message)


@app.task(name="again", bind=True, max_retries=3)
def again(self: Any, times: int) -> int:
    if self.request.retries < times:
        raise self.retry(countdown=0.1)
    return int(self.request.retries)


@app.task(name="seen", bind=True)
def seen(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return what this side made of the message."""
    request = self.request
    return {
        "args": list(args),
        "kwargs": kwargs,
        "id": request.id,
        "root_id": request.root_id,
        "retries": request.retries,
        "custom": (request.headers or {}).get("custom") or getattr(request, "custom", None),
        "argsrepr": request.argsrepr,
        "kwargsrepr": request.kwargsrepr,
        "timelimit": list(request.timelimit or [None, None]),
    }


@app.task(name="stamps", bind=True, max_retries=1)
def stamps(self: Any, *given: Any, again: bool = False) -> dict[str, Any]:
    """Return the stamps of this call, and what came before it."""
    if again and not self.request.retries:
        raise self.retry(countdown=0.1)
    return {"given": list(given), "stamps": dict(self.request.stamps or {})}


@app.task(name="replaced", bind=True)
def replaced(self: Any) -> Any:
    """Have another task with a stamp of its own do the work."""
    return self.replace(stamps.s().stamp(how="replaced"))


@app.task(name="grow", bind=True)
def grow(self: Any, *numbers: int) -> int:
    """Add a sum to the chord for each number."""
    for number in numbers:
        self.add_to_chord(add.s(number, number))
    return 0


class Box(BaseModel):
    """An argument."""

    width: int
    height: int = 1


class Area(BaseModel):
    """A value."""

    area: int


@app.task(name="area", pydantic=True)
def area(box: Box, factor: int = 1) -> Area:
    return Area(area=box.width * box.height * factor)


@app.task(name="tally")
def tally(values: list[Any], key: str) -> Any:
    """Sum up values, and count how often that was done."""
    import redis

    with redis.Redis.from_url(os.environ["BACKEND"]) as client:
        client.incr(key)
    return sum(values)


@app.task(name="note")
def note(value: Any, key: str) -> None:
    """Keep a value where the test finds it."""
    import redis

    with redis.Redis.from_url(os.environ["BACKEND"]) as client:
        client.set(key, str(value))
