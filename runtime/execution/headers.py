"""The values of a chord's header, in the shape that the body expects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..shapes import is_list

if TYPE_CHECKING:
    from .workshop import Workshop


def header_values(shop: Workshop, group_id: str, parts: list[tuple[int, str, str, bytes]]) -> list[Any]:
    """Return the values of finished parts in their order; those of a group within the header are a list of its own.

    Our chords have no groups in their headers. Celery's clients save the members of a header that has.
    """
    values = {task_id: shop.writer.read(payload) for _, task_id, _, payload in parts}
    saved = shop.app.results.restore_group(group_id).get()
    if saved is not None:
        shaped = [_shaped(member, values) for member in _members(shop, saved)]
        if shaped and not any(one is _Missing for one in shaped):
            return shaped
    return [values[task_id] for _, task_id, _, _ in parts]


class _Missing:
    """The place of a value that is not among the parts."""


def _members(shop: Workshop, saved: bytes) -> list[Any]:
    described = shop.writer.read(saved).get("result")
    return described[1] if is_list(described) and len(described) == 2 and is_list(described[1]) else []


def _shaped(member: Any, values: dict[str, Any]) -> Any:
    (task_id, _), inner = member
    if inner is None:
        return values.get(task_id, _Missing)
    shaped = [_shaped(one, values) for one in inner]
    return _Missing if any(one is _Missing for one in shaped) else shaped
