"""Event loops for kernel tests, each on a thread of its own, with a host on it."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from understudy.actors import Completion
from understudy.actors.hosts.api import Host
from understudy.actors.hosts.asyncio import AsyncioHost

PATIENCE = 10.0


@contextmanager
def on_thread(run: Callable[[Completion[Any]], None]) -> Iterator[Any]:
    """Run a loop on a thread until the block is over; `run` resolves the completion with what the block gets."""
    made: Completion[Any] = Completion()

    def body() -> None:
        try:
            run(made)
        except BaseException as error:
            if not made.fail(error):
                raise

    thread = threading.Thread(target=body, name="loop")
    thread.start()
    try:
        yield made.get(timeout=PATIENCE)
    finally:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the loop did not end"


@contextmanager
def gevent_host() -> Iterator[Host]:
    """A host on a hub of gevent's."""
    import gevent

    from understudy.actors.hosts.gevent import GeventGate, GeventHost

    over: list[Any] = []

    def run(made: Completion[Any]) -> None:
        over.append(GeventGate())
        made.resolve(GeventHost())
        over[0].wait(None)
        gevent.get_hub().destroy(destroy_loop=True)

    with on_thread(run) as host:
        try:
            yield host
        finally:
            over[0].open()


@contextmanager
def eventlet_host() -> Iterator[Host]:
    """A host on a hub of eventlet's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eventlet asks everybody to leave it
        import eventlet.hubs

        from understudy.actors.hosts.eventlet import EventletGate, EventletHost

    over: list[Any] = []

    def run(made: Completion[Any]) -> None:
        over.append(EventletGate())
        made.resolve(EventletHost())
        over[0].wait(None)
        hub = eventlet.hubs.get_hub()
        hub.abort(wait=True)
        if hasattr(hub, "poll"):  # its epoll would stay open for as long as the hub is remembered
            hub.poll.close()

    with on_thread(run) as host:
        try:
            yield host
        finally:
            over[0].open()


@contextmanager
def asyncio_host() -> Iterator[Host]:
    """A host on an asyncio loop."""
    over: Completion[None] = Completion()

    def run(made: Completion[Any]) -> None:
        async def main() -> None:
            made.resolve(AsyncioHost())
            await over

        asyncio.run(main())

    with on_thread(run) as host:
        try:
            yield host
        finally:
            over.resolve(None)


LOOPS: dict[str, Callable[[], Any]] = {"gevent": gevent_host, "eventlet": eventlet_host, "asyncio": asyncio_host}
