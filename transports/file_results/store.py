"""`FileResults`: results and groups in the files of Celery's file system backend."""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...actors.completion import Completion
from .. import codecs
from ..errors import UnsupportedByTransport
from ..message import Result
from ..payloads import plain, state_of
from ..polled import PolledResults
from .folder import Folder
from .options import FileOptions

_LOOKS = 3
_BETWEEN_LOOKS = 0.01
_UNREADABLE = "FAILURE"

logger: logging.Logger = logging.getLogger(__name__)


class FileResults(PolledResults[Folder]):
    """A result store that a stock Celery shares. Thread-safe; see `ResultStore` for what its methods promise.

    url: `file:///path/to/folder`, which has to exist.
    """

    keeps_any_bytes = True

    def __init__(self, url: str, options: FileOptions | None = None) -> None:
        said = options or FileOptions()
        path = _path_of(url)
        super().__init__(
            f"results in {path}", lambda: Folder(path, said.expires), said.patience, said.poll_interval, said.expires
        )
        self._serializer = said.serializer
        self._accept = said.accept
        prefix = said.global_keyprefix
        prefix += "_" if prefix and prefix[-1] not in ":_-." else ""
        self._tasks, self._groups = f"{prefix}celery-task-meta-", f"{prefix}celery-taskset-meta-"

    def store(self, results: Sequence[Result]) -> Completion[None]:
        """Write results, each in one step; a stored success stays."""

        def write(folder: Folder) -> None:
            with folder.alone():
                for result in results:
                    self._write(folder, result)
            self.stored([result.task_id for result in results])

        return self.run(write) if results else Completion.of(None)

    def look(self, link: Folder, task_ids: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """See `PolledResults`."""
        return [self._read(link, self._tasks + task_id) for task_id in task_ids]

    def forget(self, task_ids: Sequence[str]) -> Completion[None]:
        """Delete results."""
        names = [self._tasks + task_id for task_id in task_ids if _is_name(task_id)]
        return self.run(lambda folder: folder.delete(names)) if names else Completion.of(None)

    def save_group(self, group_id: str, payload: bytes, ttl: float | None) -> Completion[None]:
        """Keep a group's members."""
        if not _is_name(group_id):
            return Completion.failed(UnsupportedByTransport(f"no file can have the name of group {group_id!r}"))
        content = codecs.encode(codecs.decode_json(payload), self._serializer).data if self._coded else payload
        return self.run(lambda folder: folder.write(self._groups + group_id, content, ttl))

    def restore_group(self, group_id: str) -> Completion[bytes | None]:
        """Return what `save_group` kept, or None."""

        def restore(folder: Folder) -> bytes | None:
            content = folder.read(self._groups + group_id) if _is_name(group_id) else None
            if content is None or not self._coded:
                return None if content is None else plain(content)
            return codecs.encode_json(self._decoded(plain(content)))

        return self.run(restore)

    def delete_group(self, group_id: str) -> Completion[None]:
        """Delete what `save_group` kept."""
        names = [self._groups + group_id] if _is_name(group_id) else []
        return self.run(lambda folder: folder.delete(names))

    def sweep(self, link: Folder) -> int:
        """See `PolledResults`."""
        return link.clean([self._tasks, self._groups])

    @property
    def _coded(self) -> bool:
        """Whether payloads are in another serializer than JSON."""
        return self._serializer != "json"

    def _write(self, folder: Folder, result: Result) -> None:
        name = self._tasks + result.task_id
        if not _is_name(result.task_id):
            logger.error("task %r has no result: no file can have its name", result.task_id)
            return
        if result.state != "SUCCESS":
            found = self._read(folder, name)
            if found is not None and found[0] == "SUCCESS":
                return
        try:
            folder.write(name, result.payload, result.ttl)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            logger.error("task %r has no result: its name is too long for a file", result.task_id)  # noqa: TRY400

    def _read(self, folder: Folder, name: str) -> tuple[str, bytes] | None:
        """Return state and payload; a file that stock Celery is writing just now is read again."""
        content: bytes | None = None
        for look in range(_LOOKS):
            if look:
                self.lane.pause(_BETWEEN_LOOKS)
            content = folder.read(name) if "/" not in name and "\0" not in name else None
            if content is None:
                return None
            try:
                payload = plain(content)
                state = str(self._decoded(payload)["status"]) if self._coded else state_of(payload)
            except Exception:  # noqa: BLE001 - whatever a half of a file looks like to a decoder
                continue
            if state is not None:
                return state, payload
        return (_UNREADABLE, content) if content else None  # whoever decodes it is told what is wrong with it

    def _decoded(self, payload: bytes) -> Any:
        _, content_type, encoding = codecs.encode(None, self._serializer)
        return codecs.decode(payload, content_type, encoding, self._accept)


def _path_of(url: str) -> Path:
    """Return the folder that a URL names; raises `UnsupportedByTransport` where it is on another host."""
    host, _, path = url.partition("://")[2].partition("/")
    if host not in ("", "localhost") or not path:
        raise UnsupportedByTransport(f"{url} names no folder of this host: say file:///path/to/folder")
    return Path("/" + path)


def _is_name(one: str) -> bool:
    return "/" not in one and "\0" not in one
