"""A broker on a bench: with a clock that the tests set, and rounds of one call each."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from tests.transports.conformance.messages import publication
from understudy.transports.embedded.core.broker import Broker
from understudy.transports.embedded.core.owners import Answer
from understudy.transports.embedded.core.policy import Policy
from understudy.transports.embedded.core.records import Claimed
from understudy.transports.embedded.core.storage import Storage
from understudy.transports.message import Outcome

T = TypeVar("T")

POLICY = Policy(lease=10.0, max_node_deaths=3, window=3)
START = 1_000_000.0


class Bench:
    """A broker with a clock, whose rounds are one call each."""

    def __init__(self, storage: Storage, alive: tuple[str, ...] = ()) -> None:
        self.storage = storage
        self.clock = 0.0
        self.told: dict[object, Answer] = {}
        self.broker = Broker(storage, POLICY)
        self.round(lambda broker: broker.recover(alive))

    def round(self, *acts: Any, after: float = 0.0) -> None:
        """Carry out `acts` in one round, `after` seconds since the last, and note what is told."""
        self.clock += after
        self.broker.begin(START + self.clock, self.clock)
        self.broker.tick()
        for act in acts:
            act(self.broker)
        for answer in self.broker.commit():
            self.told[answer.token] = answer

    def finish(self, start: Callable[[Broker], Generator[None, None, T]]) -> T:
        """Do something that takes several rounds, and return what comes of it."""
        steps = start(self.broker)
        while True:
            self.broker.begin(START + self.clock, self.clock)
            try:
                next(steps)
            except StopIteration as end:
                return end.value
            finally:
                self.broker.commit()

    def publish(self, *names: str, queue: str = "q", **options: Any) -> None:
        self.round(lambda broker: broker.publish([publication(name, queue, **options) for name in names]))

    def open(self, owner: str, *queues: str) -> None:
        self.round(lambda broker: broker.open(owner, queues or ("q",)))

    def fetch(self, owner: str, credit: int = 100, after: float = 0.0) -> list[Claimed]:
        """Fetch what is there; nothing where the fetch has to wait, which it then does as `owner`'s."""
        self.told.pop(owner, None)
        self.round(lambda broker: broker.fetch(owner, credit, owner), after=after)
        return self.deliveries(owner)

    def deliveries(self, token: object) -> list[Claimed]:
        """Return what was delivered for a token that waited."""
        answer = self.told.get(token)
        if answer is not None and answer.error is not None:
            raise answer.error
        return answer.value if answer is not None else []  # type: ignore[return-value]

    def settle(self, owner: str, *outcomes: Outcome) -> list[bool]:
        answers: list[bool] = []
        self.round(lambda broker: answers.extend(broker.settle(owner, outcomes)))
        return answers

    def size(self, queue: str = "q") -> int:
        return self.broker.queues.size(queue)

    def takeover(self, *alive: str) -> Bench:
        """Return the next broker on the same storage, which knows that some nodes live."""
        bench = Bench(self.storage, alive)
        bench.clock = self.clock
        return bench
