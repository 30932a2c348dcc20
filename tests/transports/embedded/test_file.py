"""The broker's file: made private, brought up to date, refused with a reason, and safe when the disk is full."""

from __future__ import annotations

import gzip
import os
import resource
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.forks import in_forked_child
from tests.transports.conformance.messages import PATIENCE, publication, publish, settle, success, take, task_id
from understudy.transports.embedded import platform
from understudy.transports.embedded.core.policy import Policy
from understudy.transports.embedded.process import WriterProcess
from understudy.transports.embedded.site import Site, data_directory, path_of
from understudy.transports.embedded.sqlite.file import Durability, open_database
from understudy.transports.embedded.sqlite.schema import APPLICATION_ID, STEPS, Step
from understudy.transports.embedded.sqlite.storage import SqliteStorage
from understudy.transports.embedded.transport import SqliteTransport
from understudy.transports.errors import StoreCorrupt, StoreUnusable, TransportError
from understudy.transports.message import Outcome, Publication, Verdict

from .conftest import LEASE, Connect, StartWriter, next_state

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system, which takes root")


def pragma(database: Path, name: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def test_a_new_file_is_marked_and_private(database: Path) -> None:
    nested = database.parent / "new" / "deeper" / "broker.db"

    SqliteStorage(nested, Durability.PROCESS, Policy()).close()

    assert stat.S_IMODE(nested.stat().st_mode) == 0o600
    assert stat.S_IMODE(nested.parent.stat().st_mode) == 0o700
    assert pragma(nested, "application_id") == APPLICATION_ID
    assert pragma(nested, "user_version") == len(STEPS)
    assert pragma(nested, "auto_vacuum") == 2


@pytest.mark.parametrize("durability", Durability)
def test_each_durability_is_sqlites_synchronous(database: Path, durability: Durability) -> None:
    with closing(open_database(database, durability)) as connection:
        found = connection.execute("PRAGMA synchronous").fetchone()[0]

    assert found == {"OFF": 0, "NORMAL": 1, "FULL": 2}[durability.value]


@pytest.fixture
def version_1(database: Path) -> Path:
    """A file as the first release wrote it, with something of everything in it."""
    stored = Path(__file__).parent / "files" / "v1.db.gz"
    database.write_bytes(gzip.decompress(stored.read_bytes()))
    return database


def test_a_file_of_the_first_release_still_works(version_1: Path, connected: Connect) -> None:
    transport = connected()
    results, letters = transport.results(), transport.dead_letters()

    assert transport.size("q").get(timeout=PATIENCE) == 3
    assert results.get(["done"]).get(timeout=PATIENCE) == [b'{"status":"SUCCESS"}']
    assert results.restore_group("group").get(timeout=PATIENCE) == b"members"
    assert results.chord_parts("chord").get(timeout=PATIENCE) == [(0, "part", "SUCCESS", b"1")]
    assert [(dead.id, dead.reason) for dead in letters.list().get(timeout=PATIENCE)] == [("dead", "it kills")]
    assert transport.purge("q").get(timeout=PATIENCE) == 4  # one of them is delayed


def test_each_step_of_the_schema_is_taken_once_and_keeps_what_is_stored(version_1: Path) -> None:
    step = Step(readable_from=1, statements=("ALTER TABLE results ADD COLUMN worker TEXT NOT NULL DEFAULT 'unknown'",))

    for _ in range(2):
        with closing(open_database(version_1, Durability.PROCESS, (*STEPS, step))) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS) + 1,)
            assert connection.execute("SELECT task_id, worker FROM results").fetchall() == [("done", "unknown")]
            assert connection.execute("SELECT count(*) FROM messages").fetchone() == (3,)


def test_a_step_that_fails_leaves_the_file_as_it_was(version_1: Path) -> None:
    before = pragma(version_1, "user_version")
    step = Step(readable_from=1, statements=("CREATE TABLE half (done)", "SELECT * FROM nowhere"))

    with pytest.raises(sqlite3.OperationalError):
        open_database(version_1, Durability.PROCESS, (*STEPS, step))

    assert pragma(version_1, "user_version") == before
    with closing(sqlite3.connect(version_1)) as connection:
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall() == []


