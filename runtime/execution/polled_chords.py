"""Chords over result stores that count nothing: `celery.chord_unlock` looks at the header until all of it is there.

This is Celery's protocol, so that either side's workers may run any part of such a chord: whoever sends it also sends
the task that looks, with the header's results; that one sends itself again as long as some are missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..canvas import signature
from ..canvas.unlocking import FIRST_LOOK
from ..exceptions import ChordError
from ..results.group import ResultSet
from ..results.result import AsyncResult
from ..results.tuples import result_from_tuple
from ..states import PROPAGATE_STATES
from .casualties import casualties_of
from .chords import chord_error, start_body

if TYPE_CHECKING:
    from ..app.app import App
    from ..task.task import Task
    from .workshop import Workshop


def unlock(
    shop: Workshop,
    task: Task[..., Any],
    group_id: str,
    body: Any,
    header: Sequence[Any],
    interval: float | None,
    max_retries: int | None,
) -> None:
    """Start the body where all results of the header are there, or fail it where one has failed; else look again later.

    header: the results as nested tuples. Raises `Retry`.
    """
    request = task.request
    called = signature(body, app=shop.app)
    results = [result_from_tuple(one, shop.app) for one in header]
    leaves = [leaf for result in results for leaf in _leaves(result)]
    _read(shop.app, leaves)
    if not all(leaf.settled for leaf in leaves):
        longest = shop.app.conf.result_chord_retry_interval if interval is None else interval
        try:
            task.retry(countdown=min(longest, FIRST_LOOK * 2.0 ** min(request.retries, 30)), max_retries=max_retries)
        except task.MaxRetriesExceededError as error:
            lost = ChordError(f"the header of {group_id} was not done after {request.retries} looks at it")
            lost.__cause__ = error
            request.casualties = casualties_of(shop, called, lost)
        return
    failed = next((leaf for leaf in leaves if leaf.state in PROPAGATE_STATES), None)
    if failed is None:
        start_body(shop, request, group_id, called, [_value(result) for result in results])
    else:
        request.casualties = casualties_of(shop, called, chord_error(failed.id, failed.result))


def _leaves(result: AsyncResult[Any]) -> Iterator[AsyncResult[Any]]:
    if isinstance(result, ResultSet):
        for member in result.results:
            yield from _leaves(member)
    else:
        yield result


def _read(app: App, leaves: Sequence[AsyncResult[Any]]) -> None:
    payloads = app.results.get([leaf.id for leaf in leaves]).get()
    for leaf, payload in zip(leaves, payloads, strict=True):
        if payload is not None:
            leaf.take(payload)


def _value(result: AsyncResult[Any]) -> Any:
    return [_value(member) for member in result.results] if isinstance(result, ResultSet) else result.result
