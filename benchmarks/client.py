"""The side that calls tasks, in a process of its own: `python -m benchmarks.client SUBJECT ACTION COUNT`.

A subject is a module `benchmarks.subjects.{name}_app`: one task queue behind four functions of the same names. What was
measured is printed as JSON. It needs nothing but the standard library and the subject.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, cast

WARM_UP = 20


class Subject(Protocol):
    """A task queue with one task that returns the number that it was given."""

    def publish(self, count: int) -> None: ...
    def publish_batched(self, count: int) -> None: ...
    def round_trip(self, number: int) -> int: ...
    def left(self) -> int: ...


def published(publish: Callable[[int], None], count: int, left: Callable[[], int]) -> dict[str, Any]:
    """Return the seconds that it took to publish so many; all of them have to be there then."""
    before = left()
    began = time.perf_counter()
    publish(count)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "published": left() - before}


def round_trips(subject: Subject, count: int) -> dict[str, Any]:
    """Return the seconds of each of so many round trips, one after another."""
    seconds: list[float] = []
    for number in range(count + WARM_UP):
        began = time.perf_counter()
        answer = subject.round_trip(number)
        seconds.append(time.perf_counter() - began)
        if answer != number:
            raise RuntimeError(f"task {number} returned {answer}")
    return {"seconds": seconds[WARM_UP:]}


def main() -> None:
    """Do what the command line says."""
    name, action, count = sys.argv[1:]
    subject = cast("Subject", importlib.import_module(f"benchmarks.subjects.{name}_app"))
    if action == "trips":
        found = round_trips(subject, int(count))
    elif action == "left":
        found = {"left": subject.left()}
    else:
        publish = subject.publish_batched if action == "publish_batched" else subject.publish
        found = published(publish, int(count), subject.left)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