def test_a_newer_schema_is_used_where_it_says_that_this_release_can(version_1: Path) -> None:
    step = Step(readable_from=len(STEPS), statements=("ALTER TABLE nodes ADD COLUMN name TEXT",))
    open_database(version_1, Durability.PROCESS, (*STEPS, step)).close()

    open_database(version_1, Durability.PROCESS).close()

    assert pragma(version_1, "user_version") == len(STEPS) + 1


def test_a_newer_schema_is_refused_where_it_does_not(version_1: Path) -> None:
    step = Step(readable_from=len(STEPS) + 1, statements=("DROP TABLE keys",))
    open_database(version_1, Durability.PROCESS, (*STEPS, step)).close()

    with pytest.raises(StoreCorrupt, match=r"schema 2, of a newer release; this one knows 1: upgrade"):
        open_database(version_1, Durability.PROCESS)


def test_a_file_that_is_no_database_is_refused(database: Path, connected: Connect) -> None:
    database.write_bytes(b"not a database, but long enough to be one " * 100)

    with pytest.raises(StoreCorrupt, match="no SQLite database"):
        publish(connected(), publication("one", "q"))
    assert database.read_bytes().startswith(b"not a database")


def test_the_database_of_another_program_is_refused(database: Path, connected: Connect) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE theirs (x)")

    with pytest.raises(StoreCorrupt, match="another program"):
        publish(connected(), publication("one", "q"))


