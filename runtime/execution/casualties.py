"""`Casualties`: what can never run any more once something has failed, so that nobody waits for it in vain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...transports.message import ChordPart, Publication, Result
from ..canvas import Chain, Chord, Group, signature
from ..canvas.signature import Signature
from ..canvas.workflow import Workflow, add_links
from ..publishing.stamps import stamps_of
from ..shapes import is_map, listed
from ..states import FAILURE
from ..task.request import NO_EMBED, Request
from .ended import Ended, ExceptionInfo
from .follow_ups import call_errbacks
from .parts import part_of

if TYPE_CHECKING:
    from .workshop import Workshop


@dataclass(slots=True)
class Casualties:
    """States to store, parts for the chords that wait for them, and messages that call errbacks."""

    results: list[Result] = field(default_factory=list[Result])
    parts: list[ChordPart] = field(default_factory=list[ChordPart])
    publications: list[Publication] = field(default_factory=list[Publication])


def casualties_of(shop: Workshop, called: Signature[Any], error: BaseException) -> Casualties:
    """Return what follows when `called`, which has its ids already, cannot be called because of `error`.

    The tasks of a group fail with what it was that failed, as Celery has it.
    """
    if isinstance(called, Group) and error.__cause__ is not None:
        error = error.__cause__
    lost = Casualties()
    _fail(shop, called, Ended(FAILURE, None, error, ExceptionInfo(error)), lost, errbacks=True)
    return lost


def casualties_after(shop: Workshop, request: Request, ended: Ended, state: str = FAILURE) -> Casualties:
    """Return what follows for the rest of the chain of a task that failed."""
    lost = Casualties()
    for following in reversed(request.chain or ()):
        _fail(
            shop, signature(following, app=shop.app), Ended(state, None, ended.error, ended.info), lost, errbacks=False
        )
    return lost


def _fail(shop: Workshop, called: Signature[Any], ended: Ended, lost: Casualties, *, errbacks: bool) -> None:
    if errbacks and isinstance(called, Workflow):
        _pass_on_errbacks(called)
    if isinstance(called, Chain):
        # One failure, one call: a chain's errback is linked to each of its tasks.
        for position, step in enumerate(called.tasks):
            _fail(shop, step, ended, lost, errbacks=errbacks and position == 0)
    elif isinstance(called, Group):
        _fail_each(shop, called.tasks, ended, lost, errbacks=errbacks)
    elif isinstance(called, Chord):
        _fail_each(shop, called.header.tasks, ended, lost, errbacks=False)
        _fail(shop, called.body, ended, lost, errbacks=errbacks)
    elif called.id is not None:
        _fail_task(shop, called, ended, lost, errbacks=errbacks)
    for following in reversed(called.options.get("chain") or ()):  # as Celery's clients write a chain that is a body
        _fail(shop, signature(following, app=shop.app), ended, lost, errbacks=False)


def _pass_on_errbacks(called: Workflow[Any]) -> None:
    """Give the errbacks of a workflow to those of its tasks that call them."""
    errbacks = listed(called.options.get("link_error"))
    heirs: list[Signature[Any]] = []
    if isinstance(called, Chord):
        heirs = [called.body]
    elif isinstance(called, Chain):
        heirs = called.tasks[:1]
    elif isinstance(called, Group):
        heirs = called.tasks
    for heir in heirs:
        add_links(heir, (), errbacks)


def _fail_each(
    shop: Workshop, tasks: Iterable[Signature[Any]], ended: Ended, lost: Casualties, *, errbacks: bool
) -> None:
    for task in tasks:
        _fail(shop, task, ended, lost, errbacks=errbacks)


def _fail_task(shop: Workshop, called: Signature[Any], ended: Ended, lost: Casualties, *, errbacks: bool) -> None:
    request = _imagined(called)
    lost.results.append(shop.writer.result(request, ended.state, ended.error, ended.traceback))
    part = part_of(shop, request, ended.state, ended.error)
    if part is not None:
        lost.parts.append(part)
    if errbacks and request.errbacks:
        lost.publications.extend(call_errbacks(shop, request, ended).publications)


def _own_errbacks(options: Mapping[str, Any]) -> list[Any]:
    """Return the errbacks of a task that are not those of the chord that fails with it as well.

    One failure, one call: Celery's clients link a chord's errback to the bodies of the chords in its header, too.
    """
    outer = options.get("chord")
    said = outer.get("options") if is_map(outer) else None
    theirs = listed(said.get("link_error")) if is_map(said) else []
    return [errback for errback in listed(options.get("link_error")) if errback not in theirs]


def _imagined(called: Signature[Any]) -> Request:
    """Return the request that there would have been."""
    options: Mapping[str, Any] = called.options
    headers = {
        "id": called.id,
        "task": called.task,
        "root_id": options.get("root_id"),
        "parent_id": options.get("parent_id"),
        "group": options.get("group_id"),
        "group_index": options.get("group_index"),
        "stamped_headers": options.get("stamped_headers"),
        "stamps": stamps_of(options),
    }
    embed: dict[str, Any] = {
        **NO_EMBED,
        "errbacks": _own_errbacks(options),
        "chord": options.get("chord"),
    }
    request = Request(None, headers, called.args, called.kwargs, embed)
    request.properties = {"reply_to": options.get("reply_to")}
    return request
