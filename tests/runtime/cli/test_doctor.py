"""The doctor: what it finds, and whether its exit code says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import command_line
from understudy.runtime.cli.doctor import embedded, limits, versions
from understudy.runtime.cli.doctor.finding import Finding, Section, Verdict
from understudy.runtime.cli.doctor.report import show

from .conftest import StartWorker
from .shell import Shell


def named(section: Section) -> dict[str, Finding]:
    return {finding.subject: finding for finding in section.findings}


def test_without_an_app_the_machine_is_looked_at(shell: Shell) -> None:
    done = shell.run("doctor")
    assert done.code == 0
    assert done.err == ""
    assert "\nLimits\n" in done.out
    assert "\nConnections\n" not in done.out
    assert "All is well." in done.out


def test_the_file_of_an_app_and_its_writer_are_found(start_worker: StartWorker, shell: Shell, own_home: Path) -> None:
    start_worker()
    done = shell.app("doctor", "--json")
    assert done.code == 0
    found = json.loads(done.out)
    place = {one["subject"]: one["value"] for one in found["embedded broker"]}
    assert place["file"].startswith(f"{own_home}/proj-")
    pid = int(place["writer"].removeprefix("process "))
    assert "understudy.transports.embedded.writer" in command_line(pid)
    assert place["socket"].endswith(" bytes of the 104 that every system takes")
    connections = {one["subject"]: one for one in found["connections"]}
    assert {one["verdict"] for one in connections.values()} == {"good"}
    assert connections["waiting"]["value"] == "0 in celery"


def test_a_broker_that_is_away_is_wrong(shell: Shell) -> None:
    done = shell.run("-b", "redis://:secret@localhost:1", "doctor")
    assert done.code == 1
    assert "redis://:**@localhost:1 is not available" in " ".join(done.out.split())
    assert "secret" not in done.out + done.err
    assert "1 thing is wrong." in done.out


def test_an_app_that_cannot_be_imported_is_wrong_and_the_rest_is_shown(shell: Shell) -> None:
    done = shell.run("-A", "nowhere", "doctor")
    assert done.code == 1
    assert "there is no module 'nowhere'" in done.out
    assert "\nLimits\n" in done.out
    assert "1 thing is wrong." in done.out


def test_sqlites_wal_bug_is_explained_where_it_is_there() -> None:
    old, new = versions.sqlite_finding((3, 51, 2)), versions.sqlite_finding((3, 51, 3))
    assert "single writer" in old.advice
    assert (old.verdict, new.verdict) == (Verdict.NOTE, Verdict.GOOD)
    assert new.advice == ""


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [("nfs4", Verdict.WRONG), ("tmpfs", Verdict.WARNING), ("overlay", Verdict.WARNING), ("ext4", Verdict.GOOD)],
)
def test_a_file_system_is_judged(kind: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(embedded, "file_system_of", lambda _: kind)
    found = named(embedded.embedded(f"sqlite:///{tmp_path}/x.db"))
    assert found["file system"].verdict is verdict


def test_a_file_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch(0o644)
    assert "chmod 600" in named(embedded.embedded(f"sqlite:///{path}"))["file"].advice


def test_the_writer_is_not_known_where_the_lock_is_held_and_nobody_listens(tmp_path: Path) -> None:
    lock = embedded.Site.at(tmp_path / "x.db").lock()
    assert lock.acquire(wait=False)
    found = named(embedded.embedded(f"sqlite:///{tmp_path}/x.db"))["writer"]
    assert found.verdict is Verdict.WARNING
    lock.release()
    assert named(embedded.embedded(f"sqlite:///{tmp_path}/x.db"))["writer"].value == "none"


def test_few_open_files_are_a_warning() -> None:
    assert limits.open_files(128, 4096).verdict is Verdict.WARNING
    assert limits.open_files(1024, 4096).verdict is Verdict.GOOD


def test_a_summary_counts_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    show([Section("A", [Finding("one", "x", Verdict.WARNING), Finding("two", "y")])], as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == "It works, with 1 warning."