def test_a_damaged_file_is_refused_by_producers_and_writers(version_1: Path, connected: Connect) -> None:
    content = bytearray(version_1.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    version_1.write_bytes(content)

    with pytest.raises(StoreCorrupt, match="damaged"):
        publish(connected(), publication("one", "q"))
    writer = WriterProcess(version_1, Durability.PROCESS, LEASE)
    state = next_state(writer)
    writer.stop()
    assert state.name == "ended"
    assert isinstance(state.error, StoreCorrupt)


def test_a_file_that_somebody_else_has_open_is_refused(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.transports.embedded.sqlite.file._LOCK_PATIENCE", 0.1)
    with (
        closing(open_database(database, Durability.PROCESS)),
        pytest.raises(StoreUnusable, match="another program has it open"),
    ):
        open_database(database, Durability.PROCESS)


def test_a_stale_lock_file_is_in_nobodys_way(database: Path, connected: Connect) -> None:
    database.with_name("broker.db-lock").write_bytes(b'{"pid": 1, "socket": "/nowhere/at/all.sock"}')

    publish(connected(), publication("one", "q"))

    database.with_name("broker.db-lock").write_bytes(b"\0 garbage")
    assert connected().size("q").get(timeout=PATIENCE) == 1


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_network_file_system_is_refused(database: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(platform, "file_system_of", lambda _: kind)

    with pytest.raises(StoreUnusable, match=rf"network file system \({kind}\)"):
        Site.at(database)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    point = tmp_path / "disk"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(point)], check=True)
    yield point
    subprocess.run(["umount", "-l", str(point)], check=True)


@needs_root
def test_the_type_of_a_file_system_is_that_of_the_deepest_mount(small_disk: Path) -> None:
    assert platform.file_system_of(small_disk) == "tmpfs"
    assert platform.file_system_of(small_disk / "below") == "tmpfs"


@needs_root
def test_a_read_only_file_system_is_refused(small_disk: Path, connected: Connect) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(StoreUnusable, match=r"cannot open .*Read-only file system"):
        publish(connected(small_disk / "broker.db"), publication("one", "q"))


@pytest.fixture
def locked_directory() -> Iterator[Path]:
    """A directory in which its owner, who is not root, may not write."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if os.geteuid() == 0:
            os.chown(directory, NOBODY, NOBODY)
        directory.chmod(0o500)
        yield directory
        directory.chmod(0o700)


def test_a_read_only_directory_is_refused(locked_directory: Path, connected: Connect) -> None:
    def publish_as_its_owner() -> None:
        if os.geteuid() == 0:
            os.setresuid(NOBODY, NOBODY, NOBODY)  # root writes everywhere
        with pytest.raises(StoreUnusable, match=r"cannot open .*Permission denied"):
            publish(connected(locked_directory / "broker.db"), publication("one", "q"))

    in_forked_child(publish_as_its_owner)


@needs_root
def test_a_full_disk_is_an_error_to_publishers_and_loses_nothing(
    small_disk: Path, start_writer: StartWriter, connected: Connect
) -> None:
    database = small_disk / "broker.db"
    start_writer(database)
    transport = connected(database)
    publish(transport, publication("held", "work"))
    intake = transport.intake(["work"], "boot.1")
    (held,) = take(intake, 1)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(200_000))

    confirmed = fill(transport)

    settled = intake.settle([Outcome(held.tag, result=success("held", bytes(60_000)))])
    assert transport.size("q").get(timeout=PATIENCE) == len(confirmed)
    assert not settled.done()
    ballast.unlink()
    assert settled.get(timeout=PATIENCE) == [True]
    publish(transport, publication("after", "q"))
    back = take(transport.intake(["q"], "other.1"), len(confirmed) + 1)
    assert [task_id(one) for one in back] == [*confirmed, "after"]


def large(name: str, size: int) -> Publication:
    return Publication(name, "q", publication(name, "q").head, bytes(size))


def fill(transport: SqliteTransport) -> list[str]:
    """Publish until there is no room; return the ids of what was confirmed."""
    confirmed: list[str] = []
    while True:
        name = str(len(confirmed))
        try:
            publish(transport, large(name, 20_000))
        except StoreUnusable:
            return confirmed
        confirmed.append(name)


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond 400 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_may_not_grow_is_an_error_and_loses_nothing(small_files: None, connected: Connect) -> None:
    transport = connected()
    publish(transport, publication("first", "q"))

    with pytest.raises(StoreUnusable, match="file system fails"):
        publish(transport, large("one", 1_000_000))

    publish(transport, publication("last", "q"))
    assert transport.size("q").get(timeout=PATIENCE) == 2


def test_a_url_without_a_directory_leads_to_the_data_directory(tmp_path: Path) -> None:
    assert data_directory({"UNDERSTUDY_HOME": "/srv/home"}) == Path("/srv/home")
    assert data_directory({"XDG_DATA_HOME": "/data"}) == Path("/data/understudy")
    assert data_directory({"XDG_DATA_HOME": "relative"}) == Path.home() / ".local/share/understudy"
    assert path_of("sqlite:////var/lib/app.db") == Path("/var/lib/app.db")
    assert path_of("sqlite:///app.db?lease=5") == data_directory() / "app.db"
    with pytest.raises(TransportError, match="names no file"):
        path_of("sqlite://")


def test_a_dead_letter_is_kept_for_as_long_as_whoever_started_the_writer_says(
    database: Path, connected: Connect
) -> None:
    transport = connected(dead_letter_expires=60.0)
    writer = transport.start_writer()
    publish(transport, publication("one", "q"))
    intake = transport.intake(["q"], "boot.1")
    settle(intake, *(Outcome(one.tag, Verdict.DEAD, reason="it kills") for one in take(intake, 1)))
    transport.close()
    writer.stop()

    storage = SqliteStorage(database, Durability.NONE, Policy())
    (buried,) = storage.dead.select(None, None, None)
    storage.close()
    assert buried.expires - buried.since == 60.0


def test_an_unknown_option_is_refused(connected: Connect) -> None:
    with pytest.raises(TransportError, match="leese: no options of sqlite"):
        connected(leese=3)
    with pytest.raises(TransportError, match="durability=often: it has to be one of fsync, process, none"):
        connected(durability="often")
