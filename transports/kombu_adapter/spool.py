"""`Spool`: queues that are files in a folder, as kombu's `filesystem://` has them, and who has taken which.

A message is a file whose name ends with its queue's. Kombu moves it away and reads it, and has it in memory alone from
then on. Here a message that is taken is moved into a folder of its owner, who keeps a lock there: the kernel lets go of
the lock when the owner dies, and whoever finds it free moves the messages back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ..lane import now, unix_time

_OWNERS = ".understudy"
_LOCK = "lock"
_MARK = re.compile(r"_r(\d+)$")
_SETTLED_AFTER = 0.1
"""Seconds after which a change of a folder is told from the next by its time."""
_SHOWN_FOR = 0.5
_WRITTEN_WITHIN = 1.0


@dataclass(frozen=True, slots=True)
class Held:
    """A message that was taken: its name in the folder, and whether and how often it came back from somebody."""

    name: str

    @property
    def redelivered(self) -> bool:
        return _MARK.search(_stem(self.name)) is not None

    @property
    def deaths(self) -> int:
        """How many owners died with it."""
        found = _MARK.search(_stem(self.name))
        return int(found[1]) if found else 0


class Spool:
    """The queues of a folder. Not thread-safe.

    inbox: where messages are taken from. outbox: where they are put. owner: whose folder holds what is taken.
    """

    def __init__(self, inbox: Path, outbox: Path, owner: str) -> None:
        self.inbox = inbox
        self.outbox = outbox
        self._owners = inbox / _OWNERS
        self._mine = self._owners / (owner or f"pid-{os.getpid()}-{os.urandom(4).hex()}")
        self._lock: int | None = None
        self._numbers = count()
        self._mark = os.urandom(4).hex()
        self._listings: dict[str, _Listing] = {}
        self.doubtful: list[str] = []
        """What `take` may have taken that nobody has heard of, should it break."""

    def open(self) -> None:
        """Make the folders; raises `OSError` where that cannot be."""
        for folder in (self.inbox, self.outbox):
            folder.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """Let go of what is held: the next to come has it, or this owner again."""
        if self._lock is not None and set(_names(self._mine)) <= {_LOCK}:
            self._remove(self._mine)
        self.abandon()

    def abandon(self) -> None:
        """Close this process's copy of the lock."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def names(self, queue: str) -> list[str]:
        """Return the names of the messages of a queue, the oldest first."""
        ending = f"{queue}.msg"
        return sorted((one for one in _names(self.inbox) if one.partition(".")[2] == ending), key=_age)

    def put(self, queue: str, data: bytes) -> None:
        """Add a message: nobody sees it before it is complete."""
        name = f"{int(unix_time() * 1000)}_{next(self._numbers):012d}-{self._mark}.{queue}.msg"
        hidden = self.outbox / f".{name}.new"
        hidden.write_bytes(data)
        hidden.rename(self.outbox / name)

    def take(self, queue: str, limit: int) -> Iterator[tuple[Held, bytes]]:
        """Yield up to `limit` messages, the oldest first, which are this owner's from then on."""
        self._own()
        listing = self._listings.setdefault(queue, _Listing())
        if listing.is_stale(self.inbox):
            listing.show(self.inbox, self.names(queue))
        while limit > 0 and listing.names:
            name = listing.names.pop()
            self.doubtful.append(name)
            data = self._claim(name)
            if data is not None:
                limit -= 1
                yield Held(name), data

    def look(self, name: str) -> bytes | None:
        """Return what a message says that nobody has taken."""
        with suppress(FileNotFoundError):
            return (self.inbox / name).read_bytes()
        return None

    def delete(self, name: str) -> None:
        """Delete a message that nobody has taken."""
        (self.inbox / name).unlink(missing_ok=True)

    def holds(self, held: Held) -> bool:
        """Tell whether a message is this owner's."""
        return (self._mine / held.name).exists()

    def finish(self, held: Held) -> None:
        """Delete a message of this owner's."""
        (self._mine / held.name).unlink(missing_ok=True)

    def give_back(self, held: Held) -> None:
        """Put a message of this owner's back to where it was."""
        with suppress(FileNotFoundError):
            (self._mine / held.name).rename(self.inbox / _returned(held.name, 0))
        self._listings.clear()

    def sweep(self) -> None:
        """Put back what owners held that are gone."""
        with suppress(FileNotFoundError):
            for folder in list(self._owners.iterdir()):
                if folder != self._mine:
                    self._sweep_if_free(folder)

    def _claim(self, name: str) -> bytes | None:
        import fcntl  # not on Windows

        mine = self._mine / name
        with suppress(FileNotFoundError):  # somebody else was faster
            written = (self.inbox / name).stat().st_mtime
            (self.inbox / name).rename(mine)
            with mine.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)  # whoever writes it without hiding it has the lock
                data = file.read()
            if data or unix_time() > written + _WRITTEN_WITHIN:
                return data
            mine.rename(self.inbox / name)
        return None

    def _own(self) -> None:
        """Have a folder and its lock."""
        while self._lock is None:
            self._mine.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                self._lock = _locked(self._mine / _LOCK)

    def _sweep_if_free(self, folder: Path) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            lock = _locked(folder / _LOCK)
            if lock is not None:
                try:
                    self._empty(folder)
                finally:
                    os.close(lock)

    def _empty(self, folder: Path) -> None:
        """Put back what a dead owner held; whoever calls has its lock."""
        for one in sorted(_names(folder)):
            if one != _LOCK:
                (folder / one).rename(self.inbox / _returned(one, 1))
        self._remove(folder)
        self._listings.clear()

    def _remove(self, folder: Path) -> None:
        (folder / _LOCK).unlink(missing_ok=True)
        with suppress(OSError):  # its owner has come back, and waits for the lock
            folder.rmdir()


class _Listing:
    """The names of a queue's messages as they were a moment ago, the oldest last."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._at = 0.0
        self._changed = 0

    def is_stale(self, folder: Path) -> bool:
        """Tell whether it may miss something."""
        if self.names:
            return now() > self._at + _SHOWN_FOR
        return folder.stat().st_mtime_ns != self._changed

    def show(self, folder: Path, names: list[str]) -> None:
        """Take names, oldest first, that were just read."""
        self.names = names[::-1]
        self._at = now()
        changed = folder.stat()
        # Two changes in one tick of the clock look like one: only a time that lies back tells that there was no other.
        settled = unix_time() > changed.st_mtime + _SETTLED_AFTER
        self._changed = changed.st_mtime_ns if settled else 0


def _locked(path: Path) -> int | None:
    """Return the descriptor of a lock file that is ours now, None where it is another's; it may be gone meanwhile."""
    import fcntl  # not on Windows

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except BlockingIOError:
        pass
    except FileNotFoundError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _returned(name: str, deaths: int) -> str:
    """Return the name of a message that comes back."""
    stem, _, rest = name.partition(".")
    found = _MARK.search(stem)
    count_ = (int(found[1]) if found else 0) + deaths
    return f"{_MARK.sub('', stem)}_r{count_}.{rest}"


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _stem(name: str) -> str:
    return name.partition(".")[0]


def _age(name: str) -> tuple[int, str]:
    number = name.partition("_")[0]
    return (int(number) if number.isdecimal() else 0, name)
