"""Pool processes without a forkserver: the same, in an interpreter of their own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from understudy.runtime.pool.errors import AppImportFailed, StartFailed
from understudy.runtime.pool.process import PoolProcess
from understudy.runtime.pool.program import app_spec
from understudy.runtime.pool.spawning import Spawner

from .driving import await_death, end, resolve, run, wait_readable

TOYS = f"{__package__}.toys"


@pytest.fixture
def child() -> Iterator[PoolProcess]:
    child = Spawner(app_spec(f"{TOYS}:load", "toy")).spawn().get(timeout=0)
    yield child
    end(child)


def test_a_spawned_process_runs_the_app(child: PoolProcess) -> None:
    resolve(child.ready, child, child.receive)
    assert run(child, "echo hello") == "hello"
    child.retire()
    wait_readable(child.sentinel)
    assert child.reap().get(timeout=0) == 0


def test_its_status_is_collected_by_the_node(child: PoolProcess) -> None:
    child.kill()
    wait_readable(child.sentinel)
    assert child.reap().get(timeout=0) == -signal.SIGKILL


def test_it_has_its_socket_and_the_standard_streams_and_nothing_else(child: PoolProcess) -> None:
    resolve(child.ready, child, child.receive)
    beyond = [line for line in run(child, "descriptors").splitlines() if int(line.split()[0]) > 2]
    assert len(beyond) == 1, beyond
    assert run(child, "inheritable") == ""


def test_an_import_error_is_reported(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import no_such_module_anywhere\n")
    child = Spawner(app_spec(f"{TOYS}:load_file", str(tmp_path / "app.py"))).spawn().get(timeout=0)
    with pytest.raises(AppImportFailed, match="no_such_module_anywhere"):
        resolve(child.ready, child, child.receive)
    await_death(child)


def test_an_interpreter_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")
    with pytest.raises(StartFailed, match="/no/such/python"):
        Spawner(app_spec(f"{TOYS}:load", "toy")).spawn().get(timeout=0)
