"""`group`: tasks that run side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from ..publishing.gathering import next_id
from ..results.group import GroupResult
from .signature import Place, Signature, signature
from .stamping import SILENT, StampingVisitor
from .workflow import Workflow, add_links, signatures, split_links

if TYPE_CHECKING:
    from ..app.app import App


class Group(Workflow[list[Any]]):
    """Tasks of which none waits for another; its result is a `GroupResult`.

    Groups within a group count as their tasks. Options of the group are those of each task. What follows a group
    (`group | task`) is a chord's body.
    """

    subtask: str | None = "group"

    def __init__(self, *tasks: Any, app: App | None = None, **options: Any) -> None:
        members = [task for member in signatures(tasks, app) for task in _ungrouped(member)] if tasks else []
        super().__init__("celery.group", kwargs={"tasks": members}, options=options, app=app)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], app: App | None = None) -> Self:
        """Return the group that `fields` describe."""
        made = cls(fields["kwargs"]["tasks"], app=app, **(fields.get("options") or {}))
        return made.completed(fields)

    def __repr__(self) -> str:
        return f"group({self.tasks!r})"

    @property
    def tasks(self) -> list[Signature[Any]]:
        """The tasks."""
        return self.kwargs["tasks"]

    @tasks.setter
    def tasks(self, value: list[Signature[Any]]) -> None:
        self.kwargs["tasks"] = value

    def parts(self) -> list[Signature[Any]]:
        """Return its tasks."""
        return self.tasks

    def set_immutable(self, immutable: bool) -> None:
        """Say whether its tasks take further arguments."""
        super().set_immutable(immutable)
        for task in self.tasks:
            task.set_immutable(immutable)

    def link(self, callback: Signature[Any]) -> Signature[Any]:
        """Call `callback` with the result of its first task."""
        return self.tasks[0].link(callback)

    def link_error(self, errback: Signature[Any]) -> Signature[Any]:
        """Call `errback` for each task that fails."""
        for task in self.tasks:
            task.link_error(signature(errback, app=self._app).clone())
        return errback

    if TYPE_CHECKING:

        def delay(self, *args: Any, **kwargs: Any) -> GroupResult: ...

        async def adelay(self, *args: Any, **kwargs: Any) -> GroupResult: ...

        def apply_async(
            self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
        ) -> GroupResult: ...

        async def aapply_async(
            self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
        ) -> GroupResult: ...

    def skew(self, start: float = 1.0, stop: float | None = None, step: float = 1.0) -> Self:
        """Give the tasks rising countdowns, from `start` in steps, again from `start` after `stop`."""
        countdowns = _cycle(start, stop, step)
        for task in self.tasks:
            task.set(countdown=next(countdowns))
        return self

    def stamp(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **headers: Any) -> Self:
        """Stamp its tasks and their callbacks; see `Signature.stamp`."""
        visiting = visitor or SILENT
        stamps = self.stamp_parts(self.tasks, visiting.on_group_start, visitor, append_stamps, headers)
        visiting.on_group_end(self, **stamps)
        return self

    def settle(self, place: Place) -> GroupResult:
        """Give the group and every task its id; where they stand is said when the group is launched."""
        self.options.setdefault("task_id", place.task_id or next_id())
        return self.settle_members(Place(root_id=place.root_id), numbered=False)

    def settle_members(self, place: Place, *, numbered: bool = True) -> GroupResult:
        """Give every task its id and its place; they are numbered from the place's own index."""
        first = place.index or 0
        results = [
            task.settle(replace(place, index=first + number) if numbered else place)
            for number, task in enumerate(self.tasks)
        ]
        return GroupResult(self.options["task_id"], results, app=self.app)

    def __call__(self, *args: Any, **options: Any) -> GroupResult:
        """Send it; keywords are options, as in Celery."""
        return self.apply_async(args, **options)

    def joined(self) -> Signature[Any]:
        """Return a chord of its tasks whose value is the list of theirs."""
        return self | self.app.tasks["celery.accumulate"].s(index=0)

    def copied(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Self:
        """Return a copy; each of its tasks gets the arguments."""
        return type(self)([task.clone(args, kwargs) for task in self.tasks], app=self._app)

    def launch(self, options: dict[str, Any]) -> GroupResult:
        """Publish every task."""
        links, errlinks = split_links(options)
        if links:
            raise TypeError("a group has no one result to call a callback with: use a chord")
        for task in self.tasks:
            add_links(task, (), errlinks)
        group_id = self.options.setdefault("task_id", options.pop("task_id", None) or next_id())
        result = self.settle_members(_place_of_members(group_id, options))
        for task in self.tasks:
            task.apply_async(add_to_parent=False, **options)
        return result

    def apply(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> GroupResult:
        """Run the tasks here and now."""
        group_id = options.pop("task_id", None) or self.id or next_id()
        results = [task.apply(args, kwargs, **options) for task in self.clone().tasks]
        return GroupResult(group_id, results, app=self.app)


def _ungrouped(task: Signature[Any]) -> list[Signature[Any]]:
    if not isinstance(task, Group):
        return [task]
    _, errlinks = split_links(dict(task.options))
    members = [member.clone() for member in task.tasks] if errlinks else task.tasks
    for member in members:
        add_links(member, (), errlinks)
    return members


def _place_of_members(group_id: str, options: dict[str, Any]) -> Place:
    """Take where its tasks stand out of a group's options.

    Celery has a group that a chord waits for leave one part for each of its tasks; ours are joined before.
    """
    options.pop("task_id", None)
    outer, chord, index = (options.pop(name, None) for name in ("group_id", "chord", "group_index"))
    root_id, parent_id = options.get("root_id"), options.get("parent_id")
    if chord is None:
        return Place(None, root_id, parent_id, group_id)
    return Place(None, root_id, parent_id, outer, chord, index)


def _cycle(start: float, stop: float | None, step: float) -> Iterator[float]:
    while True:
        value = start
        while stop is None or value < stop:
            yield value
            value += step
