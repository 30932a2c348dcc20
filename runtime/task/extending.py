"""`Task.add_to_chord`: a header that grows while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..canvas.signature import Place, Signature
from ..ids import derived_index
from ..publishing.gathering import gathering

if TYPE_CHECKING:
    from ..results.result import AsyncResult
    from .task import Task


def add_to_chord(task: Task[..., Any], sig: Signature[Any], *, lazy: bool) -> AsyncResult[Any] | Signature[Any]:
    """Do what `Task.add_to_chord` says.

    The store learns of it at once, as the caller may send the signature itself. A run of the task that is repeated adds
    the same ids again, which count once.
    """
    request = task.request
    if not (request.chord and request.group):
        raise ValueError(f"task {task.name}[{request.id}] is in no chord's header: there is nothing to add to")
    request.added += 1
    with gathering(f"{request.attempt}/added/{request.added}") as gathered:
        added = sig.joined().clone()
        result = added.settle(Place())
        index = derived_index(result.id)
        added.set(chord=request.chord, group_id=request.group, group_index=index, root_id=request.root_id)
        task.app.results.extend_chord(request.group, index, result.id).get()
        if lazy:
            return added
        result = added.apply_async()
    task.app.publishing.tell_sizes(gathered)
    request.follow_ups = (*request.follow_ups, *gathered.publications)
    return result
