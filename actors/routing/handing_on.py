"""`HandsOn`: what a router does with a message, whoever is behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..actor import Actor, on
from ..completion import Completion
from ..errors import MailboxFull, WouldBlock
from ..events import DeadLetter
from ..ref import Ref
from ..remote.errors import RemotingError
from .errors import ManyAnswers, NoRoutee
from .gathering import gather
from .messages import AskAll
from .strategies import RoundRobin, Routee, Routing


class HandsOn(Actor):
    """Hands each message on to those of `at_work()` whom a routing chooses; see `Router` and `GroupRouter`."""

    def route_by(self, routing: Routing | None) -> None:
        """Choose by `routing`, by default each in turn."""
        self._routing: Routing = routing or RoundRobin()
        self._turn = 0

    def on_receive(self, message: Any) -> None:
        """Hand it on."""
        there = self.at_work()
        chosen = self._choose(message, there) if there else ()
        if not chosen:
            self._refuse(message, NoRoutee(f"nobody is at work behind {self.path}"), "no routee")
        if len(chosen) > 1 and self._cell.asking is not None:
            raise ManyAnswers(f"{len(chosen)} actors behind {self.path} would answer: ask it AskAll(message) instead")
        for place in chosen:
            self._hand_on(there[place][1], message)

    def at_work(self) -> list[tuple[Any, Ref[Any]]]:
        """Return the ids and refs of those who are at work now."""
        raise NotImplementedError

    @on(AskAll)
    def ask_all(self, request: AskAll) -> Completion[list[Any]]:
        """See `AskAll`."""
        return gather([ref.ask(request.message, block=False) for _, ref in self.at_work()])

    def _choose(self, message: Any, there: Sequence[tuple[Any, Ref[Any]]]) -> Sequence[int]:
        turn, self._turn = self._turn, self._turn + 1
        return self._routing.choose(message, [Routee(each, ref.waiting) for each, ref in there], turn)

    def _hand_on(self, ref: Ref[Any], message: Any) -> None:
        try:
            self.forward(ref, message)
        except (MailboxFull, WouldBlock) as error:
            self._refuse(message, error, "full")
        except RemotingError as error:  # it is on another node, and the message cannot travel there
            self._refuse(message, error, str(error))

    def _refuse(self, message: Any, error: Exception, why: str) -> None:
        """Let whoever asked have the error; what was told becomes a dead letter."""
        if self._cell.asking is not None:
            raise error
        self.system.dead_letter(DeadLetter(self.ref, message, why))
