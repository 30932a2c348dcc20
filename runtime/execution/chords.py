"""The end of a chord in a worker: its body, once all parts are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...transports.errors import MalformedMessage
from ..canvas import signature
from ..canvas.signature import Signature
from ..exceptions import ChordError, Ignore
from ..publishing.gathering import gathering
from ..results.meta import load_exception
from ..states import PROPAGATE_STATES
from ..task.request import Request
from .casualties import casualties_of
from .headers import header_values

if TYPE_CHECKING:
    from .workshop import Workshop


def finish_chord(shop: Workshop, request: Request, group_id: str, body: Any) -> None:
    """Start the body with the results of the header, or fail it where a task of the header failed.

    Its messages, its state and the end of the chord are committed with the outcome of the calling task.
    """
    parts = shop.app.results.chord_parts(group_id).get()
    called = signature(body, app=shop.app)
    request.ended_chord = group_id
    if not parts:
        raise Ignore(f"the chord of group {group_id} has had its body already")
    try:
        parts = list(map(shop.writer.opened, parts))
        failure = next((part for part in parts if part[2] in PROPAGATE_STATES), None)
        if failure is not None:
            request.casualties = casualties_of(shop, called, _chord_error(shop, failure))
            return
        values = header_values(shop, group_id, parts)
    except (MalformedMessage, ValueError, TypeError, AttributeError) as error:  # it was written by others
        request.casualties = casualties_of(shop, called, _uncalled(error))
        return
    start_body(shop, request, group_id, called, values)


def start_body(shop: Workshop, request: Request, group_id: str, called: Signature[Any], values: list[Any]) -> None:
    """Call a chord's body with the values of its header, with the outcome of the calling task."""
    with gathering(f"{group_id}/body/{request.attempt}") as gathered:
        try:
            called.apply_async((values,), parent_id=request.parent_id, root_id=request.root_id, add_to_parent=False)
        except Exception as error:  # noqa: BLE001 - whoever waits for the body has to be told, whatever it is
            request.casualties = casualties_of(shop, called, _uncalled(error))
            return
    request.follow_ups = (*request.follow_ups, *gathered.publications)
    shop.app.publishing.tell_sizes(gathered)


def _chord_error(shop: Workshop, part: tuple[int, str, str, bytes]) -> ChordError:
    _, task_id, _, payload = part
    cause = load_exception(shop.writer.read(payload))
    return chord_error(task_id, cause)


def _uncalled(error: Exception) -> ChordError:
    uncalled = ChordError(f"Callback error: {error!r}")
    uncalled.__cause__ = error
    return uncalled


def chord_error(task_id: str, cause: Any) -> ChordError:
    """Return what a chord's body fails with where a task of the header failed."""
    error = ChordError(f"Dependency {task_id} raised {cause!r}")
    if isinstance(cause, BaseException):
        error.__cause__ = cause
    return error
