"""The kernel alone: a strategy of one's own, one pure function. What crashes too often is left alone for a while."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from understudy.actors import (
    Actor,
    ActorDead,
    ChildEnd,
    ChildRestarted,
    ChildSpec,
    Decision,
    Message,
    Replace,
    Supervisor,
    System,
    on,
)

PATIENCE, WINDOW, REST = 2, 60.0, 1.0


@dataclass(frozen=True, slots=True)
class Call(Message["Client", str]):
    """Ask the service; answered with what it says."""

    question: str


class Client(Actor):
    """Stands before a service, and crashes when that is in trouble."""

    def __init__(self, service: Callable[[str], str]) -> None:
        self._service = service

    @on(Call)
    def call(self, message: Call) -> str:
        return self._service(message.question)


def breaker(end: ChildEnd) -> Decision:
    """Replace it at once while it crashes now and then; after `PATIENCE` restarts in `WINDOW` seconds let it rest.

    While it rests nobody is there, so whoever asks is refused at once: the breaker is open. What is started after the
    rest is on probation: its first crash is one too many again.
    """
    is_open = end.restarted_within(WINDOW) >= PATIENCE
    return Replace((end.spec.id,), delay=REST if is_open else 0.0)


class Breaker(Supervisor):
    intensity = 1_000  # it gives up on nobody, and waits instead

    def __init__(self, service: Callable[[str], str]) -> None:
        self._service = service

    def children(self) -> Sequence[ChildSpec]:
        return [ChildSpec("client", Client, (self._service,))]

    def decide(self, end: ChildEnd) -> Decision:
        return breaker(end)


def main() -> None:
    asked: list[str] = []

    def service(question: str) -> str:
        asked.append(question)
        if len(asked) <= PATIENCE + 1:
            raise ConnectionError("no answer")
        return f"an answer to {question!r}"

    with System("breaker") as system:
        restarted: SimpleQueue[ChildRestarted] = SimpleQueue()
        system.events.subscribe(ChildRestarted, restarted.put)
        system.spawn(Breaker, service, name="breaker")
        failed = refused = 0
        answer = ""
        while not answer:
            try:
                answer = system.get("/breaker/client").ask(Call("how are you?"), timeout=5)
            except ConnectionError:
                failed += 1
                if failed <= PATIENCE:
                    restarted.get(timeout=5)
            except ActorDead:  # nobody asks the service now
                refused += 1
                restarted.get(timeout=5)
        print(f"failed {failed} times; then the service was left alone, and asked once more: {answer}")
        assert refused == 1
        assert len(asked) == PATIENCE + 2


if __name__ == "__main__":
    main()
