"""A Python session that keeps its names from one block to the next: `pages.py` runs this as a program.

Blocks come on standard input, each ended by a NUL; the answer to each is what went wrong, ended by a NUL.
"""

from __future__ import annotations

import doctest
import sys
from collections.abc import Iterator

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def arriving() -> Iterator[str]:
    """Yield each block as it comes."""
    gathered = ""
    while character := sys.stdin.read(1):
        if character == "\0":
            yield gathered
            gathered = ""
        else:
            gathered += character


def main() -> None:
    """Answer block after block."""
    names: dict[str, object] = {"__name__": "__main__"}
    for text in arriving():
        session = doctest.DocTestParser().get_doctest(text, names, "session", None, None)
        report: list[str] = []
        doctest.DocTestRunner(optionflags=OPTIONS, verbose=False).run(session, out=report.append, clear_globs=False)
        names.update(session.globs)
        sys.__stdout__.write("".join(report) + "\0")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
