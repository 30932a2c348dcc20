"""`chain`: tasks one after another, each called with the result of the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..results.eager import EagerResult
from .signature import Place, Signature
from .stamping import SILENT, StampingVisitor
from .workflow import Workflow, add_links, place_from, signatures, split_links

if TYPE_CHECKING:
    from ..app.app import App
    from ..results.result import AsyncResult

R_co = TypeVar("R_co", covariant=True)


class Chain(Workflow[R_co]):
    """Tasks that follow each other; the chain's result is that of the last one.

    A group, or a chord, that something follows becomes a chord whose body is all that follows. `link` is called after
    the last task; `link_error` when any of them fails. Other options of the chain are those of its first task.
    """

    subtask: str | None = "chain"

    def __init__(self: Chain[Any], *tasks: Any, app: App | None = None, **options: Any) -> None:
        members = [step for task in signatures(tasks, app) for step in _unchained(task)]
        super().__init__("celery.chain", kwargs={"tasks": members}, options=options, app=app)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], app: App | None = None) -> Self:
        """Return the chain that `fields` describe."""
        made = cls(fields["kwargs"]["tasks"], app=app, **(fields.get("options") or {}))
        return made.completed(fields)

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.tasks)) or "chain()"

    @property
    def tasks(self) -> list[Signature[Any]]:
        """The tasks, first to last."""
        return self.kwargs["tasks"]

    @tasks.setter
    def tasks(self, value: list[Signature[Any]]) -> None:
        self.kwargs["tasks"] = value

    def parts(self) -> list[Signature[Any]]:
        """Return its tasks."""
        return self.tasks

    def copied(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Self:
        """Return a copy; its first task gets the arguments."""
        first, rest = self.tasks[:1], self.tasks[1:]
        tasks = [task.clone(args, kwargs) for task in first] + [task.clone() for task in rest]
        return type(self)(tasks, app=self._app)

    def settle(self, place: Place) -> AsyncResult[R_co]:
        """Give every task its id; the result is the last one's, with those before as its parents."""
        if not self.tasks:
            raise ValueError("an empty chain has nothing to call: chain() needs a task")
        self.kwargs["tasks"] = steps = _upgraded(self.tasks, self._app)
        result = _settled(steps, place)
        self.options["task_id"] = result.id
        return result

    def stamp(self, visitor: StampingVisitor | None = None, append_stamps: bool = False, **headers: Any) -> Self:
        """Stamp its tasks and their callbacks; see `Signature.stamp`."""
        visiting = visitor or SILENT
        stamps = self.stamp_parts(self.tasks, visiting.on_chain_start, visitor, append_stamps, headers)
        visiting.on_chain_end(self, **stamps)
        return self

    def joined(self) -> Signature[Any]:
        """Return the chain with its last step joined."""
        steps = _upgraded(self.tasks, self._app)
        last = steps[-1].joined() if steps else None
        return self if last is None or last is steps[-1] else Chain([*steps[:-1], last], app=self._app, **self.options)

    def launch(self, options: dict[str, Any]) -> AsyncResult[R_co]:
        """Publish the first task with the rest in its message, the next one last."""
        links, errlinks = split_links(options)
        result = self.settle(place_from(options))
        first, *rest = steps = self.tasks
        add_links(steps[-1], links, ())
        for step in steps:
            add_links(step, (), errlinks)
        if rest:
            options["chain"] = rest[::-1]
        first.apply_async(add_to_parent=False, **options)
        return result

    def apply(
        self, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> EagerResult[R_co]:
        """Run the tasks here and now, one after the other; stops at the first that fails."""
        result: Any = None
        for step in _upgraded(self.clone(args, kwargs).tasks, self._app):
            following = step.apply((result.get(disable_sync_subtasks=False),) if result is not None else (), **options)
            following.parent = result
            result = following
            if result.failed():
                break
        return result


def chained(first: Signature[Any], second: Signature[Any]) -> Signature[Any]:
    """Return what `first | second` is."""
    from .chord import Chord
    from .group import Group

    if isinstance(first, Group):
        return Chord(first, second, app=first.known_app)
    if isinstance(first, Chord):
        return first.with_body(first.body | second if first.has_body else second)
    return Chain(first, second, app=first.known_app)


def _unchained(task: Signature[Any]) -> list[Signature[Any]]:
    """Take a chain within a chain apart; its links go to its own tasks."""
    if not isinstance(task, Chain):
        return [task]
    members = [member.clone() for member in task.tasks]
    links, errlinks = split_links(dict(task.options))
    if members:
        add_links(members[-1], links, ())
    for member in members:
        add_links(member, (), errlinks)
    return members


def _upgraded(tasks: list[Signature[Any]], app: App | None) -> list[Signature[Any]]:
    """Make what follows a group or a chord the body of a chord."""
    from .chord import Chord
    from .group import Group

    for position, task in enumerate(tasks[:-1]):
        if isinstance(task, (Group, Chord)):
            rest = tasks[position + 1 :]
            follows: Signature[Any] = rest[0] if len(rest) == 1 else Chain(rest, app=app)
            return [*tasks[:position], chained(task, follows)]
    return tasks


def _settled(steps: list[Signature[Any]], place: Place) -> Any:
    """Give the steps their ids; each result's parent is the result of the step before."""
    inner = Place(root_id=place.root_id)
    results = [step.settle(place if step is steps[-1] else inner) for step in steps]
    for result, before in zip(results[1:], results[:-1], strict=True):
        result.oldest.parent = before
    return results[-1] if results else None
