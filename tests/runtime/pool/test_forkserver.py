"""The forkserver: imports once, says precisely why it cannot, and its death is no one else's."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.processes import is_running
from tests.support.waiting import wait_until
from understudy.runtime.pool.errors import AppImportFailed, StartFailed

from .driving import await_death, forkserver, job, resolve, run, spawn, starting, wait_readable


@pytest.mark.parametrize("preload", [True, False])
def test_its_children_run_the_app(preload: bool) -> None:
    with forkserver(preload=preload) as server:
        assert run(spawn(server), "echo hello") == "hello"


def test_children_asked_for_during_the_import_come_after_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    with starting("load_slowly", str(tmp_path / "go")) as server:
        asked = server.spawn()
        assert not server.started.done()
        (tmp_path / "go").write_text("on")
        child = resolve(asked, server, server.receive)
        assert server.started.get(timeout=0) == ()
        assert run(child, "threads") == "1"


@pytest.mark.parametrize(
    ("source", "error", "line"),
    [
        ("\n\nimport no_such_module_anywhere\n", "ModuleNotFoundError: No module named 'no_such_module_anywhere'", 3),
        ("x = 1\nx.y\n", "AttributeError: 'int' object has no attribute 'y'", 2),
        ("def broken(:\n", "SyntaxError: invalid syntax", 1),
        ("raise SystemExit(4)\n", "SystemExit: 4", 1),
        ("raise ValueError('one line\\nand another')\n", "ValueError: one line", 1),
    ],
)
@pytest.mark.parametrize("preload", [True, False])
def test_an_import_error_is_reported_with_its_place(
    tmp_path: Path, source: str, error: str, line: int, preload: bool
) -> None:
    app = tmp_path / "app.py"
    app.write_text(source)
    with starting("load_file", str(app), preload=preload) as server:
        importing = server.started if preload else None
        with pytest.raises(AppImportFailed) as caught:
            resolve(importing, server, server.receive) if importing else spawn(server)
        report = caught.value.report
        assert report.error == error
        assert report.where == f"{app}:{line}"
        assert "Traceback" in report.traceback or "SyntaxError" in report.traceback
        assert str(app) in str(caught.value)


def test_an_app_that_is_not_there_is_reported_without_our_own_frames() -> None:
    with starting("load_module", "no_such_app") as server, pytest.raises(AppImportFailed) as caught:
        resolve(server.started, server, server.receive)
    assert caught.value.report.error == "ModuleNotFoundError: No module named 'no_such_app'"


def test_an_error_of_ours_speaks_for_itself() -> None:
    with starting("load_refused", "shop") as server, pytest.raises(AppImportFailed) as caught:
        resolve(server.started, server, server.receive)
    assert str(caught.value).startswith("cannot import the app 'shop': the setting 'brokr' is unknown (")
    assert "toys.py:" in caught.value.report.where


def test_a_report_of_the_loaders_own_is_passed_on() -> None:
    with starting("load_reported", "shop") as server, pytest.raises(AppImportFailed) as caught:
        resolve(server.started, server, server.receive)
    assert str(caught.value) == "cannot import the app 'shop': ZeroDivisionError: division by zero (shop.py:7)"


def test_a_failing_initialisation_is_reported_by_the_child(tmp_path: Path) -> None:
    with forkserver("load_uninitialised") as server:
        child = resolve(server.spawn(), server, server.receive)
        with pytest.raises(AppImportFailed, match="worker_process_init went wrong"):
            resolve(child.ready, child, child.receive)
        await_death(child)


def test_the_app_is_imported_from_the_nodes_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with forkserver("load_module", "shop") as server:
        assert run(spawn(server), "echo found") == "found"


def test_a_file_of_the_users_shadows_no_module_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "selectors.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "msgspec.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    with forkserver() as server:
        assert run(spawn(server), "echo fine") == "fine"


def test_threads_that_the_import_started_are_named() -> None:
    with forkserver("load_with_thread") as server:
        assert server.started.get(timeout=0) == ("thread 'metrics-pusher'",)


@pytest.mark.skipif(sys.platform != "linux", reason="only /proc knows the threads of extension modules")
def test_native_threads_that_the_import_started_are_named() -> None:
    with forkserver("load_with_native_thread") as server:
        (leftover,) = server.started.get(timeout=0)
        assert leftover.startswith("native thread 'python")


def test_sockets_that_the_import_opened_are_named() -> None:
    with forkserver("load_with_socket") as server:
        (leftover,) = server.started.get(timeout=0)
        assert leftover.startswith("socket AF_INET ('127.0.0.1', ")


def test_without_preload_each_child_imports_for_itself() -> None:
    with forkserver("load_with_thread", preload=False) as server:
        assert server.started.get(timeout=0) == ()
        assert run(spawn(server), "threads") == "2"


def test_what_the_import_printed_is_printed_once(capfd: pytest.CaptureFixture[str]) -> None:
    with forkserver("load_printing") as server:
        for child in [spawn(server), spawn(server)]:
            child.retire()
            await_death(child)
    assert capfd.readouterr().out.count("hello from the import") == 1


def test_its_death_leaves_its_children_at_work(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    with forkserver() as server:
        child = spawn(server)
        assert child.send(job(f"until {tmp_path / 'go'}"))
        server.kill()
        wait_readable(server.sentinel)
        assert server.bury() == -signal.SIGKILL
        (tmp_path / "go").write_text("on")
        wait_readable(child)
        assert child.receive()[0].outcome.reason == "on"
        with forkserver() as successor:
            assert run(spawn(successor), "echo replaced") == "replaced"
        assert run(child, "echo still here") == "still here"
        child.retire()
        wait_readable(child.sentinel)
        assert child.reap().done()
        child.bury()


def test_its_death_fails_what_it_was_asked_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never")
    with starting("load_slowly", str(tmp_path / "never")) as server:
        asked = server.spawn()
        server.kill()
        wait_readable(server.sentinel)
        server.bury()
        for completion in (server.started, asked):
            with pytest.raises(StartFailed, match="killed by SIGKILL"):
                completion.get(timeout=0)
        with pytest.raises(StartFailed):
            server.spawn().get(timeout=0)


def test_a_child_that_it_forked_with_its_last_breath_is_not_left_alone() -> None:
    with forkserver() as server:
        os.kill(server.pid, signal.SIGSTOP)
        asked = server.spawn()
        server.sentinel.signal(signal.SIGCONT)
        child_pid = wait_until(lambda: next(iter(_children(server.pid)), 0), what="the fork")
        server.kill()
        wait_readable(server.sentinel)
        # Born may be unread or unsent: whoever has no handle on the child hangs up on it.
        server.bury()
        if asked.error() is None:
            asked.get(timeout=0).kill()
        wait_until(lambda: not is_running(child_pid), what="the child's end")


def test_a_drained_forkserver_ends_with_its_last_child() -> None:
    with forkserver() as server:
        child = spawn(server)
        server.drain()
        assert run(child, "echo on") == "on"
        assert not server.sentinel.exited()
        child.retire()
        await_death(child)
        wait_readable(server.sentinel)


def test_it_cannot_be_buried_alive() -> None:
    with forkserver() as server, pytest.raises(RuntimeError, match="is alive"):
        server.bury()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
