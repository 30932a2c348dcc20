"""`HandsOn`: what a router does with a message, whoever is behind it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from ..actor import Actor, on
from ..completion import Completion
from ..errors import MailboxFull, WouldBlock
from ..events import DeadLetter
from ..ref import Ref
from ..remote.errors import RemotingError
from .errors import BadChoice, ManyAnswers, NoRoutee
from .gathering import gather
from .loads import Load, Loads, is_elsewhere
from .messages import AskAll, Weigh, Weighed
from .strategies import INDIFFERENT, Routee, Routing, checked_routing

if TYPE_CHECKING:
    from ..messages import Ask
    from ..remote.ref import RemoteRef

logger: logging.Logger = logging.getLogger("understudy.actors")

PAUSE = 0.1
"""Seconds until the node of a routee is asked again how much is waiting there."""


class HandsOn(Actor):
    """Hands each message on to those of `at_work()` whom a routing chooses; see `Router` and `GroupRouter`."""

    def route_by(self, routing: Routing | None) -> None:
        """Choose by `routing`, by default each in turn."""
        self._routing: Routing = checked_routing(routing)
        self._loads: Loads | None = None if type(self._routing) in INDIFFERENT else Loads()
        self._turn = 0

    def on_receive(self, message: Any) -> None:
        """Hand it on."""
        try:
            chosen = self._choose(message)
        except Exception as error:  # a message that its routing cannot deal with is nobody's end
            logger.exception("%s does not know who is to get %r", self.path, message)
            self._refuse(message, BadChoice(f"the routing of {self.path} failed: {error!r}"), "no routee")
            return
        if not chosen:
            self._refuse(message, NoRoutee(f"nobody is at work behind {self.path}"), "no routee")
        if len(chosen) > 1 and self._cell.asking is not None:
            raise ManyAnswers(f"{len(chosen)} actors behind {self.path} would answer: ask it AskAll(message) instead")
        for ref in chosen:
            self._hand_on(ref, message)

    def at_work(self) -> list[tuple[Any, Ref[Any]]]:
        """Return the ids and refs of those who are at work now."""
        raise NotImplementedError

    @on(AskAll)
    def ask_all(self, request: AskAll) -> Completion[list[Any]]:
        """See `AskAll`."""
        return gather([ref.ask(request.message, block=False) for _, ref in self.at_work()])

    def _choose(self, message: Any) -> list[Ref[Any]]:
        there = self.at_work()
        turn, self._turn = self._turn, self._turn + 1
        if not there:
            return []
        waiting: Callable[[Ref[Any]], int] = attrgetter("waiting")
        if self._loads is not None:
            self._loads.forget_others([ref for _, ref in there])
            waiting = self._loads.waiting
        places = self._routing.choose(message, [Routee(each, waiting(ref)) for each, ref in there], turn)
        return [there[place][1] for place in places]

    def _hand_on(self, ref: Ref[Any], message: Any) -> None:
        asking = self._cell.asking
        try:
            self.forward(ref, message)
        except (MailboxFull, WouldBlock) as error:
            self._refuse(message, error, "full")
        except RemotingError as error:  # it is on another node, and the message cannot travel there
            self._refuse(message, error, str(error))
        else:
            if self._loads is not None:
                self._count(self._loads, ref, asking)

    # -- how much is waiting ---------------------------------------------------------------------------------------

    def _count(self, loads: Loads, ref: Ref[Any], asking: Ask | None) -> None:
        load = loads[ref]
        if asking is not None:
            load.ask(asking)
        if is_elsewhere(ref):
            load.told += asking is None
            if not load.weighed:
                self._weigh(ref, load)

    def _weigh(self, ref: Ref[Any], load: Load) -> None:
        load.weighed = True
        load.begin_report()
        report = cast("RemoteRef[Any]", ref).count_waiting()
        report.pipe_to(self.ref, partial(Weighed, ref), lambda _: Weighed(ref, None))

    @on(Weighed)
    def weighed(self, report: Weighed) -> None:
        """Take in how much is waiting on another node, and ask again in a moment."""
        if self._loads is not None:
            self._loads[report.routee].end_report(report.waiting)
            self.after(PAUSE, Weigh(report.routee))

    @on(Weigh)
    def weigh(self, message: Weigh) -> None:
        """Ask again, as long as there is something that can have changed."""
        if self._loads is not None:
            load = self._loads[message.routee]
            load.weighed = False
            if load.reported or load.told:
                self._weigh(message.routee, load)

    def _refuse(self, message: Any, error: Exception, why: str) -> None:
        """Let whoever asked have the error; what was told becomes a dead letter."""
        if self._cell.asking is not None:
            raise error
        self.system.dead_letter(DeadLetter(self.ref, message, why))
