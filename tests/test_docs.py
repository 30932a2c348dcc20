"""The documentation: what it shows happens, its links lead somewhere, what it names is there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from understudy.transports.embedded.core.policy import Policy
from understudy.transports.redis_broker.options import RedisOptions

from .support.pages import Reader, blocks
from .support.programs import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").glob("*.md")])
ON_SERVERS = [DOCS / "how-to" / "redis.md", DOCS / "how-to" / "rabbitmq.md"]
LANGUAGES = ("python", "pycon", "console")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
MAKE = re.compile(r"(?:^|^\$ |`)make ([a-z]+)", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """Return a page without its blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page have, by GitHub's rule."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).replace(" ", "-")
        for heading in HEADING.findall(prose(page))
    }


def follow(page: Path, directory: Path, replaced: Mapping[str, str] | None = None) -> None:
    reader = Reader(page, directory, replaced or {})
    try:
        reader.read()
    finally:
        reader.close()


def programs() -> list[Path]:
    """Return the pages that show something, but for those that need a server."""
    pages = [page for page in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))) if page not in ON_SERVERS]
    return [page for page in pages if any(block.language in LANGUAGES for block in blocks(page))]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", programs(), ids=name_of)
def test_what_a_page_shows_happens(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_what_the_page_on_redis_shows_happens(redis_url: str, tmp_path: Path) -> None:
    follow(DOCS / "how-to" / "redis.md", tmp_path, {"redis://localhost:6379/0": redis_url})


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_what_the_page_on_rabbitmq_shows_happens(rabbitmq_url: str, tmp_path: Path) -> None:
    follow(DOCS / "how-to" / "rabbitmq.md", tmp_path, {"amqp://guest:guest@localhost:5672//": rabbitmq_url})


def test_every_link_leads_to_a_page_and_a_heading() -> None:
    broken: list[str] = []
    for page in PAGES:
        for link in LINK.findall(prose(page)):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            if link.startswith(("http://", "https://")):
                continue
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(f"{name_of(page)}: {link}")
    assert broken == []


def test_every_page_can_be_found_from_the_index() -> None:
    found: set[Path] = set()
    new = {DOCS / "README.md"}
    while new:
        found |= new
        links = {(page.parent / link.partition("#")[0]).resolve() for page in new for link in LINK.findall(prose(page))}
        new = {link for link in links if link.suffix == ".md" and link.is_relative_to(DOCS)} - found
    assert set(DOCS.rglob("*.md")) - found == set()


def test_every_python_block_is_python() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "python":
                ast.parse(block.text, f"{name_of(page)}:{block.line}")


def test_every_test_that_a_page_names_is_there() -> None:
    missing = [
        f"{name_of(page)}: {file}::{test}"
        for page in PAGES
        for file, test in TEST.findall(page.read_text())
        if not (ROOT / file).exists() or f"def {test}(" not in (ROOT / file).read_text()
    ]
    assert missing == []


def test_every_make_target_that_a_page_names_is_there() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for page in PAGES for target in MAKE.findall(page.read_text())}
    assert named - targets == set()
    assert {"demo", "test"} <= named


@pytest.mark.parametrize("script", ["settings_page", "command_line_page"])
def test_what_is_generated_is_up_to_date(script: str) -> None:
    made = subprocess.run([sys.executable, f"scripts/{script}.py", "--check"], cwd=ROOT, check=False)
    assert made.returncode == 0, f"run python scripts/{script}.py"


def test_the_page_on_delivery_knows_the_leases() -> None:
    shown = (DOCS / "explanation" / "delivery.md").read_text()
    for options in (Policy(), RedisOptions()):
        assert f"after the lease, {options.lease:g} seconds" in shown
