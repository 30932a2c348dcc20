"""`Refusals`: which settlements were refused, for those who ask again since the answer got lost."""

from __future__ import annotations

_REMEMBERED = 1_000


class Refusals:
    """The answers to settlements of which something was refused, the last thousand of this writer.

    They are few: a refusal means that a lease was lost. A writer that takes over does not know those of the one before;
    it takes what that one carried out for held.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int], list[bool]] = {}

    def note(self, nonce: str, number: int, answer: list[bool]) -> None:
        """Note an answer to a client's request; one that refuses nothing is not kept."""
        if all(answer):
            if self._answers:
                self._answers.pop((nonce, number), None)  # a round that was undone may have refused it
            return
        if number:
            self._answers[nonce, number] = answer
        if len(self._answers) > _REMEMBERED:
            del self._answers[next(iter(self._answers))]

    def of(self, nonce: str, number: int) -> list[bool] | None:
        """Return the answer to a request, None where it refused nothing."""
        return self._answers.get((nonce, number))
