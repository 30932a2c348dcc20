"""`Service`: carries out requests against a broker, many in one commit."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ...actors.errors import UnderstudyError
from ..errors import LeaseLost, StoreCorrupt, StoreUnusable, TransportError
from .core.broker import Broker
from .core.owners import Answer, split_owner
from .core.storage import Storage
from .frames import Held
from .mail import MAIL, MailDesk
from .refusals import Refusals
from .requests import (
    AddChordPart,
    AnyRequest,
    Close,
    DeleteGroup,
    DiscardDead,
    EndChord,
    ExtendChord,
    Fetch,
    Forget,
    Get,
    GetChordParts,
    Leave,
    ListDead,
    Open,
    Ping,
    Publish,
    Purge,
    Renew,
    RestoreGroup,
    RetryDead,
    SaveGroup,
    SetChordSize,
    Settle,
    Size,
    Store,
    Wait,
)

logger: logging.Logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
"""How long a settlement that could not be stored waits before it is tried again."""


@dataclass(slots=True, eq=False)
class Client:
    """Who asks, and `address`, to which the caller sends the answers.

    last: the highest number of its requests that is done. durable: the highest that is committed. boots: those of its
    owners.
    """

    nonce: str
    address: Any = None
    last: int = 0
    durable: int = 0
    boots: set[str] = field(default_factory=set[str])


Asked = tuple[Client, AnyRequest]
Token = tuple[Client, int]


@dataclass(slots=True)
class Job:
    """A request that is carried out in steps, of a round each, so that it holds up nobody."""

    asked: Asked
    steps: Generator[None, None, object]

    def step(self) -> Answer | None:
        """Go a step on; returns the answer after the last."""
        try:
            next(self.steps)
        except StopIteration as end:
            client, request = self.asked
            return Answer((client, request.id), end.value)
        return None


_LATER = object()
"""Instead of a value: the broker answers when it can."""


class Service:
    """Rounds of requests.

    Where a round cannot be committed it is rolled back, and each of its requests is tried alone, so that one fails for
    itself. A settlement that finds no room is kept and tried again: the work it reports was done.
    """

    def __init__(self, storage: Storage, broker: Broker) -> None:
        self._storage = storage
        self.broker = broker
        self._parked: list[Asked] = []
        self._retry_at = 0.0
        self._due_at = 0.0
        self._mail = MailDesk()
        self._mono = 0.0
        self._homes: dict[str, Client] = {}
        self._refusals = Refusals()
        self._jobs: deque[Job] = deque()
        self._new_jobs: list[Job] = []
        self._handlers = self._table()

    def nodes(self) -> list[str]:
        """Return the boots of the nodes that an earlier incarnation knew."""
        return [node.boot for node in self._storage.book.nodes()]

    def join(self, nonce: str, address: object) -> Client:
        """Return a client, new or come back."""
        last = self._storage.book.last_number(nonce)
        return Client(nonce, address, last, last)

    def resume(self, client: Client, held: Sequence[Held], now: float, mono: float) -> tuple[list[bool], list[Answer]]:
        """Let a client's owners go on with what they hold; returns for each whether it does."""
        self._house(client, {split_owner(one.owner)[0] for one in held})
        resumed: list[bool] = []

        def go_on(broker: Broker) -> None:
            resumed.extend(broker.resume(one.owner, one.queues, one.since(client.last)) for one in held)
            for boot in client.boots:
                broker.resumed(boot)

        return resumed, self.act(go_on, now, mono)

    def leave(self, client: Client) -> None:
        """Forget what a client left undone: if it comes back it asks again."""
        self._parked = [(other, request) for other, request in self._parked if other is not client]
        self._jobs = deque(job for job in self._jobs if job.asked[0] is not client)
        self.broker.results.abandon(lambda token: token[0] is client)
        self._mail.leave(client, self._mono)
        for boot in client.boots:
            self._homes.pop(boot, None)
            self.broker.detach(boot)

    def act(self, action: Callable[[Broker], object], now: float, mono: float) -> list[Answer]:
        """Do something with the broker in a round of its own; it stands even where it cannot be made durable now."""
        self.broker.begin(now, mono)
        action(self.broker)
        try:
            self.broker.persist()
        except StoreUnusable:
            self.broker.rollback()
        return self.broker.answers()

    @property
    def busy(self) -> bool:
        """Whether it has to go on with what it has begun, even if nobody asks for anything."""
        return bool(self._jobs)

    def round(self, asked: Sequence[Asked], now: float, mono: float) -> list[Answer]:
        """Carry out requests and return the answers that are due: first to those who waited, then to these."""
        self._mono = mono
        mail = [one for one in asked if isinstance(one[1], MAIL)]
        answers = self._mail.round(mail, mono)
        if mail:
            asked = [one for one in asked if not isinstance(one[1], MAIL)]
            if not (asked or self._jobs or self._parked) and mono < self._due_at:
                return answers
        answers += self._together(asked, now, mono)
        return answers + self._work_off(now, mono) if self._jobs else answers

    def _together(self, asked: Sequence[Asked], now: float, mono: float) -> list[Answer]:
        if self._parked and mono >= self._retry_at:
            asked, self._parked = [*self._parked, *asked], []
        clients = {client for client, _ in asked}
        self.broker.begin(now, mono)
        try:
            if mono >= max(self._due_at, self._retry_at):
                self.broker.tick()
            answers = [self._carry_out(client, request) for client, request in asked]
            self._commit(clients)
        except StoreCorrupt:
            raise
        except Exception:  # noqa: BLE001 - whose it is shows when each is tried alone
            self._roll_back(clients)
            return self._one_by_one(asked, now, mono)
        return [*self.broker.answers(), *(answer for answer in answers if answer is not None)]

    def next_round(self, now: float, mono: float) -> float:
        """Return in how many seconds a round is due even if nobody asks for anything; to be called after each."""
        self._due_at = mono + self.broker.next_tick(now, mono)
        if self._jobs:
            return 0.0
        expiry = self._mail.next_round()
        if expiry is not None:
            self._due_at = min(self._due_at, expiry)
        return max((self._retry_at if self._parked else max(self._due_at, self._retry_at)) - mono, 0.0)

    def _one_by_one(self, asked: Sequence[Asked], now: float, mono: float) -> list[Answer]:
        answers = self._alone(None, now, mono)
        for one in asked:
            if isinstance(one[1], Settle) and self._keeps_work_of(one[0]):
                self._parked.append(one)
            else:
                answers += self._alone(one, now, mono)
        return answers

    def _alone(self, one: Asked | None, now: float, mono: float) -> list[Answer]:
        """Carry out one request, or the tick, in a round of its own."""
        clients: set[Client] = set() if one is None else {one[0]}
        answer = None
        self.broker.begin(now, mono)
        try:
            if one is None:
                self.broker.tick()
            else:
                answer = self._carry_out(*one)
            self._commit(clients)
        except StoreCorrupt:
            raise
        except Exception as error:  # noqa: BLE001 - it is the asker's
            self._roll_back(clients)
            return self._failed(one, error, mono)
        return ([] if answer is None else [answer]) + self.broker.answers()

    def _failed(self, one: Asked | None, error: Exception, mono: float) -> list[Answer]:
        if isinstance(error, StoreUnusable):
            self._retry_at = mono + RETRY_SECONDS
        elif not isinstance(error, UnderstudyError):
            logger.error("a request failed: %r", one, exc_info=error)
            error = TransportError(f"the embedded broker could not carry out a request: {error!r}; its log says more")
        if one is None:
            return []
        if isinstance(error, StoreUnusable) and isinstance(one[1], Settle):
            self._parked.append(one)
            return []
        return [Answer((one[0], one[1].id), error=error)]

    def _keeps_work_of(self, client: Client) -> bool:
        return any(other is client for other, _ in self._parked)

    def _carry_out(self, client: Client, request: AnyRequest) -> Answer | None:
        if isinstance(request, (Publish, Settle)) and request.number:
            if request.number <= client.last:
                return Answer((client, request.id), self._done_before(client, request))
            if self._parked and self._keeps_work_of(client):
                raise StoreUnusable("the embedded broker has no room; it still keeps earlier work of yours to store")
            client.last = request.number
        value = self._handlers[type(request)](client, request)
        if isinstance(request, Settle):
            self._refusals.note(client.nonce, request.number, cast("list[bool]", value))
        if isinstance(value, Generator):
            self._new_jobs.append(Job((client, request), cast("Generator[None, None, object]", value)))
            return None
        return None if value is _LATER else Answer((client, request.id), value)

    def _done_before(self, client: Client, request: Publish | Settle) -> object:
        """Return the answer of a request that was carried out before: its first answer got lost."""
        if isinstance(request, Publish):
            return None
        self.broker.take_back(request.owner, [outcome.tag for outcome in request.outcomes])
        return self._refusals.of(client.nonce, request.number) or [True] * len(request.outcomes)

    def _work_off(self, now: float, mono: float) -> list[Answer]:
        """Go a step on with the oldest job, in a round of its own: others have theirs meanwhile."""
        job = self._jobs[0]
        self.broker.begin(now, mono)
        try:
            answer = job.step()
            self.broker.persist()
        except StoreCorrupt:
            raise
        except Exception as error:  # noqa: BLE001 - it is the asker's
            self._jobs.popleft()
            self.broker.rollback()
            return self._failed(job.asked, error, mono)
        if answer is None:
            return self.broker.answers()
        self._jobs.popleft()
        return [answer, *self.broker.answers()]

    def _commit(self, clients: set[Client]) -> None:
        moved = [client for client in clients if client.last != client.durable]
        for client in moved:
            self._storage.book.remember_number(client.nonce, client.last, self.broker.now)
        self.broker.persist()
        for client in moved:
            client.durable = client.last
        self._jobs += self._new_jobs
        self._new_jobs.clear()

    def _roll_back(self, clients: set[Client]) -> None:
        self.broker.rollback()
        self._new_jobs.clear()
        for client in clients:
            client.last = client.durable

    def _open(self, client: Client, request: Open) -> None:
        self.broker.open(request.owner, request.queues)
        self._house(client, {split_owner(request.owner)[0]})

    def _house(self, client: Client, boots: set[str]) -> None:
        """Note from which client, of several with one node's name, the node is heard: the last."""
        for boot in boots:
            former = self._homes.get(boot)
            if former is not None and former is not client:
                former.boots.discard(boot)
            self._homes[boot] = client
            client.boots.add(boot)

    def _fetch(self, client: Client, request: Fetch) -> object:
        if split_owner(request.owner)[0] not in client.boots:
            raise LeaseLost(f"{request.owner} is not open on this connection")
        self.broker.fetch(request.owner, request.credit, (client, request.id), request.room)
        return _LATER

    def _wait(self, client: Client, request: Wait) -> object:
        deadline = None if request.timeout is None else self.broker.mono + request.timeout
        self.broker.results.wait(request.task_id, (client, request.id), deadline)
        return _LATER

    def _get(self, request: Get) -> list[bytes | None]:
        found = self._storage.results.get(request.task_ids, self.broker.now)
        return [None if one is None else one[1] for one in found]

    def _save_group(self, request: SaveGroup) -> None:
        expires = None if request.ttl is None else self.broker.now + request.ttl
        self._storage.results.put_group(request.group_id, request.payload, expires)

    def _table(self) -> dict[type[Any], Callable[[Client, Any], object]]:
        broker, results, chords, dead = self.broker, self._storage.results, self.broker.chords, self.broker.dead
        return {
            Ping: lambda _, _r: None,
            Open: self._open,
            Fetch: self._fetch,
            Settle: lambda _, r: broker.settle(r.owner, r.outcomes),
            Renew: lambda _, r: broker.renew(r.owner),
            Close: lambda _, r: broker.close(r.owner),
            Publish: lambda _, r: broker.publish(r.publications),
            Store: lambda _, r: broker.results.store(r.results, broker.now),
            Get: lambda _, r: self._get(r),
            Wait: self._wait,
            Forget: lambda _, r: results.delete(r.task_ids),
            SaveGroup: lambda _, r: self._save_group(r),
            RestoreGroup: lambda _, r: results.get_group(r.group_id, broker.now),
            DeleteGroup: lambda _, r: results.delete_group(r.group_id),
            SetChordSize: lambda _, r: chords.set_size(r.group_id, r.size, broker.now),
            ExtendChord: lambda _, r: chords.extend(r.group_id, r.index, r.task_id, broker.now),
            AddChordPart: lambda _, r: chords.add(r.part, broker.now),
            GetChordParts: lambda _, r: chords.parts(r.group_id),
            EndChord: lambda _, r: chords.end(r.group_id, broker.now),
            ListDead: lambda _, r: dead.list(r.queue, r.limit),
            RetryDead: lambda _, r: dead.retry(r.ids, r.queue, broker.now),
            DiscardDead: lambda _, r: dead.discard(r.ids, r.queue, broker.now),
            Size: lambda _, r: broker.queues.size(r.queue),
            Purge: lambda _, r: broker.queues.purge(r.queue),
            Leave: lambda client, _r: [broker.leave(boot) for boot in client.boots],
        }
