"""The broker of a simulation: the embedded broker itself, in memory, behind connections that break by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ...actors import Actor, Message, on
from ...transports.embedded.core.broker import Answer, Broker
from ...transports.embedded.core.chords import ChordBoard
from ...transports.embedded.core.memory import MemoryStorage
from ...transports.embedded.core.policy import Policy
from ...transports.embedded.core.records import Claimed
from ...transports.embedded.requests import AnyRequest
from ...transports.embedded.service import Client, Service
from ...transports.message import Outcome, Publication
from .faults import ANSWER_LOST

if TYPE_CHECKING:
    from .channel import SimulatedChannel
    from .ledger import Ledger
    from .world import World

TICK = 0.05


@dataclass(frozen=True, slots=True)
class Dial(Message["SimulatedBroker", None]):
    """A channel connects, for the first time or again; `dialled` is the number of its connection."""

    channel: SimulatedChannel
    dialled: int


@dataclass(frozen=True, slots=True)
class HangUp(Message["SimulatedBroker", None]):
    """A connection has ended; `dead` says that its whole process has."""

    channel: SimulatedChannel
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Asked(Message["SimulatedBroker", None]):
    """A request came over a connection."""

    channel: SimulatedChannel
    dialled: int
    request: AnyRequest


@dataclass(frozen=True, slots=True)
class Tick(Message["SimulatedBroker", None]):
    """Something may have become due."""


@dataclass(frozen=True, slots=True)
class Die(Message["SimulatedBroker", None]):
    """The broker's process dies, and another takes over from what is stored."""


class LedgerBroker(Broker):
    """A broker that notes in the world's ledger what it takes in and what it settles."""

    def __init__(self, ledger: Ledger, storage: MemoryStorage, policy: Policy) -> None:
        super().__init__(storage, policy)
        self._ledger = ledger
        self.chords: ChordBoard = ChordBoard(storage, self._trigger, policy.chord_retention)

    def _trigger(self, body: Publication, now: float) -> None:
        """Publish the body of a chord."""
        self.queues.publish(body, now)
        self._ledger.note_arrived([body])

    def publish(self, publications: Sequence[Publication]) -> None:
        """See `Broker.publish`."""
        super().publish(publications)
        self._ledger.note_arrived(publications)

    def settle(self, name: str, outcomes: Sequence[Outcome]) -> list[bool]:
        """See `Broker.settle`."""
        answers = super().settle(name, outcomes)
        for outcome, held in zip(outcomes, answers, strict=True):
            if held:
                self._ledger.note_settled(outcome)
        return answers


@dataclass(slots=True)
class Connection:
    """What the broker has of a channel: `last` is the id of the last request that came."""

    client: Client
    dialled: int
    last: int = 0


class SimulatedBroker(Actor):
    """Serves channels, a round for each request, and breaks their connections where chance will have it."""

    def __init__(self, world: World, broker: type[LedgerBroker], policy: Policy) -> None:
        self._world = world
        self._broker = broker
        self._policy = policy
        self._connections: dict[SimulatedChannel, Connection] = {}
        self._service = self._serve()

    def on_start(self) -> None:
        """Begin to tick."""
        self.every(TICK, Tick())

    @on(Dial)
    def dial(self, message: Dial) -> None:
        """Welcome a channel, hear what it holds, and take the requests that have no answer yet."""
        channel = message.channel
        if message.dialled != channel.dialled:
            return
        client = self._service.join(channel.nonce, channel)
        self._connections[channel] = Connection(client, message.dialled)
        _, answers = self._service.resume(client, channel.held(), *self._times())
        self._tell(answers)
        for request in channel.unanswered():
            self._carry_out(channel, message.dialled, request)

    @on(HangUp)
    def hang_up(self, message: HangUp) -> None:
        """Forget a connection; of a dead node, give back at once what it held."""
        connection = self._connections.pop(message.channel, None)
        if connection is None:
            return
        boots = list(connection.client.boots)
        self._service.leave(connection.client)
        if message.dead:
            self._tell(self._service.act(lambda broker: [broker.bury_node(boot) for boot in boots], *self._times()))

    @on(Asked)
    def asked(self, message: Asked) -> None:
        """Carry a request out, unless its connection has broken since."""
        self._carry_out(message.channel, message.dialled, message.request)

    @on(Tick)
    def tick(self, _: Tick) -> None:
        """Do what has become due."""
        self._tell(self._service.round([], *self._times()))

    @on(Die)
    def die(self, _: Die) -> None:
        """Begin again from the storage: every node has to say what it holds."""
        channels, self._connections = list(self._connections), {}
        self._service = self._serve()
        alive = [node.boot for node in self._world.nodes]
        self._tell(self._service.act(lambda broker: broker.recover(alive), *self._times()))
        for channel in channels:
            channel.break_off()

    def _serve(self) -> Service:
        world = self._world
        return Service(world.storage, self._broker(world.ledger, world.storage, self._policy))

    def _times(self) -> tuple[float, float]:
        return self.clock.time(), self.clock.now()

    def _carry_out(self, channel: SimulatedChannel, dialled: int, request: AnyRequest) -> None:
        connection = self._connections.get(channel)
        if connection is None or dialled != channel.dialled or request.id <= connection.last:
            return
        connection.last = request.id
        answers = self._service.round([(connection.client, request)], *self._times())
        if self._world.strikes(ANSWER_LOST):
            channel.break_off()
        self._tell(answers)

    def _tell(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            client, number = _token(answer)
            channel: SimulatedChannel = client.address
            self._world.ledger.note_delivered(_claimed(answer.value), self.clock.time())
            connection = self._connections.get(channel)
            if connection is not None and connection.client is client and connection.dialled == channel.dialled:
                channel.answer(number, answer)


def _claimed(value: object) -> list[Claimed]:
    """Return the deliveries among an answer."""
    answered = cast("list[object]", value) if isinstance(value, list) else []
    return [one for one in answered if isinstance(one, Claimed)]


def _token(answer: Answer) -> tuple[Client, int]:
    token: Any = answer.token
    return token
