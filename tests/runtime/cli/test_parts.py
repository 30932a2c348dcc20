"""The small parts: values of options, names of nodes, pid files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from tests.support import is_running, wait_until
from understudy.runtime.cli import parameters
from understudy.runtime.cli.exits import Misuse
from understudy.runtime.cli.letters import ago
from understudy.runtime.cli.node import names
from understudy.runtime.cli.node.pidfile import pid_file


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (parameters.concurrency, "auto", "auto"),
        (parameters.concurrency, "12", "12"),
        (parameters.names, "mail, reports,mail", ("mail", "reports")),
        (parameters.seconds, "1.5", 1.5),
        (parameters.moment, "2030-01-31T12:00+00:00", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        (parameters.expiry, "60", 60.0),
        (parameters.expiry, "2030-01-31T12:00+00:00", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        (parameters.pool, "prefork", "processes"),
        (parameters.json_of(list, "[1]"), '[1, "two"]', [1, "two"]),
        (parameters.url, "redis://localhost", "redis://localhost"),
    ],
)
def test_a_value_is_understood(read: Callable[[str], Any], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize("text", ["inf", "-0.1", "nan", "ten", ""])
def test_seconds_are_finite_and_not_negative(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parameters.seconds(text)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        (None, "celery@web1.example.org"),
        ("mail", "celery@mail"),
        ("mail@%h", "mail@web1.example.org"),
        ("mail@%n", "mail@web1"),
        ("%n@%d", "web1@example.org"),
        ("mail@", "mail@web1.example.org"),
        ("100%%@x", "100%@x"),
    ],
)
def test_a_node_is_named_by_celerys_templates(template: str | None, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names.socket, "gethostname", lambda: "web1.example.org")
    assert names.node_name(template) == name


def test_a_file_is_named_after_its_node() -> None:
    assert (
        names.named_file("/run/%n-%h-%d.pid", "mail@web1.example.org") == "/run/mail-web1.example.org-example.org.pid"
    )
    with pytest.raises(Misuse, match="%i means nothing here"):
        names.named_file("%i", "mail@web1")


def test_a_pid_file_lasts_as_long_as_its_block(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with pid_file(path):
        assert path.read_text() == f"{os.getpid()}\n"
        with pytest.raises(click.ClickException, match="is the worker running"), pid_file(path):
            pass
        assert path.exists()
    assert not path.exists()


def test_a_pid_file_that_another_process_has_taken_over_is_left(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with pid_file(path):
        path.write_text("1")
    assert path.read_text() == "1"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="nothing tells a zombie here")
def test_a_pid_file_of_a_process_that_waits_to_be_reaped_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as ended:
        wait_until(lambda: not is_running(ended.pid))
        os.kill(ended.pid, 0)  # it is there, as a zombie
        path.write_text(str(ended.pid))
        with pid_file(path):
            assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s ago"), (59, "59 s ago"), (60, "1 minute ago"), (7300, "2 hours ago"), (90_000, "1 day ago")],
)
def test_an_age_is_told_in_one_unit(seconds: int, text: str) -> None:
    assert ago(seconds) == text
