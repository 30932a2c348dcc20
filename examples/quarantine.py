"""The kernel alone: a message on which its actor crashes twice goes to quarantine, and the others are handled."""

from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from understudy.actors import (
    Actor,
    ChildEnd,
    ChildSpec,
    DeadLetter,
    Decision,
    Message,
    Poison,
    Replace,
    Supervisor,
    System,
    on,
)


@dataclass(frozen=True, slots=True)
class Invoice(Message["Clerk", None]):
    """To be divided into so many parts."""

    number: int
    amount: float
    parts: int


class Clerk(Actor):
    def __init__(self, done: SimpleQueue[str]) -> None:
        self._done = done

    @on(Invoice)
    def invoice(self, message: Invoice) -> None:
        self._done.put(f"invoice {message.number}: {message.parts} times {message.amount / message.parts:.2f}")


class Ward(Supervisor):
    """Gives each message a second chance, since the first crash may have had another reason."""

    def __init__(self, done: SimpleQueue[str]) -> None:
        self._done = done

    def children(self) -> Sequence[ChildSpec]:
        return [ChildSpec("clerk", Clerk, (self._done,), in_place=True)]  # the mailbox outlives a crash

    def decide(self, end: ChildEnd) -> Decision:
        poison = Poison.RETRY if end.attempts < 2 else Poison.DEAD_LETTER
        return Replace((end.spec.id,), poison=poison)


def main() -> None:
    done: SimpleQueue[str] = SimpleQueue()
    quarantine: SimpleQueue[DeadLetter] = SimpleQueue()
    with System("office") as system:
        system.events.subscribe(DeadLetter, quarantine.put)
        system.spawn(Ward, done, name="ward")
        clerk = system.get("/ward/clerk")
        for number, parts in enumerate((4, 0, 2)):
            clerk.tell(Invoice(number, 100.0, parts))

        print(done.get(timeout=5))
        print(done.get(timeout=5))
        letter = quarantine.get(timeout=5)
        print("in quarantine:", letter.message, f"({letter.why})")
        print("the clerk is still there:", clerk.is_alive())


if __name__ == "__main__":
    main()
