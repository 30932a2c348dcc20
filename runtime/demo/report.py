"""`Report`: the indexes of many files, joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain

import msgspec

from .indexing import FileIndex, Function, longest


class Report(msgspec.Struct, frozen=True):
    """What is found in all the files; two reports over the same files are equal, whatever the order was.

    unparsed: the files that do not parse, and why. imports: how often a package is imported.
    """

    files: list[str]
    lines: int
    tokens: int
    functions: int
    classes: int
    longest: list[Function]
    imports: dict[str, int]
    unparsed: dict[str, str]

    def most_imported(self, count: int) -> list[tuple[str, int]]:
        """Return the packages that are imported most often."""
        return sorted(self.imports.items(), key=lambda item: (-item[1], item[0]))[:count]


def join(indexes: Iterable[FileIndex]) -> Report:
    """Join indexes; a file that is among them twice is there twice in the report's `files`."""
    parts = list(indexes)
    imports: Counter[str] = Counter()
    for part in parts:
        imports.update(part.imports)
    return Report(
        files=sorted(part.file for part in parts),
        lines=sum(part.lines for part in parts),
        tokens=sum(part.tokens for part in parts),
        functions=sum(part.functions for part in parts),
        classes=sum(part.classes for part in parts),
        longest=longest(list(chain.from_iterable(part.longest for part in parts))),
        imports=dict(imports),
        unparsed={part.file: part.error for part in parts if part.error is not None},
    )
