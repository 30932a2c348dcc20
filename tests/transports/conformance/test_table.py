"""The table of what each transport can do says what the transports say."""

from __future__ import annotations

import pytest

from tests.support.programs import ROOT
from understudy.transports.registry import connect

COLUMNS = {
    "one commit": "atomic_outcomes",
    "fenced": "fenced",
    "comes back": "returns_messages",
    "in order": "in_order",
    "to the head": "requeues_to_head",
    "priorities": "priorities",
    "delayed": "delayed",
    "expires": "expires",
    "processes": "across_processes",
    "hosts": "across_hosts",
}
URLS = {
    "sqlite://": "sqlite:////nowhere/sample.db",
    "memory://": "memory://sample",
    "sqla+sqlite://": "sqla+sqlite:////nowhere/sample.db",
    "filesystem://": "filesystem:///nowhere",
}


def rows() -> dict[str, list[str]]:
    """Return the cells of the table, by transport; the first row has the names of the columns."""
    page = (ROOT / "docs" / "reference" / "transports.md").read_text()
    section = page.partition("## What each can do")[2].partition("\n* ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return {cells[0].strip().strip("`"): [cell.strip() for cell in cells[1:]] for cells in lines}


@pytest.mark.parametrize("name", [name for name in rows() if name])
def test_the_table_says_what_a_transport_says(name: str) -> None:
    url = URLS.get(name, f"{name}127.0.0.1")
    transport = connect(url)
    said = dict(zip(rows()[""], rows()[name], strict=True))

    claimed = {column: getattr(transport.capabilities, field) for column, field in COLUMNS.items()}

    assert {column: cell == "yes" for column, cell in said.items()} == claimed
    transport.close()
