"""The platform port: locks, sockets' peers, directories.

For Linux and macOS; elsewhere it can be imported, and `require_support` says what is missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
import struct
import sys
import tempfile
from pathlib import Path

from ..errors import StoreUnusable

try:
    import fcntl
except ImportError:
    fcntl = None  # Windows: `require_support` says so before anything else is tried

NETWORK_FILE_SYSTEMS = frozenset(
    (
        *(
            "9p",
            "afs",
            "beegfs",
            "ceph",
            "cifs",
            "coda",
            "davfs",
            "gfs",
            "gfs2",
            "glusterfs",
            "gpfs",
            "lustre",
            "ncpfs",
        ),
        *("nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "panfs", "smb2", "smb3", "smbfs", "vboxsf"),
        *("fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    )
)
"""Types on which locks or shared memory cannot be relied on, as /proc/mounts spells them."""

_SOCKET_PATH_LIMIT = 100
"""The kernel takes 108 bytes on Linux and 104 on macOS."""


_NOTE_BYTES = 512


def require_support() -> None:
    """Raise `StoreUnusable` where the embedded broker does not run."""
    if fcntl is None or not hasattr(socket, "AF_UNIX"):
        raise StoreUnusable(
            f"the embedded broker needs Linux or macOS, and this is {sys.platform}: use a redis:// or an amqp:// broker"
        )


class FileLock:
    """An exclusive lock on a file, which the kernel releases when its holder dies.

    The file is never deleted while somebody may wait for it. The holder may leave a note in it. Whoever forks has to
    `abandon` the child's copy, or it would hold the lock for as long as the child lives.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self, *, wait: bool) -> bool:
        """Take the lock; False where another holds it and `wait` is False. May be called from a thread of its own."""
        assert fcntl is not None, "require_support comes first"
        descriptor = _open_private(self.path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def write_note(self, note: bytes) -> None:
        """Replace what the file says."""
        assert self._descriptor is not None, "only the holder writes"
        os.pwrite(self._descriptor, note.ljust(_NOTE_BYTES), 0)  # in one piece: readers do not wait for the lock

    def read_note(self) -> bytes:
        """Return what the last holder wrote, empty where there is nothing."""
        with contextlib.suppress(OSError):
            return self.path.read_bytes()
        return b""

    def release(self, *, delete: bool = False) -> None:
        """Let the lock go; `delete` the file where nobody waits for it."""
        if self._descriptor is not None:
            if delete:
                self.path.unlink(missing_ok=True)
            assert fcntl is not None, "it was acquired"
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # a child that was forked unnoticed may have a copy
            self.abandon()

    def abandon(self) -> None:
        """Close this process's copy, without a word to the kernel about the lock: another copy may hold it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _open_private(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(path, flags, 0o600)
    except OSError as error:
        raise StoreUnusable(
            f"the embedded broker cannot open {path}: {error.strerror}; "
            "its file has to lie in a directory that this user may write to"
        ) from error


def socket_path(database: Path) -> Path:
    """Return where the writer of `database` listens: a short name in a directory of this user alone."""
    return private_socket(hashlib.sha256(os.fsencode(os.path.realpath(database))).hexdigest()[:20] + ".sock")


def private_socket(name: str) -> Path:
    """Return where a socket of that name is to be: in a directory of this user alone, which is made."""
    directory = _runtime_directory(name)
    _make_private(directory)
    return directory / name


def _runtime_directory(name: str) -> Path:
    own = f"understudy-{os.getuid()}"
    base = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    candidates = [base / "understudy"] if base.is_absolute() and base.is_dir() else []
    candidates += [
        Path(tempfile.gettempdir(), own),
        Path("/tmp", own),
    ]  # macOS has long names for temporary directories
    return next(one for one in candidates if len(os.fsencode(one / name)) <= _SOCKET_PATH_LIMIT)


def _make_private(directory: Path) -> None:
    """Make a directory that is this user's alone; one that somebody else prepared is refused."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise StoreUnusable(f"{directory} has to be a directory of this user: remove it, or set XDG_RUNTIME_DIR")
    if stat.S_IMODE(status.st_mode) & 0o077:
        directory.chmod(0o700)


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """Return the process id and the user id at the other end of a unix socket."""
    if sys.platform == "darwin":
        credentials = connection.getsockopt(0, 1, 8)  # SOL_LOCAL, LOCAL_PEERCRED: struct xucred
        pid = struct.unpack("i", connection.getsockopt(0, 2, 4))[0]  # LOCAL_PEERPID
        return pid, struct.unpack("II", credentials)[1]
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid


def refuse_network_file_system(database: Path) -> None:
    """Raise `StoreUnusable` where a database would lie on a network file system; says nothing where that is unknown."""
    kind = file_system_of(database.parent)
    if kind in NETWORK_FILE_SYSTEMS:
        raise StoreUnusable(
            f"the broker's file {database} lies on a network file system ({kind}), where its locks do not hold: "
            "name a file on a local disk, or use a redis:// or an amqp:// broker"
        )


def file_system_of(directory: Path) -> str:
    """Return the type of a directory's file system, as /proc/mounts spells it; empty where that is not known."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    resolved = Path(os.path.realpath(directory))
    found, deepest = "", 0
    for _, point, kind, *_ in (line.split(" ") for line in lines):
        # Of several on one point the last counts.
        if len(point) >= deepest and resolved.is_relative_to(_unescape(point)):
            found, deepest = kind, len(point)
    return found


def _unescape(point: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point
