"""The message that has somebody look for the end of a chord's header, where the result store counts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..results.result import AsyncResult
from .signature import Signature

if TYPE_CHECKING:
    from ..app.app import App

FIRST_LOOK = 0.1
"""Seconds after which it is looked for the first time; the pause doubles up to `result_chord_retry_interval`."""

_DESTINATION = ("queue", "exchange", "routing_key", "priority")


def send_unlock(app: App, group_id: str, body: Signature[Any], header: Sequence[AsyncResult[Any]]) -> None:
    """Send the task that looks for the end of a header, to where the body will go."""
    plan = app.publishing.plan(body.task, app.tasks.get(body.task))
    said = {name: body.options[name] for name in _DESTINATION if body.options.get(name) is not None}
    routed = plan.options((), {}, said)
    app.tasks["celery.chord_unlock"].apply_async(
        (group_id, body),
        {"result": [result.as_tuple() for result in header]},
        countdown=min(FIRST_LOOK, app.conf.result_chord_retry_interval),
        add_to_parent=False,
        **{name: routed[name] for name in _DESTINATION if routed.get(name) is not None},
    )
