"""What stock Celery would send for a call, without sending it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import celery
import pytest
from kombu import Producer


class Sent(NamedTuple):
    """A message as it would go to the broker."""

    headers: dict[str, Any]
    body: Any
    properties: dict[str, Any]
    exchange: str
    routing_key: str


class CelerySide:
    """A Celery app whose producers note messages instead of sending them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[Sent] = []
        monkeypatch.setattr(Producer, "publish", self._note)
        self.app = celery.Celery("proj", broker="memory://", backend="cache+memory://", set_as_current=False)

    def task(self, function: Callable[..., object], name: str) -> Any:
        """Make a task of that app, and of no other one."""
        return self.app.task(function, name=name, shared=False)

    def messages_of(self, call: Callable[[], object]) -> list[Sent]:
        """Return what `call` sends."""
        self.sent.clear()
        call()
        return list(self.sent)

    def _note(self, body: Any, routing_key: str = "", **options: Any) -> None:
        headers = dict(options["headers"])
        properties = {name: options[name] for name in ("correlation_id", "delivery_mode") if name in options}
        properties["priority"] = options.get("priority") or 0
        self.sent.append(Sent(headers, json.loads(json.dumps(body)), properties, options["exchange"], routing_key))
