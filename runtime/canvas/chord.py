"""`chord`: a group, and a task that is called with the list of its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from ...transports.chords import Chords, chords_of
from ...transports.errors import UnsupportedByTransport
from ..publishing.gathering import current_gathering
from ..results.eager import EagerResult
from ..shapes import is_map
from .group import Group
from .signature import Place, Signature, signature
from .stamping import SILENT, StampingVisitor, collected
from .unlocking import send_unlock
from .workflow import Workflow, add_links, place_from, split_links

if TYPE_CHECKING:
    from ..app.app import App
    from ..results.result import AsyncResult

R_co = TypeVar("R_co", covariant=True)

_OF_THE_HEADER = frozenset({"countdown", "eta", "chain", "root_id", "parent_id"})


class Chord(Workflow[R_co]):
    """A header of tasks side by side, and a body that is called with their results, in the header's order.

    The body is called once, when the last task of the header is done; where one of them failed, it fails with
    `ChordError`. `link` and `link_error` are the body's. Arguments of the call go to the header's tasks.
    """

    subtask: str | None = "chord"

    def __init__(
        self: Chord[Any],
        header: Any,
        body: Signature[Any] | Mapping[str, Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        app: App | None = None,
        **options: Any,
    ) -> None:
        parts: dict[str, Any] = {
            "header": header if isinstance(header, Group) else Group(_members(header), app=app),
            "body": signature(body, app=app) if body is not None else None,
        }
        super().__init__("celery.chord", kwargs={"kwargs": dict(kwargs or {}), **parts}, options=options, app=app)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], app: App | None = None) -> Self:
        """Return the chord that `fields` describe."""
        parts = fields["kwargs"]
        made = cls(parts["header"], parts["body"], parts.get("kwargs"), app, **(fields.get("options") or {}))
        return made.completed(fields)

    def __call__(self, body: Signature[Any] | None = None, **options: Any) -> Any:
        """Send it, with `body` if it has none: `chord(header)(body)`."""
        return (self.with_body(body) if body is not None else self).apply_async(**options)

    def __repr__(self) -> str:
        return f"chord({self.header.tasks!r}, {self.body!r})"

    @property
    def header(self) -> Group:
        """The group."""
        return self.kwargs["header"]

    tasks = header

    @property
    def body(self) -> Signature[Any]:
        """What is called with the results."""
        return self.kwargs["body"]

    @body.setter
    def body(self, value: Signature[Any]) -> None:
        self.kwargs["body"] = value

    def parts(self) -> list[Signature[Any]]:
        """Return the header's tasks and the body."""
        return [*self.header.tasks, *([self.body] if self.has_body else [])]

    @property
    def has_body(self) -> bool:
        """Whether it has a body yet: `chord(header)` gets one when it is called."""
        return self.kwargs["body"] is not None

    def with_body(self, body: Signature[Any]) -> Self:
        """Return a copy with another body."""
        return type(self)(self.header.clone(), body, self.kwargs["kwargs"], self._app, **self.options)

    def copied(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Self:
        """Return a copy; the tasks of its header get the arguments."""
        named = {**self.kwargs["kwargs"], **kwargs}
        body = self.body.clone() if self.has_body else None
        return type(self)(self.header.clone(args, named), body, app=self._app)

    def link(self, callback: Signature[Any]) -> Signature[Any]:
        """Call `callback` with the result of the body."""
        return self.body.link(callback)

    def link_error(self, errback: Signature[Any]) -> Signature[Any]:
        """Call `errback` when the body fails, as it does when the header has."""
        if self.app.conf.task_allow_error_cb_on_chord_header:
            self.header.link_error(errback)
        return self.body.link_error(errback)

    def stamp(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **headers: Any) -> Self:
        """Stamp the tasks of its header, its body and their callbacks; see `Signature.stamp`."""
        visiting = visitor or SILENT
        stamps = self.stamp_parts(self.header.tasks, visiting.on_chord_header_start, visitor, append_stamps, headers)
        visiting.on_chord_header_end(self, **stamps)
        if self.has_body:
            said = visiting.on_chord_body(self, **stamps)
            self.body.stamp(visitor, append_stamps, **collected(stamps, said, append=append_stamps))
        return self

    def settle(self, place: Place) -> AsyncResult[R_co]:
        """Give header and body their ids; the result is the body's, with the header's as its parent."""
        self.header.kwargs["tasks"] = [task.joined() for task in self.header.tasks]
        header = self.header.settle(Place(root_id=place.root_id))
        result = self.body.settle(place)
        result.oldest.parent = header
        self._header_results = header.results
        self.options["task_id"] = header.id
        return result

    def joined(self) -> Signature[Any]:
        """Return the chord with its body joined."""
        body = self.body.joined()
        return self if body is self.body else self.with_body(body)

    def launch(self, options: dict[str, Any]) -> AsyncResult[R_co]:
        """Publish the header's tasks, with the body in their messages; an empty header's body at once."""
        links, errlinks = split_links(options)
        add_links(self.body, links, ())
        for errlink in errlinks:
            self.link_error(signature(errlink, app=self.app))
        place = place_from(options)
        self.body.set(**{name: value for name, value in options.items() if name not in _OF_THE_HEADER})
        result = self.settle(place)
        if not self.header.tasks:
            return self.body.apply_async(([],), add_to_parent=False)
        group_id, size = self.header.options["task_id"], len(self.header.tasks)
        self.body["chord_size"] = size
        gathered = current_gathering()
        if self._is_polled():
            send_unlock(self.app, group_id, self.body, self._header_results)
        elif gathered is not None:
            gathered.chord_sizes.append((group_id, size))
        self.header.settle_members(Place(None, place.root_id, None, group_id, self.body))
        for task in self.header.tasks:
            task.apply_async(add_to_parent=False, **options)
        return result

    def _is_polled(self) -> bool:
        """Tell whether somebody has to look for the end of the header; raises where nobody could."""
        store = self.app.results
        if chords_of(store) is Chords.NONE:
            raise UnsupportedByTransport(
                "there are no chords, and no chains in which a task follows a group, where results go to the caller "
                "alone (rpc://): say result_backend='redis://...' or 'db+...', say"
            )
        return chords_of(store) is Chords.POLLED

    def apply(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> EagerResult[R_co]:
        """Run header and body here and now."""
        fresh = self.clone(args, kwargs)
        header = fresh.header.apply()
        result = fresh.body.apply((header.get(disable_sync_subtasks=False),), **options)
        result.parent = header
        return cast("EagerResult[R_co]", result)


def _members(header: Any) -> list[Any]:
    if is_map(header):
        one = signature(header)
        return one.tasks if isinstance(one, Group) else [one]
    return list(header)
