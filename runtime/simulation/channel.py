"""`SimulatedChannel`: a process's way to the simulated broker, as its `Link` is to the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...actors import Completion
from ...transports.embedded.calls import settling
from ...transports.embedded.channel import Claims
from ...transports.embedded.frames import Held
from ...transports.embedded.requests import AnyRequest, Publish, Settle
from ...transports.errors import BrokerUnavailable
from .broker import Asked, Dial, HangUp
from .faults import REQUEST_LOST

if TYPE_CHECKING:
    from ...actors import Ref
    from ...transports.embedded.core.broker import Answer
    from .broker import SimulatedBroker
    from .world import World

BROKER = "broker"
"""The broker's end of the connection, for faults on the way."""
REDIAL = 0.1
"""Seconds between two attempts to reach the broker."""


class SimulatedChannel:
    """Carries calls to the broker over one connection, and carries them again over the next when that breaks.

    A call may also fail, as it does where no broker was reached in time; not so if it is `patient`.
    """

    def __init__(self, world: World, broker: Ref[SimulatedBroker], nonce: str, *, patient: bool = False) -> None:
        self.nonce = nonce
        self._patient = patient
        self.dialled: int = 0
        """The number of the connection; what belongs to an earlier one is lost."""
        self._world = world
        self._broker = broker
        self._calls: dict[int, tuple[AnyRequest, Completion[Any]]] = {}
        self._ids = 0
        self._numbers = 0
        self._claims: list[Claims] = []
        self._connected = False
        self._dead = False
        self._dial()

    # -- Channel ---------------------------------------------------------------------------------------------------

    def call(self, request: AnyRequest) -> Completion[Any]:
        """See `Channel.call`."""
        if not self._patient and self._world.strikes(REQUEST_LOST):
            return Completion.failed(BrokerUnavailable("simulated: no broker was reached in time"))
        completion: Completion[Any] = Completion()
        self._ids += 1
        request.id = self._ids
        if isinstance(request, (Publish, Settle)):
            self._numbers += 1
            request.number = self._numbers
        self._calls[request.id] = (request, completion)
        if self._connected:
            asked = Asked(self, self.dialled, request)
            self._carry(self.nonce, BROKER, asked, lambda: self._broker.tell(asked))
        return completion

    def join(self, claims: Claims) -> None:
        """See `Channel.join`."""
        self._claims.append(claims)

    def leave(self, claims: Claims) -> None:
        """See `Channel.leave`."""
        if claims in self._claims:
            self._claims.remove(claims)

    def close(self) -> None:
        """See `Channel.close`."""
        self._broker.tell(HangUp(self))

    # -- for the broker and the world --------------------------------------------------------------------------------

    def held(self) -> list[Held]:
        """Return what its claims hold."""
        asked = self.unanswered()
        return [
            Held(claims.owner, list(claims.queues), claims.held(), settling(asked, claims.owner))
            for claims in self._claims
        ]

    def unanswered(self) -> list[AnyRequest]:
        """Return the requests that have no answer yet, in order."""
        return [request for request, _ in self._calls.values()]

    def answer(self, number: int, answer: Answer) -> None:
        """Send an answer back to where it was asked for."""
        self._carry(BROKER, self.nonce, answer, lambda: self._hear(number, answer))

    def break_off(self) -> None:
        """Lose the connection with all that is on its way, and dial again."""
        self._broker.tell(HangUp(self))
        self._dial()

    def die(self) -> None:
        """End with the process that this is the channel of."""
        self._dead = True
        self._connected = False
        self.dialled += 1
        self._broker.tell(HangUp(self, dead=True))

    def _hear(self, number: int, answer: Answer) -> None:
        call = self._calls.pop(number, None)
        if call is None:
            return
        if answer.error is None:
            call[1].resolve(answer.value)
        else:
            call[1].fail(answer.error)

    # -- the connection --------------------------------------------------------------------------------------------

    def _dial(self) -> None:
        """Give up the connection that there may be, and ask for another until the broker is reached."""
        if self._dead:
            return
        self.dialled += 1
        self._connected = bool(self._world.chaos.fate(self.nonce, BROKER, "dial"))
        if self._connected:
            self._broker.tell(Dial(self, self.dialled))
            return
        number = self.dialled
        self._world.host.call_later(REDIAL, lambda: self._dial() if self.dialled == number else None)

    def _carry(self, source: str, target: str, message: object, arrive: Callable[[], object]) -> None:
        """Send something over this connection, in order; what is lost breaks it."""
        chaos, clock, connection = self._world.chaos, self._world.host.clock, self.dialled
        delays = chaos.fate(source, target, message)
        if not delays:
            self.break_off()
            return
        moment = chaos.network.queue_up((source, target), clock.now() + delays[0])
        if moment <= clock.now():
            arrive()
        else:
            self._world.host.call_at(moment, lambda: arrive() if self.dialled == connection else None)
