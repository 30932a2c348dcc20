"""`Folder`: the files of results and groups, each written in one step.

A file's time of modification says when it expires, as Celery's cleaning reads it: so many seconds after that time. A
result with a time of its own gets a time of modification that makes it so.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import BrokerRefused, BrokerUnavailable
from ..lane import unix_time

try:
    import fcntl
except ImportError:
    fcntl = None  # Windows

_PASSING = frozenset({errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EINTR})
_UNFINISHED = ".understudy-"
_FOR_EVER = 100 * 365 * 86_400.0
_HOUR = 3600.0


class Folder:
    """The files of a folder, by name. expires: seconds after which a file that says nothing else counts as gone."""

    def __init__(self, path: Path, expires: float | None) -> None:
        self._path = path
        self._expires = expires

    # What a session asks for

    @property
    def lost_errors(self) -> tuple[type[BaseException], ...]:
        return ()

    @property
    def refused_errors(self) -> tuple[type[BaseException], ...]:
        return (OSError,)

    def explained(self, error: BaseException) -> BrokerUnavailable | BrokerRefused:
        """Return an error of the file system as one of ours."""
        text = error.strerror if isinstance(error, OSError) else str(error)
        if isinstance(error, OSError) and error.errno in _PASSING:
            return BrokerUnavailable(f"results cannot be kept in {self._path}: {text}")
        return BrokerRefused(
            f"results cannot be kept in {self._path}: {text}; make sure that the folder exists and may be written to"
        )

    def open(self) -> None:
        """Find out whether the folder can be used; raises `BrokerRefused`."""
        try:
            with self._unfinished() as (descriptor, _):
                os.write(descriptor, b"test")
        except OSError as error:
            raise self.explained(error) from error

    def close(self) -> None:
        """Do nothing: no file is kept open."""

    abandon = close

    def sockets(self) -> Sequence[socket.socket]:
        return ()

    def tick(self) -> float | None:
        return None

    # Files

    def read(self, name: str) -> bytes | None:
        """Return what a file holds, None where there is none or its time is up."""
        try:
            with (self._path / name).open("rb") as file:
                if self._is_old(os.fstat(file.fileno()).st_mtime):
                    return None
                return file.read()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes, ttl: float | None) -> None:
        """Write a file, or take the place of one, in one step. ttl: seconds for which it counts, None for ever."""
        with self._unfinished() as (descriptor, path):
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            if self._expires is not None:
                modified = unix_time() - self._expires + (_FOR_EVER if ttl is None else ttl)
                os.utime(path, (modified, modified))
            path.replace(self._path / name)

    def delete(self, names: Sequence[str]) -> None:
        """Delete files."""
        for name in names:
            (self._path / name).unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Generator[None]:
        """Keep other nodes from writing, where a folder can be locked; Celery's workers know nothing of that."""
        if fcntl is None:
            yield
            return
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def clean(self, prefixes: Sequence[str]) -> int:
        """Delete files whose time is up; returns how many those were."""
        deleted = 0
        with os.scandir(self._path) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.name.startswith(_UNFINISHED) and entry.stat().st_mtime < unix_time() - _HOUR:
                        Path(entry.path).unlink()
                    elif entry.name.startswith(tuple(prefixes)) and self._is_old(entry.stat().st_mtime):
                        Path(entry.path).unlink()
                        deleted += 1
        return deleted

    def _is_old(self, modified: float) -> bool:
        return self._expires is not None and modified + self._expires < unix_time()

    @contextmanager
    def _unfinished(self) -> Generator[tuple[int, Path]]:
        """Yield a new file, which is gone afterwards unless it was moved."""
        path = self._path / f"{_UNFINISHED}{os.urandom(8).hex()}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            yield descriptor, path
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)
