"""`FilesystemLink`: kombu's `filesystem://`, without losing what a node held when it died."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import BrokerRefused
from ..lane import now
from ..letters.letter import Letter, Taken
from ..server_options import ServerOptions
from .envelope import opened, sealed
from .spool import Held, Spool
from .virtual_link import VirtualLink

_SWEEP_EVERY = 1.0

logger: logging.Logger = logging.getLogger(__name__)


class FilesystemLink(VirtualLink):
    """Queues in a folder: `data_folder_in`, or the path of the URL, or `data_in` where the program runs.

    `data_folder_out`, by default the same one, is where messages are put, and `control_folder`, by default
    `control` within, knows what is bound to exchanges.
    """

    held_survives = True

    def __init__(self, url: str, options: ServerOptions, owner: str = "") -> None:
        self._folders = folders(url, options.transport_options)
        super().__init__(url, options, owner)
        self._spool = Spool(Path(self._folders["data_folder_in"]), Path(self._folders["data_folder_out"]), owner)
        self._next_sweep = now()

    def close(self) -> None:
        self._spool.close()
        super().close()

    def abandon(self) -> None:
        self._spool.abandon()

    def tick(self) -> float | None:
        if self._queues and now() >= self._next_sweep:
            self._next_sweep = now() + _SWEEP_EVERY
            self._spool.sweep()
        return _SWEEP_EVERY

    def consume(self, queues: Sequence[str]) -> None:
        super().consume(queues)
        if self._spool.inbox.resolve() != self._spool.outbox.resolve():
            logger.warning(
                "retries, and tasks whose process died, go to %s, which this node does not read: let data_folder_in "
                "and data_folder_out be the same folder",
                self._spool.outbox,
            )

    def publish(self, letters: Sequence[Letter], timeout: float) -> None:
        for letter in letters:
            data = sealed(self._channel, letter)
            for queue in self.destinations(letter):
                self._spool.put(_checked(queue), data)

    def take(self, limit: int) -> list[Taken]:
        taken: list[Taken] = []
        for queue in self.in_turn():
            for held, data in self._spool.take(queue, limit - len(taken)):
                one = opened(queue, data, held)
                taken.append(replace(one, redelivered=held.redelivered or one.redelivered, deaths=held.deaths))
        self._spool.doubtful.clear()
        return taken

    def in_doubt(self) -> list[str]:
        return self._spool.doubtful

    def give_back_doubtful(self, names: Sequence[str]) -> None:
        for name in names:
            self._spool.give_back(Held(name))

    def held(self, taken: Sequence[Taken]) -> list[bool]:
        return [self._spool.holds(one.handle) for one in taken]

    def renew(self, taken: Sequence[Taken]) -> bool:
        return all(self.held(taken))

    def ack(self, taken: Sequence[Taken]) -> None:
        for one in taken:
            self._spool.finish(one.handle)

    def requeue(self, taken: Sequence[Taken]) -> None:
        for one in taken:
            self._spool.give_back(one.handle)

    def sift(self, queue: str, remove: Callable[[Taken], bool], limit: int | None = None) -> None:
        for name in self._spool.names(queue)[:limit]:
            data = self._spool.look(name)
            if data is not None and remove(opened(queue, data, name)):
                self._spool.delete(name)

    def _make_connection(self, **arguments: Any) -> Any:
        options = {**self.options.transport_options, **self._folders}
        return super()._make_connection(transport_options=options, **arguments)

    def _dial(self) -> None:
        self._spool.open()
        super()._dial()


def folders(url: str, options: dict[str, Any]) -> dict[str, str]:
    """Return the folders that a URL and kombu's options name."""
    path = unquote(urlsplit(url).path)
    inbox = options.get("data_folder_in") or options.get("data_folder_out") or path or "data_in"
    return {
        "data_folder_in": str(inbox),
        "data_folder_out": str(options.get("data_folder_out") or inbox),
        "control_folder": str(options.get("control_folder") or Path(inbox) / "control"),
    }


def _checked(queue: str) -> str:
    """Return the name of a queue that a file may end with."""
    if "/" in queue or "\0" in queue:
        raise BrokerRefused(f"{queue!r} cannot be a queue of filesystem://, where it is a part of the names of files")
    return queue
