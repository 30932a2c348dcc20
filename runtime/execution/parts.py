"""The parts that finished tasks leave for the body of their chord."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...transports.message import ChordPart
from ..publishing.gathering import gathering
from ..task.request import Request

if TYPE_CHECKING:
    from .workshop import Workshop


def part_of(shop: Workshop, request: Request, state: str, value: Any) -> ChordPart | None:
    """Return the part that a finished task leaves for its chord's body.

    None where it is in no chord, or where nothing counts parts: then `celery.chord_unlock` finds its result.
    """
    if not request.chord or not request.group or not shop.counts_chords:
        return None
    return make_part(shop, request.group, request.group_index or 0, request.id, request.chord, state, value)


def make_part(
    shop: Workshop, group_id: str, index: int, task_id: str, body: Mapping[str, Any], state: str, value: Any
) -> ChordPart:
    """Return a part with the message that starts the body once all parts are in."""
    with gathering(f"{group_id}/body") as gathered:
        options: Mapping[str, Any] = body.get("options") or {}
        unlock = shop.tasks["celery.chord_unlock"]
        unlock.apply_async((group_id, body), queue=options.get("queue"), add_to_parent=False)
    payload = shop.writer.part(state, value)
    trigger = gathered.publications[0]
    entry = shop.writer.entry(task_id, state, value)
    return ChordPart(group_id, index, task_id, state, payload, trigger, body.get("chord_size"), entry)
