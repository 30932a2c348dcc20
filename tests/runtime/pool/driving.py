"""Drives the pool's objects as an actor would: waits for their descriptors, calls them when these are readable."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from understudy.actors.completion import Completion
from understudy.runtime.pool.forking import ForkServer
from understudy.runtime.pool.packets import AppSpec, Job
from understudy.runtime.pool.process import Finished, PoolProcess, Remains
from understudy.runtime.pool.program import app_spec
from understudy.transports.message import Delivery

T = TypeVar("T")


class Watched(Protocol):
    def fileno(self) -> int: ...


def wait_readable(source: Watched, timeout: float = 10.0) -> None:
    poller = select.poll()
    poller.register(source, select.POLLIN)
    assert poller.poll(timeout * 1000), f"{source!r} had nothing to say for {timeout} s"


def resolve(completion: Completion[T], source: Watched, receive: Callable[[], object]) -> T:
    """Call `receive` whenever `source` is readable until `completion` is done; return its value."""
    while not completion.done():
        wait_readable(source)
        receive()
    return completion.get(timeout=0)


def job(body: bytes | str, tag: int = 1, post_mortem: str = "") -> Job:
    return Job(Delivery(tag, "celery", b"{}", body.encode() if isinstance(body, str) else body), post_mortem)


def tags(jobs: list[Job]) -> list[int]:
    return [it.delivery.tag for it in jobs]


def spawn(server: ForkServer) -> PoolProcess:
    """Fork a child and wait until it is ready."""
    child = resolve(server.spawn(), server, server.receive)
    resolve(child.ready, child, child.receive)
    return child


def answers(child: PoolProcess, number: int = 1) -> list[Finished]:
    """Wait for `number` outcomes."""
    finished: list[Finished] = []
    while len(finished) < number:
        wait_readable(child)
        finished += child.receive()
    return finished


def run(child: PoolProcess, body: bytes | str) -> str:
    """Run one job and return what it says."""
    assert child.send(job(body))
    return answers(child)[0].outcome.reason


def await_death(child: PoolProcess) -> Remains:
    wait_readable(child.sentinel)
    return child.bury()


@contextmanager
def forkserver(loader: str = "load", app: str = "toy", *, preload: bool = True) -> Iterator[ForkServer]:
    """A started forkserver, killed in the end, and its children with it."""
    with starting(loader, app, preload=preload) as server:
        resolve(server.started, server, server.receive)
        yield server


@contextmanager
def starting(loader: str = "load", app: str = "toy", *, preload: bool = True) -> Iterator[ForkServer]:
    """A forkserver that may not come up."""
    server = KeepingServer(app_spec(f"{__package__}.toys:{loader}", app), preload=preload)
    try:
        yield server
    finally:
        if server.fileno() >= 0:
            server.kill()
            wait_readable(server.sentinel)
            server.bury()
        for child in server.kept:
            end(child)


class KeepingServer(ForkServer):
    """A forkserver that remembers its children, so that a test may forget them."""

    def __init__(self, spec: AppSpec, *, preload: bool) -> None:
        super().__init__(spec, preload=preload)
        self.kept: list[PoolProcess] = []

    def spawn(self) -> Completion[PoolProcess]:
        completion = super().spawn()
        completion.add_done_callback(lambda done: done.error() or self.kept.append(done.get(timeout=0)))
        return completion


def end(child: PoolProcess) -> None:
    """Kill a child and close it, unless that was done."""
    if child.fileno() >= 0:
        child.kill()
        await_death(child)
