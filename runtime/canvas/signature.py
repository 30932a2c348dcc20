"""`Signature`: a call that can be kept, passed on and combined with others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from ..publishing.gathering import next_id
from ..publishing.saferepr import saferepr
from ..publishing.stamps import STAMPED
from ..shapes import listed
from .stamping import SILENT, StampingVisitor, collected, kept, own_stamps, put_on

if TYPE_CHECKING:
    from ..app.app import App
    from ..results.result import AsyncResult
    from ..task.task import Task

R_co = TypeVar("R_co", covariant=True)

_DEFAULTS: Mapping[str, Any] = {"args": (), "kwargs": {}, "subtask_type": None, "immutable": False}
_KEPT = frozenset({"group_id"})
"""Options that stay what they were first said to be."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signature stands in a workflow.

    group_id, index, chord: the group that it is in, its number there, and the body that waits for its result. task_id:
    the id of its last task, if it is known already.
    """

    task_id: str | None = None
    root_id: str | None = None
    parent_id: str | None = None
    group_id: str | None = None
    chord: Mapping[str, Any] | None = None
    index: int | None = None


class Signature(dict[str, Any], Generic[R_co]):
    """A task's name with arguments and options; the same dict as Celery's, so it can be sent in any message.

    task: a task, its name, or a signature as a dict. immutable: it takes no further arguments when it is called.
    Calling `apply_async` with arguments puts them before its own (partial application).
    """

    subtask: str | None = None

    def __init__(
        self,
        task: Task[..., Any] | str | Mapping[str, Any],
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        immutable: bool = False,
        app: App | None = None,
        **more: Any,
    ) -> None:
        self._app = app
        if isinstance(task, Mapping):
            super().__init__({**_DEFAULTS, **task, "options": dict(task.get("options") or {})})
            return
        name = task if isinstance(task, str) else task.name
        if app is None and not isinstance(task, str):
            self._app = task.app
        super().__init__(
            task=name,
            args=tuple(args or ()),
            kwargs=dict(kwargs or {}),
            options={**(options or {}), **more},
            subtask_type=self.subtask,
            immutable=immutable,
        )

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], app: App | None = None) -> Self:
        """Return the signature that `fields` describe."""
        return cls(fields, app=app)

    def __repr__(self) -> str:
        shown = [saferepr(item) for item in self.args] + [
            f"{key}={saferepr(item)}" for key, item in self.kwargs.items()
        ]
        return f"{self.task}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return signature, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return cast("Self", signature(deepcopy(dict(self), memo), app=self._app))

    def __call__(self, *args: Any, **kwargs: Any) -> R_co:
        """Call the task here and now, like a function."""
        given, named, _ = self.merged(args, kwargs, {})
        return self.type(*given, **named)

    def __or__(self, other: Any) -> Signature[Any]:
        """Return the chain of this and `other`."""
        from .chain import chained

        return chained(self, cast("Signature[Any]", other)) if isinstance(other, Signature) else NotImplemented

    @property
    def task(self) -> str:
        """The task's name."""
        return self["task"]

    name = task

    @property
    def args(self) -> Sequence[Any]:
        """Positional arguments."""
        return self["args"]

    @args.setter
    def args(self, value: Sequence[Any]) -> None:
        self["args"] = value

    @property
    def kwargs(self) -> dict[str, Any]:
        """Keyword arguments."""
        return self["kwargs"]

    @kwargs.setter
    def kwargs(self, value: dict[str, Any]) -> None:
        self["kwargs"] = value

    @property
    def options(self) -> dict[str, Any]:
        """Options of the call; see `CallOptions`."""
        return self["options"]

    @options.setter
    def options(self, value: dict[str, Any]) -> None:
        self["options"] = value

    @property
    def subtask_type(self) -> str | None:
        """`chain`, `group`, `chord`, ..., or None for a task."""
        return self["subtask_type"]

    @property
    def immutable(self) -> bool:
        """It takes no further arguments."""
        return self["immutable"]

    @property
    def id(self) -> str | None:
        """The id that it will be called with, once it is frozen."""
        return self.options.get("task_id")

    @property
    def known_app(self) -> App | None:
        """The app that it was made by, if it was made by one."""
        return self._app

    @property
    def app(self) -> App:
        """The app that calls it: the one it was made by, else the current one."""
        if self._app is None:
            from ..app.current import find_current_app

            self._app = find_current_app()
        return self._app

    @property
    def type(self) -> Task[..., Any]:
        """The task; raises `NotRegistered` where this program does not have it."""
        return self.app.tasks[self.task]

    def delay(self, *args: Any, **kwargs: Any) -> AsyncResult[R_co]:
        """Send it, with further arguments."""
        return self.apply_async(args, kwargs)

    async def adelay(self, *args: Any, **kwargs: Any) -> AsyncResult[R_co]:
        """Do what `delay` does without blocking the event loop."""
        return await self.aapply_async(args, kwargs)

    def apply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R_co]:
        """Send it; arguments and options are laid over its own."""
        args, kwargs, options = self.merged(args or (), kwargs or {}, options)
        return self.app.call(self.task, args, kwargs, options)

    async def aapply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R_co]:
        """Do what `apply_async` does without blocking the event loop."""
        args, kwargs, options = self.merged(args or (), kwargs or {}, options)
        return await self.app.acall(self.task, args, kwargs, options)

    def apply(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R_co]:
        """Run it here and now, as a worker would."""
        args, kwargs, options = self.merged(args or (), kwargs or {}, options)
        return self.type.apply(args, kwargs, **options)

    def clone(self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any) -> Self:
        """Return a copy, with further arguments and options."""
        args, kwargs, merged = self.merged(args or (), kwargs or {}, options)
        fields = {**self, "args": tuple(args), "kwargs": dict(kwargs), "options": deepcopy(merged)}
        return cast("Self", signature(fields, app=self._app))

    partial = clone

    def replace(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return a copy with other arguments or options in place of its own."""
        copied = self.clone()
        given = {"args": args, "kwargs": kwargs, "options": options}
        copied.update({name: value for name, value in given.items() if value is not None})
        return copied

    def set(self, immutable: bool | None = None, **options: Any) -> Self:
        """Set options; returns itself."""
        if immutable is not None:
            self.set_immutable(immutable)
        self.options.update(options)
        return self

    def set_immutable(self, immutable: bool) -> None:
        """Say whether it takes further arguments."""
        self["immutable"] = immutable

    def link(self, callback: Signature[Any]) -> Signature[Any]:
        """Call `callback` with its result; returns the callback."""
        self._add("link", callback)
        return callback

    def link_error(self, errback: Signature[Any]) -> Signature[Any]:
        """Call `errback` when it fails; returns the errback."""
        self._add("link_error", errback)
        return errback

    def on_error(self, errback: Signature[Any]) -> Self:
        """Call `errback` when it fails; returns itself."""
        self.link_error(errback)
        return self

    def stamp(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **headers: Any) -> Self:
        """Stamp it, its parts and their callbacks with `headers`, and with what a visitor says; returns itself.

        Stamps travel with the call, stay through retries, and are stored with its result (`result_extended`).
        append_stamps: a stamp that is there already becomes a list of both; otherwise the new one replaces it.
        """
        visiting = visitor or SILENT
        self.stamp_links(visitor, append_stamps, **headers)
        said = visiting.on_signature(self, **headers)
        put_on(self.options, collected(headers, said, own_stamps(self.options), append=append_stamps))
        return self

    def stamp_links(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **headers: Any) -> None:
        """Stamp its callbacks and errbacks alone."""
        visiting = visitor or SILENT
        for option, visit in (("link", visiting.on_callback), ("link_error", visiting.on_errback)):
            links = [signature(link, app=self._app) for link in listed(self.options.get(option))]
            for link in links:
                stamps = collected(headers, visit(link, **headers), append=append_stamps)
                link.stamp(visitor, append_stamps, **stamps)
            if links:
                self.options[option] = links

    def freeze(
        self,
        _id: str | None = None,
        group_id: str | None = None,
        chord: Mapping[str, Any] | None = None,
        root_id: str | None = None,
        parent_id: str | None = None,
        group_index: int | None = None,
    ) -> AsyncResult[R_co]:
        """Give it the id that it will be called with, and return the result that there will be."""
        return self.settle(Place(_id, root_id, parent_id, group_id, chord, group_index))

    def settle(self, place: Place) -> AsyncResult[R_co]:
        """Do what `freeze` does for a place in a workflow."""
        options = self.options
        options.setdefault("task_id", place.task_id or next_id())
        options.setdefault("reply_to", self.app.publishing.origin.reply_to)
        if place.group_id:
            options.setdefault("group_id", place.group_id)
        if place.index is not None:
            options["group_index"] = place.index
        for name in ("root_id", "parent_id", "chord"):
            if getattr(place, name):
                options[name] = getattr(place, name)
        return self.app.AsyncResult(options["task_id"])

    def merged(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any], dict[str, Any]]:
        """Return arguments and options of a call with these further ones."""
        own = self.options
        stays = _KEPT if STAMPED not in own else _KEPT.union(own[STAMPED] or ())
        merged = {**own, **{name: value for name, value in options.items() if name not in stays or name not in own}}
        if STAMPED in own:
            merged.update(kept(own, options))
        if self.immutable:
            return self.args, self.kwargs, merged
        return (*args, *self.args), {**self.kwargs, **kwargs}, merged

    def joined(self) -> Signature[Any]:
        """Return what ends with one task whose value is all of its result: a chord can wait for that."""
        return self

    def flatten_links(self) -> list[Signature[Any]]:
        """Return itself and every callback, those of callbacks too."""
        links = (signature(link, app=self._app) for link in listed(self.options.get("link")))
        return [self, *(inner for link in links for inner in link.flatten_links())]

    def _add(self, option: str, value: Mapping[str, Any]) -> None:
        known = listed(self.options.get(option))
        if value not in known:
            known.append(value)
        self.options[option] = known


def signature(
    task: Task[..., Any] | str | Mapping[str, Any],
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    app: App | None = None,
    **more: Any,
) -> Signature[Any]:
    """Return the signature of a task by name, or the one that a dict (from JSON, say) describes.

    A signature comes back as it is.
    """
    if isinstance(task, Signature):
        known = cast("Signature[Any]", task)
        return known.clone(args, kwargs, **(options or {}), **more) if args or kwargs or options or more else known
    if isinstance(task, Mapping):
        from . import kind_of

        return kind_of(task.get("subtask_type")).from_dict(task, app)
    return Signature(task, args, kwargs, options, app=app, **more)
