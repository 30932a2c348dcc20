"""What is found in a file."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.runtime.demo.indexing import KEPT, index
from understudy.runtime.demo.library import Source, library

LAYOUT = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}
SAMPLE = [source for source in library(24) if index(source.name, Path(source.path).read_bytes()).error is None]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there tokenize takes f-strings apart")
@pytest.mark.parametrize("source", SAMPLE, ids=lambda source: source.name)
def test_it_counts_the_tokens_that_tokenize_finds(source: Source) -> None:
    content = Path(source.path).read_bytes()
    tokens = [token for token in tokenize.tokenize(io.BytesIO(content).readline) if token.type not in LAYOUT]
    assert index(source.name, content).tokens == len(tokens)


@pytest.mark.parametrize("source", SAMPLE, ids=lambda source: source.name)
def test_it_finds_every_definition_and_import_wherever_it_stands(source: Source) -> None:
    content = Path(source.path).read_bytes()
    found = index(source.name, content)
    nodes = list(ast.walk(ast.parse(content)))
    assert found.functions == sum(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in nodes)
    assert found.classes == sum(isinstance(node, ast.ClassDef) for node in nodes)
    assert sum(found.imports.values()) == sum(
        len(node.names) if isinstance(node, ast.Import) else isinstance(node, ast.ImportFrom) for node in nodes
    )


@given(st.binary() | st.text().map(str.encode))
def test_whatever_a_file_holds_has_an_index(content: bytes) -> None:
    found = index("any.py", content)
    assert found.file == "any.py"
    assert found.error is None or not found.tokens


def test_functions_are_named_by_what_they_stand_in() -> None:
    code = b"class A:\n    def f(self):\n        def g():\n            pass\n\nif True:\n    def h(): ...\n"
    assert [function.name for function in index("a.py", code).longest] == ["A.f", "A.f.g", "h"]


@given(st.lists(st.integers(1, 30), max_size=12))
def test_only_the_longest_functions_are_kept_longest_first(lengths: list[int]) -> None:
    code = "".join(f"def f{number}():\n" + "    0\n" * length for number, length in enumerate(lengths))
    kept = [function.lines for function in index("a.py", code.encode()).longest]
    assert kept == sorted((length + 1 for length in lengths), reverse=True)[:KEPT]


def test_a_relative_import_is_one_of_the_own_package() -> None:
    code = b"import os.path, re\nfrom . import x\nfrom .y import z\nfrom json.decoder import JSONDecoder\n"
    assert index("email/a.py", code).imports == {"os": 1, "re": 1, "email": 2, "json": 1}


@pytest.mark.parametrize("content", [b"print 'x'\n", b"caf\xe9 = 1\n", b"# coding: uft-8\n", b"x = 1\0\n", b"(" * 500])
def test_a_file_that_does_not_parse_says_why(content: bytes) -> None:
    found = index("bad.py", content)
    assert found.error
    assert found.longest == []
