"""Makes the outcome of a task that has ended: what is stored, what is sent, what becomes of the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...transports.message import ChordPart, Outcome, Result, Verdict
from ..exceptions import Reject
from ..states import FAILURE, IGNORED, REJECTED, RETRY, SUCCESS
from ..task.request import Request
from .casualties import Casualties, casualties_after
from .ended import Ended
from .follow_ups import call_errbacks, call_next, calls_errbacks_here
from .parts import part_of

if TYPE_CHECKING:
    from .workshop import Workshop


def conclude(shop: Workshop, tag: int, request: Request, ended: Ended, *, store_errors: bool = False) -> Outcome:
    """Return the outcome of a task that has run; raises `EncodeError` where its value cannot be stored or passed on.

    Has to be called while `request` is the current one: what it calls are its children.
    """
    if ended.state == SUCCESS:
        return _succeeded(shop, tag, request, ended)
    if ended.state == RETRY:
        state = _stored(shop, request, ended, keep=not request.ignore_result)
        return Outcome(tag, result=state, follow_ups=request.follow_ups)
    if ended.state == IGNORED:
        return Outcome(tag, follow_ups=request.follow_ups, ended_chord=request.ended_chord)
    if ended.state == REJECTED:
        return _rejected(shop, tag, request, ended)
    return fallen(shop, tag, request, ended, store_errors=store_errors)


def fallen(
    shop: Workshop,
    tag: int,
    request: Request,
    ended: Ended,
    *,
    store_errors: bool = False,
    dead: str | None = None,
    errbacks_here: bool = True,
) -> Outcome:
    """Return the outcome of a task that failed or was revoked.

    dead: why the message goes to the dead letter queue; None acknowledges it.
    """
    lost = casualties_after(shop, request, ended, ended.state)
    follow_ups = [*request.follow_ups, *lost.publications]
    result = _stored(shop, request, ended, keep=store_errors or not request.ignore_result)
    if request.errbacks and ended.state == FAILURE:
        if result is not None and errbacks_here and not request.is_eager and calls_errbacks_here(shop, request):
            shop.app.results.store([result]).get()
        follow_ups += call_errbacks(shop, request, ended, here=errbacks_here).publications
    own = part_of(shop, request, ended.state, ended.error)
    return Outcome(
        tag,
        Verdict.ACK if dead is None else Verdict.DEAD,
        result,
        tuple(follow_ups),
        _only_part(shop, [own, *lost.parts] if own is not None else lost.parts),
        reason=dead or "",
        more_results=_wanted(shop, lost.results),
    )


def _succeeded(shop: Workshop, tag: int, request: Request, ended: Ended) -> Outcome:
    follow_ups = request.follow_ups
    if request.callbacks or request.chain:
        gathered = call_next(shop, request, ended.value)
        shop.app.publishing.tell_sizes(gathered)
        follow_ups = (*follow_ups, *gathered.publications)
    result = _stored(shop, request, ended, keep=not request.ignore_result)
    if request.casualties is not None:
        return _with_casualties(shop, Outcome(tag, result=result, follow_ups=follow_ups), request, request.casualties)
    part = part_of(shop, request, SUCCESS, ended.value)
    return Outcome(tag, Verdict.ACK, result, follow_ups, part, ended_chord=request.ended_chord)


def _with_casualties(shop: Workshop, outcome: Outcome, request: Request, lost: Casualties) -> Outcome:
    """Return the outcome of a task that found a chord's header failed."""
    return Outcome(
        outcome.tag,
        outcome.verdict,
        outcome.result,
        (*outcome.follow_ups, *lost.publications),
        _only_part(shop, lost.parts),
        more_results=_wanted(shop, lost.results),
        ended_chord=request.ended_chord,
    )


def _rejected(shop: Workshop, tag: int, request: Request, ended: Ended) -> Outcome:
    """Return what a task wants that rejects its message: it waits again, or is a dead letter and a failure."""
    error = ended.error
    if isinstance(error, Reject) and error.requeue:
        return Outcome(tag, Verdict.REQUEUE)
    reason = error.reason if isinstance(error, Reject) else error
    failed = Ended(FAILURE, None, error, ended.info)
    return fallen(shop, tag, request, failed, store_errors=True, dead=f"rejected by the task: {reason}")


def _stored(shop: Workshop, request: Request, ended: Ended, *, keep: bool) -> Result | None:
    if not (keep and request.id and shop.keeps_results):
        return None
    return shop.writer.result(request, ended.state, ended.outcome, ended.traceback)


def _wanted(shop: Workshop, results: list[Result]) -> tuple[Result, ...]:
    return tuple(results) if results and shop.keeps_results else ()


def _only_part(shop: Workshop, parts: list[ChordPart]) -> ChordPart | None:
    """Return the one part that an outcome has room for; others are recorded now, and count once if they come again."""
    for part in parts[1:]:
        shop.app.results.chord_part(part).get()
    return parts[0] if parts else None
