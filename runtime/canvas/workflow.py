"""`Workflow`: a signature that is made of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..shapes import is_map, listed
from .signature import Place, Signature, signature
from .stamping import StampingVisitor, Stamps, collected, own_stamps

if TYPE_CHECKING:
    from ..app.app import App
    from ..results.result import AsyncResult

R_co = TypeVar("R_co", covariant=True)

_PARTS = frozenset({"task", "args", "kwargs", "options", "subtask_type"})


class Workflow(Signature[R_co]):
    """Base of chains, groups and chords: their tasks are published together, in one batch."""

    @property
    def app(self) -> App:
        """The app of the first of its tasks that has one, else the current one."""
        if self._app is None:
            self._app = next((part.known_app for part in self.parts() if part.known_app is not None), None)
        return super().app

    def completed(self, fields: Mapping[str, Any]) -> Self:
        """Take over what else `fields` say, such as the size of the chord whose body it is; returns itself."""
        self.update({name: value for name, value in fields.items() if name not in _PARTS})
        return self

    def parts(self) -> list[Signature[Any]]:
        """Return the signatures that it is made of."""
        raise NotImplementedError

    def copied(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Self:
        """Return a copy of copies of its parts; those that it begins with get the arguments."""
        raise NotImplementedError

    def launch(self, options: dict[str, Any]) -> AsyncResult[R_co]:
        """Give its tasks their ids and publish the first ones; called on a fresh copy, where calls are gathered."""
        raise NotImplementedError

    def stamp_parts(
        self,
        parts: Iterable[Signature[Any]],
        begin: Callable[..., Stamps],
        visitor: StampingVisitor | None,
        append_stamps: bool,
        headers: Mapping[str, Any],
    ) -> Stamps:
        """Stamp its links and some of its parts with what `begin` says of it; returns what they were stamped with."""
        stamps = collected(headers, begin(self, **headers), own_stamps(self.options), append=append_stamps)
        self.stamp_links(visitor, append_stamps, **stamps)
        for part in parts:
            part.stamp(visitor, append_stamps, **stamps)
        return stamps

    def clone(self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any) -> Self:
        """Return a copy, down to its tasks, with further arguments and options."""
        given, named, merged = self.merged(args or (), kwargs or {}, options)
        fresh = self.copied(given, named)
        fresh["options"] = deepcopy(merged)
        fresh["immutable"] = self.immutable
        return fresh

    def merged(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any], dict[str, Any]]:
        """Return what is called; its own `kwargs` are its parts, not arguments."""
        _, _, merged = super().merged((), {}, options)
        return ((), {}, merged) if self.immutable else (args, kwargs, merged)

    def apply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R_co]:
        """Send it; arguments go to the tasks that it begins with, options say how it is called as a whole."""
        if self.app.conf.task_always_eager:
            return self.apply(args, kwargs, **options)
        with self.app.publishing.batch():
            return self._launched(args, kwargs, **options)

    async def aapply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R_co]:
        """Do what `apply_async` does without blocking the event loop."""
        if self.app.conf.task_always_eager:
            return self.apply(args, kwargs, **options)
        async with self.app.publishing.abatch():
            return self._launched(args, kwargs, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Send it, as `delay` does; returns its result."""
        return self.apply_async(args, kwargs)

    def _launched(
        self,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
        add_to_parent: bool = True,
        **options: Any,
    ) -> AsyncResult[R_co]:
        fresh = self.clone(args, kwargs, **options)
        said = dict(fresh.options)
        said.pop("add_to_parent", None)  # Celery's clients write it into signatures
        result = fresh.launch(said)
        if add_to_parent:
            self.app.add_child(result)
        return result


def signatures(tasks: Iterable[Any], app: App | None) -> list[Signature[Any]]:
    """Return signatures for signatures, their dicts, or one iterable of these."""
    given = list(tasks)
    if len(given) == 1 and not is_map(given[0]):
        given = list(given[0])
    return [signature(task, app=app) for task in given]


def split_links(options: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Take `link` and `link_error` out of a workflow's options: they belong to some of its tasks."""
    return listed(options.pop("link", None)), listed(options.pop("link_error", None))


def add_links(task: Signature[Any], links: Iterable[Any], errlinks: Iterable[Any]) -> None:
    """Link callbacks and errbacks to a task of a workflow."""
    for link in links:
        task.link(link)
    for link in errlinks:
        task.link_error(link)


def place_from(options: dict[str, Any]) -> Place:
    """Take what is about its last task out of a workflow's options."""
    return Place(
        task_id=options.pop("task_id", None),
        root_id=options.get("root_id"),
        group_id=options.pop("group_id", None),
        chord=options.pop("chord", None),
        index=options.pop("group_index", None),
    )
