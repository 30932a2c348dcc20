"""What is found in one Python file."""

from __future__ import annotations

import ast
import gc
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import decode_source
from itertools import chain

import msgspec

KEPT = 5
"""How many of a file's longest functions are kept; enough for a list of that length over all files."""

# The tokens that `tokenize` finds (a test compares them) in a fifteenth of its time: the work of a task is then mostly
# that of the parser.
_TOKEN = re.compile(
    r"""
    [^\W\d]\w*+ (?!["'])
  | [rbufRBUF]{0,2} (?:
        \"\"\" (?: [^\\"]++ | \\. | "(?!"") )*+ \"\"\" | " (?: [^\\"\n]++ | \\. )*+ "
      | \'\'\' (?: [^\\']++ | \\. | '(?!'') )*+ \'\'\' | ' (?: [^\\'\n]++ | \\. )*+ '
    )
  | 0[xX]\w++ | \.?\d (?: [eE][+-]\d | [\w.] )*+
  | \w++ | \#[^\n]*
  | \*\*=? | //=? | >>=? | <<=? | \.\.\. | -> | := | [-+*/%&@|^=<>!]=? | [^\s\w\\]
    """,
    re.DOTALL | re.VERBOSE,
)
_BLOCKS = ("body", "orelse", "finalbody")
_BRANCHES = ("handlers", "cases")


class Function(msgspec.Struct, frozen=True, array_like=True):
    """A function: `name` is qualified by the classes and functions around it."""

    lines: int
    file: str
    name: str


class FileIndex(msgspec.Struct, frozen=True):
    """What one file holds; where it does not parse only `error` says something."""

    file: str
    lines: int = 0
    tokens: int = 0
    functions: int = 0
    classes: int = 0
    longest: list[Function] = []
    imports: dict[str, int] = {}
    error: str | None = None


def index(file: str, source: bytes) -> FileIndex:
    """Index the source of `file`; one that does not parse is an answer too, never an exception."""
    try:
        text = decode_source(source)
        tree = _parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return FileIndex(file, error=_described(error))
    statements = list(_statements(tree.body, ""))
    functions = [_measured(file, scope, node) for scope, node in statements if isinstance(node, _FUNCTIONS)]
    return FileIndex(
        file,
        lines=len(text.splitlines()),
        tokens=len(_TOKEN.findall(text)),
        functions=len(functions),
        classes=sum(isinstance(node, ast.ClassDef) for _, node in statements),
        longest=longest(functions),
        imports=dict(Counter(chain.from_iterable(_imported(file, node) for _, node in statements))),
    )


def longest(functions: Sequence[Function]) -> list[Function]:
    """Return the longest functions, longest first; those of one length by file and name."""
    return sorted(functions, key=lambda function: (-function.lines, function.file, function.name))[:KEPT]


def _parse(text: str) -> ast.Module:
    """Parse without warnings, which are the author's business, and without looking for garbage that no parser makes."""
    collects = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    finally:
        if collects:
            gc.enable()


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _statements(body: Sequence[ast.AST], scope: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield every statement with the qualified name of what it stands in; no expression holds any."""
    for node in body:
        yield scope, node
        inner = f"{scope}{node.name}." if isinstance(node, (*_FUNCTIONS, ast.ClassDef)) else scope
        for block in (*_BLOCKS, *_BRANCHES):
            yield from _statements(getattr(node, block, ()), inner)


def _measured(file: str, scope: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    return Function((node.end_lineno or node.lineno) - node.lineno + 1, file, f"{scope}{node.name}")


def _imported(file: str, node: ast.AST) -> list[str]:
    """Return the top-level packages that a statement imports; a relative import is one of the file's own package."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [file.partition("/")[0] if node.level else (node.module or "").partition(".")[0]]
    return []


def _described(error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {said}"
