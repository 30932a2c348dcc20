"""PostgreSQL and MariaDB servers of our own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from .ports import accepts_connections
from .servers import Server

PASSWORD = "s3cr3t-w0rd"


class DatabaseServer(Server):
    """A server with one user, `understudy`, who has a password; its tables survive `kill` and `start`."""

    driver: str

    def url_of(self, database: str = "results", password: str = PASSWORD, user: str = "understudy") -> str:
        """Return SQLAlchemy's URL of a database."""
        return f"{self.driver}://{user}:{password}@127.0.0.1:{self.port}/{database}"

    @property
    def url(self) -> str:
        return self.url_of()

    def start(self) -> None:
        fresh = not self._data.exists()
        if fresh:
            self.require()
            self.directory.mkdir(parents=True, exist_ok=True)
            self.create_data()
        super().start()
        if fresh:
            self.create_user()

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @abstractmethod
    def create_data(self) -> None:
        """Make the directory of data."""

    @abstractmethod
    def create_user(self) -> None:
        """Make user and database, once it runs for the first time."""


class PostgresServer(DatabaseServer):
    """A PostgreSQL. It refuses to run as root, so that root's tests run it as the user that its package made."""

    binary = "postgres"
    package = "postgresql"
    driver = "postgresql"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._home: Path | None = None

    @classmethod
    def require(cls) -> str:
        """Return the program's path: Debian keeps each release's in a directory of its own."""
        installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        return str(installed[-1]) if installed else super().require()

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def close(self) -> None:
        super().close()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def command(self, program: str) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",  # the page cache survives a killed process
            "max_connections": "50",
            "shared_buffers": "16MB",
            "update_process_title": "off",  # it would be written over the environment, which the leak check reads
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*self._as_user(), program, "-D", str(self._data), *options]

    @property
    def _data(self) -> Path:
        return (self._home or self.directory) / "data"

    def ready(self) -> bool:
        file = self._data / "postmaster.pid"  # one that was killed leaves it behind
        lines = file.read_text().split() if file.exists() else []
        return self._process is not None and lines[:1] == [str(self._process.pid)] and lines[-1] == "ready"

    def stop(self) -> None:
        if self._process is not None and self.running:
            os.kill(self._process.pid, signal.SIGINT)  # SIGTERM waits until every client has left
        super().stop()

    def create_data(self) -> None:
        if self._as_user():  # pytest's directories are root's alone, and become so again with each run
            self._home = Path(tempfile.mkdtemp(prefix="understudy-test-"))
            shutil.chown(self._home, "postgres")
        word = self._data.with_name("password")
        word.write_text(PASSWORD)
        word.chmod(0o644)
        program = str(Path(self.require()).with_name("initdb"))
        options = ["-D", str(self._data), "-U", "understudy", "-A", "scram-sha-256", f"--pwfile={word}", "-N"]
        _run([*self._as_user(), program, *options, "--locale=C", "-E", "UTF8"], self._data.parent)

    def create_user(self) -> None:
        """Do nothing: the data came with the user."""

    def _signal(self, number: signal.Signals) -> None:
        """Tell each process: those that serve clients have left the group."""
        for pid in self._members() if self.running else ():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _as_user(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


class MariaServer(DatabaseServer):
    """A MariaDB, which is what Debian has for MySQL."""

    binary = "mariadbd"
    package = "mariadb-server"
    driver = "mysql"

    @classmethod
    def require(cls) -> str:
        """Return the program's path, which need not be in that of users."""
        path = shutil.which(cls.binary, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if path is None:
            pytest.skip(f"{cls.binary} is not installed (Debian: apt-get install {cls.package})")
        return cast("str", path)

    def command(self, program: str) -> Sequence[str]:
        return [
            program,
            "--no-defaults",
            f"--datadir={self._data}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self._socket}",
            f"--pid-file={self.directory / 'pid'}",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=2",
            *(["--user=root"] if os.geteuid() == 0 else []),
        ]

    def ready(self) -> bool:
        return accepts_connections(self.port)

    def close(self) -> None:
        super().close()
        self._socket.unlink(missing_ok=True)

    def create_data(self) -> None:
        program = shutil.which("mariadb-install-db") or "mariadb-install-db"
        user = ["--user=root"] if os.geteuid() == 0 else []
        options = [f"--datadir={self._data}", "--auth-root-authentication-method=normal", "--skip-test-db", *user]
        _run([program, "--no-defaults", *options, "--innodb-log-file-size=8M"], self.directory)

    def create_user(self) -> None:
        statements = (
            "CREATE DATABASE results CHARACTER SET utf8mb4",
            f"CREATE USER understudy@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            "GRANT ALL ON results.* TO understudy@'127.0.0.1'",
        )
        options = ["--no-defaults", "-uroot", "-S", str(self._socket), "-e", ";".join(statements)]
        _run([shutil.which("mariadb") or "mariadb", *options], self.directory)

    @property
    def _socket(self) -> Path:
        return Path("/tmp") / f"understudy-test-{self.port}.sock"


def _run(command: Sequence[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
