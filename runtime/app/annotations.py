"""`task_annotations`: attributes that the settings lay on tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..shapes import is_map, listed
from ..task.task import Task
from .definition import check_rate


def annotate(tasks: Iterable[Task[..., Any]], annotations: Any) -> None:
    """Set on each task what the annotations say about it: `'*'` first, then its own name."""
    known = listed(annotations)
    for task in tasks if known else ():
        for annotation in known:
            for attributes in _of(annotation, task):
                for name, value in attributes.items():
                    setattr(type(task), name, value)
        check_rate(task)


def _of(annotation: Any, task: Task[..., Any]) -> Iterator[Mapping[str, Any]]:
    if is_map(annotation):
        found = [annotation.get("*"), annotation.get(task.name)]
    else:
        source: Any = annotation() if isinstance(annotation, type) else annotation
        whole = getattr(source, "annotate_any", None)
        found = [whole() if whole is not None else None, source.annotate(task)]
    yield from (attributes for attributes in found if attributes)
