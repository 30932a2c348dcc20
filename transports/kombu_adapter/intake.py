"""`KombuIntake`: takes messages from queues, holds those that are not due, and settles them by their outcomes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ...actors.completion import Completion
from ..api import DEAD_LETTER_EXPIRES, Publisher, ResultStore
from ..errors import BrokerRefused, BrokerUnavailable
from ..lane import now, unix_time
from ..letters.letter import Taken
from ..message import Delivery, Outcome, Verdict
from ..session import Session
from ..settlement import bind
from .holding import Holding
from .link import Link
from .settling import Settling

_REST_AFTER = 0.05
"""Seconds without a fetch after which nothing is received any more: others may want it."""

logger: logging.Logger = logging.getLogger(__name__)


class KombuIntake(Session[Link]):
    """One owner's claim on some queues. All state belongs to the lane's thread.

    A message whose `eta` lies ahead is taken, and held until then. A connection that is lost voids the tags that were
    handed out, unless the broker remembers who holds what (`Link.held_survives`).
    """

    def __init__(
        self,
        queues: Sequence[str],
        owner: str,
        make_link: Callable[[], Link],
        patience: float,
        publisher: Publisher,
        results: ResultStore | None,
        dead_letter_expires: float = DEAD_LETTER_EXPIRES,
    ) -> None:
        super().__init__(f"intake {owner} of {', '.join(queues)}", make_link, patience)
        self.owner = owner
        self.publisher = publisher
        self.results = results
        self.dead_letter_expires = dead_letter_expires
        self._queues = list(queues)
        self._holding = Holding()
        self._waiting: Completion[list[Delivery]] | None = None
        self._credit = 0
        self._asked = 0.0
        self._answered = 0.0
        self._kept = now()
        self._in_doubt: list[str] = []

    # What others call, from any thread

    def fetch(self, credit: int, room: int | None = None) -> Completion[list[Delivery]]:
        """Claim up to `credit` due messages; see `Intake.fetch`."""
        completion: Completion[list[Delivery]] = Completion()
        self.lane.post(lambda: self._ask(credit, completion), lambda: completion.resolve([]))
        return completion

    def settle(self, outcomes: Sequence[Outcome]) -> Completion[list[bool]]:
        """Carry out outcomes: follow-ups, results, chord parts, and last the messages; see `Intake.settle`."""
        if self.lane.closed:  # nothing is held any more; what belongs to no message is carried out all the same
            return Settling(self, outcomes, [None] * len(outcomes)).run()
        return bind(self.claim(outcomes), lambda taken: Settling(self, outcomes, taken).run())

    def holds(self, tags: Sequence[int]) -> Completion[list[bool]]:
        """Tell which messages are held, as far as the broker knows; see `Intake.holds`."""
        if not tags or self.lane.closed:
            return Completion.of([False] * len(tags))
        deadline = now() + self.patience
        return self.lane.submit(lambda: self._holds(tags, deadline))

    def renew(self) -> Completion[bool]:
        """Keep hold of everything; see `Intake.renew`."""
        return self.run(self._renew)

    def close(self) -> Completion[None]:
        """Give back every unsettled message; see `Intake.close`."""
        given_back = self.lane.submit(self._give_back)
        given_back.add_done_callback(lambda _: self.lane.close())
        return given_back

    # What settling asks for

    def claim(self, outcomes: Sequence[Outcome]) -> Completion[list[Taken | None]]:
        """Return the messages of outcomes and keep others from settling them; None where one is not held any more."""
        deadline = now() + self.patience
        return self.lane.submit(lambda: self._claim(outcomes, deadline))

    def release(self, outcomes: Sequence[Outcome]) -> None:
        """Let outcomes that could not be carried out be settled again."""
        self.lane.post(lambda: self._holding.release([outcome.tag for outcome in outcomes]))

    def finish(self, outcomes: Sequence[Outcome]) -> Completion[set[int]]:
        """Do with the messages what the verdicts say; returns the tags of those that were still held."""
        deadline = now() + self.patience
        return self.lane.submit(lambda: self._finish(outcomes, deadline))

    # What the session asks for, on the lane's thread

    def needed(self) -> bool:
        return self._waiting is not None or bool(self._holding) or bool(self._in_doubt)

    def serve(self, link: Link) -> float | None:
        pauses = [link.tick(), self._keep(link)]
        if self._waiting is not None:
            self._hand_out(link)
        if self._waiting is not None:
            due = self._holding.delayed.next_due()
            pauses += [link.next_look(), None if due is None else max(0.0, due - unix_time())]
        elif now() < self._answered + _REST_AFTER:
            pauses.append(self._answered + _REST_AFTER - now())
        else:
            link.rest()
        return min((pause for pause in pauses if pause is not None), default=None)

    def opened(self, link: Link) -> None:
        if self._in_doubt:
            link.give_back_doubtful(self._in_doubt)
            self._in_doubt = []
        link.consume(self._queues)

    def lost(self, link: Link) -> None:
        self._in_doubt += link.in_doubt()
        if not link.held_survives:
            self._holding.clear()

    def disappoint(self, error: BrokerUnavailable | BrokerRefused, asked_before: float) -> None:
        if self._waiting is not None and self._asked <= asked_before:
            waiting, self._waiting = self._waiting, None
            waiting.fail(error)

    def leave(self) -> None:
        self._give_back()
        super().leave()

    def abandon(self) -> None:
        super().abandon()
        self._holding.clear()
        self._waiting = None
        self._in_doubt = []

    # Taking

    def _ask(self, credit: int, completion: Completion[list[Delivery]]) -> None:
        self._answer([])
        self._waiting, self._credit, self._asked = completion, credit, now()

    def _hand_out(self, link: Link) -> None:
        ready = self._pop_due(link)
        try:
            while len(ready) < self._credit and (taken := link.take(self._credit - len(ready))):
                for one in taken:
                    if one.due > unix_time():
                        self._holding.delayed.add(one, one.due, now())
                    else:
                        ready.append(one)
        finally:  # where the connection breaks amid this, what was taken before is held all the same
            if ready:
                self._answer(self._holding.hand_out(ready))

    def _pop_due(self, link: Link) -> list[Taken]:
        """Return the messages that have become due and are held still."""
        due = self._holding.delayed.pop_due(unix_time(), self._credit)
        try:
            return [one for one, still in zip(due, link.held(due), strict=True) if still] if due else []
        except BaseException:
            for one in due:
                self._holding.delayed.add(one, one.due, now())
            raise

    def _answer(self, deliveries: list[Delivery]) -> None:
        waiting, self._waiting = self._waiting, None
        self._answered = now()
        if waiting is not None:
            waiting.resolve(deliveries)

    # Holding

    def _keep(self, link: Link) -> float | None:
        """Renew what is held, in time; give back, to take it again, what the broker does not let us hold for longer."""
        every = link.renew_every if link.hold_limit is None else link.hold_limit / 10
        if every is None:
            return None
        if now() >= self._kept + every:
            self._renew(link)
            if link.hold_limit is not None:
                link.requeue(self._holding.delayed.pop_held_since(now() - link.hold_limit))
        return self._kept + every - now()

    def _renew(self, link: Link) -> bool:
        self._kept = now()
        return link.renew(self._holding.everything())

    def _give_back(self) -> None:
        self._answer([])
        held = self._holding.unsettled()

        def give_back(link: Link) -> None:
            link.rest()  # or they would come back to us
            link.requeue(held)

        if self.link is not None:
            try:
                self.attempt(give_back)
            except (BrokerUnavailable, BrokerRefused) as error:
                logger.warning("%s: what it held stays so until the broker finds it gone: %s", self.lane.name, error)
        self._holding.clear()

    # Settling

    def _holds(self, tags: Sequence[int], deadline: float) -> list[bool]:
        found = self._still_held([Outcome(tag) for tag in tags], deadline)
        if found and self.link is not None:
            self._renew(self.link)
        return [tag in found for tag in tags]

    def _claim(self, outcomes: Sequence[Outcome], deadline: float) -> list[Taken | None]:
        found = self._still_held(outcomes, deadline)
        self._holding.claim(found)
        return [found.pop(outcome.tag, None) for outcome in outcomes]  # a tag settles once

    def _still_held(self, outcomes: Sequence[Outcome], deadline: float) -> dict[int, Taken]:
        """Return the messages that are held and not being settled, by tag; void the tags of those that are lost."""
        found = self._holding.unclaimed(outcomes)
        try:
            held = self.insist(lambda link: link.held(list(found.values())), deadline) if found else []
            self._holding.forget(tag for tag, still in zip(found, held, strict=True) if not still)
        except BrokerUnavailable:
            if self._holding.unclaimed(outcomes):
                raise
        return self._holding.unclaimed(outcomes)

    def _finish(self, outcomes: Sequence[Outcome], deadline: float) -> set[int]:
        try:
            if self._holding.of(outcomes):
                return self.insist(lambda link: self._dispose(link, outcomes), deadline)
        except BrokerUnavailable:
            if self._holding.of(outcomes):
                raise
        return set()  # the connection was lost, and the broker delivers them again

    def _dispose(self, link: Link, outcomes: Sequence[Outcome]) -> set[int]:
        held = self._holding.of(outcomes)
        back = {one.tag: one.delay for one in outcomes if one.verdict is Verdict.REQUEUE and one.tag in held}
        link.ack([taken for tag, taken in held.items() if tag not in back])
        if back and self._waiting is None:
            link.rest()  # or they would come back to us, whom nobody asks for messages
        link.requeue([held[tag] for tag, delay in back.items() if delay <= 0])
        for tag, delay in back.items():
            if delay > 0:
                self._holding.delayed.add(held[tag], unix_time() + delay, now())
        self._holding.forget(held)
        return set(held)
