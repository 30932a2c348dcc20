"""`Task.replace`: another signature takes a call's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..canvas import Chain, signature
from ..canvas.signature import Place, Signature
from ..canvas.workflow import Workflow
from ..exceptions import Ignore, ImproperlyConfigured
from ..publishing.gathering import gathering

if TYPE_CHECKING:
    from .request import Request
    from .task import Task


def replace(task: Task[..., Any], sig: Signature[Any]) -> Any:
    """Do what `Task.replace` says: raises `Ignore`, or returns the value of an eager call."""
    request = task.request
    if "chord" in sig.options:
        raise ImproperlyConfigured("a signature that replaces a task must not be part of a chord already")
    if isinstance(sig, Chain) and not sig.tasks:
        raise ImproperlyConfigured("Cannot replace with an empty chain: a task has to run in the place of this one")
    successor = _successor(task, request, sig.clone())
    if request.is_eager:
        return successor.apply().get()
    with gathering(f"{request.attempt}/replaced") as gathered:
        task.on_replace(successor)
    request.follow_ups = (*request.follow_ups, *gathered.publications)
    raise Ignore(f"replaced by {sig!r}")


def _successor(task: Task[..., Any], request: Request, sig: Signature[Any]) -> Signature[Any]:
    """Return `sig` in the request's place, followed by the rest of its chain."""
    app = task.app
    sig = sig.joined()  # one task has to have the request's id, and to call what follows
    for callback in request.callbacks or []:
        sig.link(signature(callback, app=app))
    for errback in request.errbacks or []:
        sig.link_error(signature(errback, app=app))
    sig.settle(Place(task_id=request.id))
    _mark(sig, request.replaced_task_nesting + 1)
    for following in reversed(request.chain or []):
        sig = sig | signature(following, app=app)
    place: dict[str, Any] = {
        "chord": request.chord,
        "group_id": request.group,
        "group_index": request.group_index,
        "root_id": request.root_id,
        "parent_id": request.parent_id,
    }
    return sig.set(**{name: value for name, value in place.items() if value is not None})


def _mark(sig: Signature[Any], nesting: int) -> None:
    """Note on each task how deep the replacement is: one of them has an id that has been called before."""
    if isinstance(sig, Workflow):
        for part in sig.parts():
            _mark(part, nesting)
    else:
        sig.set(replaced_task_nesting=nesting)
