"""`map`, `starmap` and `chunks`: one task called for each of many items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, TypeVar

from .group import Group
from .signature import Signature, signature

if TYPE_CHECKING:
    from ..app.app import App
    from ..results.group import GroupResult

T = TypeVar("T")


class Sequential(Signature[Any]):
    """Base of those that call a task for each item in turn, all within one message."""

    builtin = ""

    def __init__(self, task: Signature[Any], it: Iterable[Any], app: App | None = None, **more: Any) -> None:
        kwargs = {"task": task, "it": list(it), **more}
        super().__init__(self.builtin, kwargs=kwargs, app=app or task.known_app)
        self["immutable"] = True

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], app: App | None = None) -> Self:
        """Return the one that `fields` describe."""
        parts = dict(fields["kwargs"])
        made = cls(signature(parts.pop("task"), app=app), parts.pop("it"), app, **parts)
        made.options.update(fields.get("options") or {})
        return made

    @property
    def items_of(self) -> list[Any]:
        """The items."""
        return self.kwargs["it"]


class Map(Sequential):
    """Calls `task(item)` for each item; its result is the list of values."""

    subtask: str | None = "xmap"
    builtin = "celery.map"

    def __repr__(self) -> str:
        return f"[{self.kwargs['task'].task}(x) for x in {self.items_of!r}]"


class StarMap(Sequential):
    """Calls `task(*item)` for each item; its result is the list of values."""

    subtask: str | None = "xstarmap"
    builtin = "celery.starmap"

    def __repr__(self) -> str:
        return f"[{self.kwargs['task'].task}(*x) for x in {self.items_of!r}]"


class Chunks(Sequential):
    """Splits the items into messages of `n`; its result is a group's, one list for each message."""

    subtask: str | None = "chunks"
    builtin = "celery.chunks"

    def __init__(self, task: Signature[Any], it: Iterable[Any], app: App | None = None, n: int = 1) -> None:
        super().__init__(task, it, app, n=n)

    def __call__(self, **options: Any) -> Any:
        """Send it, as `apply_async` does; returns its result."""
        return self.apply_async(**options)

    def group(self) -> Group:
        """Return the group of its messages."""
        task, parts = self.kwargs["task"], _chunked(self.items_of, self.kwargs["n"])
        return Group([StarMap(task, part, self._app) for part in parts], app=self._app, **self.options)

    def apply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> GroupResult:
        """Send it."""
        return self.group().apply_async(args, kwargs, **options)

    async def aapply_async(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> GroupResult:
        """Do what `apply_async` does without blocking the event loop."""
        return await self.group().aapply_async(args, kwargs, **options)

    def apply(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> GroupResult:
        """Run it here and now."""
        return self.group().apply(args, kwargs, **options)


def _chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
