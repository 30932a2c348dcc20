"""Measure actors on event loops; in the same run the loop's own queue, with a consumer and nothing else.

Run: `python -m benchmarks.loops [--rounds N] [--scale F]`, best on an otherwise quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import gevent
import gevent.event
import gevent.queue

from understudy.actors import AsyncioHost, Ref, System
from understudy.actors.hosts.gevent import GeventHost

from .kernel import MICRO, Count, Counter
from .report import Report, Row

ONE = Count(1)


class Measures:
    """How much to do, and where to write it down."""

    def __init__(self, report: Report, rounds: int, scale: float) -> None:
        self.report = report
        self.rounds = rounds
        self.tells = max(1_000, int(200_000 * scale))
        self.asks = max(200, int(20_000 * scale))

    def add(self, name: str, unit: str, ours: list[float], bare: list[float]) -> None:
        """Write a measure down."""
        self.report.add(Row(name, unit, ours, bare))

    # -- asyncio ---------------------------------------------------------------------------------------------------

    async def asyncio(self) -> None:
        """Measure tells within the loop and from a thread, and asks."""
        async with System("asyncio", AsyncioHost()) as system:
            actor = await system.start(Counter)
            queue: asyncio.Queue[Any] = asyncio.Queue()
            consumer = asyncio.create_task(consume(queue))
            count, loop = self.tells, asyncio.get_running_loop()

            async def tell() -> None:
                for _ in range(count):
                    actor.tell(ONE)
                await actor.ask(ONE, block=False)

            async def put() -> None:
                for _ in range(count):
                    queue.put_nowait(None)
                await queue.join()

            async def tell_from_thread() -> None:
                await in_thread(lambda: [actor.tell(ONE) for _ in range(count)])
                await actor.ask(ONE, block=False)

            async def put_from_thread() -> None:
                await in_thread(lambda: [loop.call_soon_threadsafe(queue.put_nowait, None) for _ in range(count)])
                await queue.join()

            await self._both("asyncio: tell within the loop", tell, put)
            await self._both("asyncio: tell from a thread", tell_from_thread, put_from_thread)
            await self._ask(actor, queue)
            consumer.cancel()

    async def _both(self, name: str, ours: Callable[[], Awaitable[None]], bare: Callable[[], Awaitable[None]]) -> None:
        rates = [[self.tells / await seconds(act) for _ in range(self.rounds + 1)][1:] for act in (ours, bare)]
        self.add(name, "/s", *rates)

    async def _ask(self, actor: Ref[Counter], queue: asyncio.Queue[Any]) -> None:
        loop = asyncio.get_running_loop()

        async def ask() -> None:
            for _ in range(self.asks):
                await actor.ask(ONE, block=False)

        async def round_trip() -> None:
            for _ in range(self.asks):
                answer = loop.create_future()
                queue.put_nowait(answer)
                await answer

        times = [[await seconds(act) * MICRO / self.asks for _ in range(self.rounds)] for act in (ask, round_trip)]
        self.add("asyncio: ask within the loop", "us", *times)

    # -- gevent ----------------------------------------------------------------------------------------------------

    def gevent(self) -> None:
        """Measure tells and asks between greenlets."""
        with System("gevent", GeventHost()) as system:
            actor = system.spawn(Counter)
            queue: Any = gevent.queue.JoinableQueue()
            consumer = gevent.spawn(serve, queue)

            def tell() -> None:
                for _ in range(self.tells):
                    actor.tell(ONE)
                actor.ask(ONE)

            def put() -> None:
                for _ in range(self.tells):
                    queue.put(None)
                queue.join()

            def ask() -> None:
                for _ in range(self.asks):
                    actor.ask(ONE)

            def round_trip() -> None:
                for _ in range(self.asks):
                    answer = gevent.event.AsyncResult()
                    queue.put(answer)
                    answer.get()

            rates = [[self.tells / took(act) for _ in range(self.rounds + 1)][1:] for act in (tell, put)]
            self.add("gevent: tell", "/s", *rates)
            times = [[took(act) * MICRO / self.asks for _ in range(self.rounds)] for act in (ask, round_trip)]
            self.add("gevent: ask", "us", *times)
            consumer.kill()


async def consume(queue: asyncio.Queue[Any]) -> None:
    """Take what comes, and answer where that is wanted."""
    while True:
        answer = await queue.get()
        if answer is not None:
            answer.set_result(None)
        queue.task_done()


def serve(queue: Any) -> None:
    """Take what comes, and answer where that is wanted."""
    while True:
        answer = queue.get()
        if answer is not None:
            answer.set(None)
        queue.task_done()


async def in_thread(act: Callable[[], object]) -> None:
    """Run `act` in a thread while the loop goes on."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def body() -> None:
        act()
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=body).start()
    await done.wait()


async def seconds(act: Callable[[], Awaitable[None]]) -> float:
    """Return how long `act` takes."""
    gc.collect()
    began = time.perf_counter()
    await act()
    return time.perf_counter() - began


def took(act: Callable[[], None]) -> float:
    """Return how long `act` takes."""
    gc.collect()
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def main() -> None:
    """Run the measurements, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="how much of each to do")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/loops.json"))
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    report = Report("Event loops", "bare queue", ("gevent",))
    measures = Measures(report, arguments.rounds, arguments.scale)
    asyncio.run(measures.asyncio())
    measures.gevent()
    report.show()
    report.write(arguments.json)


if __name__ == "__main__":
    main()
