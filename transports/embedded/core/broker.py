"""`Broker`: the rounds, the owners and their claims, and what an outcome sets off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from msgspec.structs import replace

from ....actors.errors import Timeout
from ...errors import LeaseLost, TransportError
from ...message import Outcome, Publication, Verdict
from .chords import ChordBoard
from .dead import Morgue
from .fetches import Fetches
from .owners import Answer, Owner, Tenant, Tenants, Token, Waiting, split_owner
from .place import sequence_of
from .policy import Policy
from .queues import Queues
from .ready import Ready
from .records import Claimed, Message, Node
from .results import ResultDesk
from .storage import Storage

_TAGS = 40
"""Bits of a tag that count claims; those above are the incarnation, so that no tag comes twice."""
_SWEEP_SECONDS = 10.0
_SWEEP_ROWS = 500


class Broker:
    """All queues, claims, results, chords and dead letters of one storage. Not thread-safe."""

    def __init__(self, storage: Storage, policy: Policy) -> None:
        self._storage = storage
        self._policy = policy
        self._tag = storage.book.begin() << _TAGS
        storage.book.drop_empty_queues()
        self.queues: Queues = Queues(storage, policy)
        self.results: ResultDesk = ResultDesk(storage)
        self.chords: ChordBoard = ChordBoard(storage, self.queues.publish, policy.chord_retention)
        self.dead: Morgue = Morgue(storage, self.queues, policy)
        self._tenants = Tenants(policy.lease)
        self._owners: dict[str, Owner] = {}
        self._fetches = Fetches(self._claim)
        self._suspect_before = 0
        self._sweep_at = 0.0
        self._answers: list[Answer] = []
        self._settled: list[tuple[Owner, int, Message]] = []
        self._voided: list[Message] = []
        self._opened: list[Owner] = []
        self.now: float = 0.0
        self.mono: float = 0.0
        storage.commit()

    # Rounds

    def begin(self, now: float, mono: float) -> None:
        """Start a round at `now` (unix seconds) and `mono` (monotonic seconds)."""
        self.now, self.mono = now, mono
        self.queues.begin()

    def tick(self) -> None:
        """Do what has become due: wake delayed messages, end leases, delete what has expired."""
        self.queues.wake(self.now)
        for tenant in self._tenants.overdue(self.mono):
            self._lose_lease(tenant)
        if self.now >= self._sweep_at:
            self._sweep()

    def commit(self) -> list[Answer]:
        """End the round: `persist`, then `answers`."""
        self.persist()
        return self.answers()

    def persist(self) -> None:
        """Make the round durable; raises what the storage's commit raises, and `rollback` has to follow then."""
        self._storage.commit()

    def answers(self) -> list[Answer]:
        """Hand out messages once the round is durable; returns what is to be told to those who waited."""
        self.queues.commit()
        self._forget_round()
        late = Timeout("the task was not ready in time")
        self._answers += [Answer(token, payload) for token, payload in self.results.arrived(self.now)]
        self._answers += [Answer(token, error=late) for token in self.results.timed_out(self.mono)]
        if not self._tenants.awaited:
            self._answers += self._fetches.serve()
        answers, self._answers = self._answers, []
        return answers

    def rollback(self) -> None:
        """Undo the round, but for the ends of leases: what those held is ready again all the same."""
        self._storage.rollback()
        for owner in self._opened:
            self._forsake(owner)
        self._fetches.rollback()
        self.queues.rollback()
        for owner, tag, message in self._settled:
            if self._owners.get(owner.name) is owner:
                owner.held[tag] = message
                self.queues.of(message).claimed.add(message.place)
            else:
                self._voided.append(message)
        self.queues.show(self._voided)
        self._forget_round()

    def next_tick(self, now: float, mono: float) -> float:
        """Return in how many seconds `tick` has something to do."""
        due = [
            None if self.queues.next_due is None else self.queues.next_due - now,
            None if (end := self._tenants.next_end()) is None else end - mono,
            None if (deadline := self.results.next_deadline()) is None else deadline - mono,
            self._sweep_at - now,
        ]
        return max(0.0, min(wait for wait in due if wait is not None))

    # Owners

    def recover(self, alive: Iterable[str]) -> None:
        """Take over from an earlier incarnation: await the nodes that are `alive`, forget the others."""
        boots = set(alive)
        nodes = self._storage.book.nodes()
        for node in nodes:
            if node.boot not in boots:
                self._storage.book.delete_node(node.boot)
                self._suspect_before = self.queues.first_sequence
        self._tenants.recover((node for node in nodes if node.boot in boots), self.mono)

    @property
    def nodes(self) -> list[str]:
        """The boots of the nodes that hold, or may hold, messages."""
        return [tenant.boot for tenant in self._tenants.leased()]

    @property
    def awaited(self) -> frozenset[str]:
        """The boots that have to say what they hold before anybody is served."""
        return self._tenants.awaited

    def open(self, name: str, queues: Sequence[str]) -> None:
        """Let an owner take from `queues`; older epochs of its boot give up what they hold of them.

        Raises `LeaseLost` for an epoch that lost its lease, or comes after a newer one of its boot.
        """
        boot, epoch = split_owner(name)
        if not queues:
            raise TransportError(f"{name} has to name the queues it takes from: at least one")
        ready = [self.queues.declare(queue) for queue in queues]
        owner = self._owners.get(name)
        if owner is not None:
            owner.queues = ready
            return

        tenant = self._tenants.admit(boot, self.mono)
        if epoch <= tenant.fence:
            raise LeaseLost(f"{name} lost its lease; epochs of this boot go on from {tenant.fence + 1}")
        if _is_superseded(tenant, epoch, queues):
            raise LeaseLost(f"{name} lost its lease: a newer epoch of its boot has taken its place")
        self._admit(Owner(name, tenant, epoch, ready))
        self._tenants.heard(boot)  # whoever opens has said before what it holds, and it is nothing
        self._supersede(tenant, epoch, queues)

    def resume(self, name: str, queues: Sequence[str], held: Sequence[tuple[int, int]]) -> bool:
        """Go on with an owner after its connection, or the last writer, broke; `held` are its (tag, place).

        What it was handed but does not know of waits again. False: it holds nothing any more, and is not open.
        """
        boot, epoch = split_owner(name)
        owner = self._owners.get(name)
        tenant = self._tenants.find(boot)
        if owner is not None:
            self._reconcile(owner, {tag for tag, _ in held})
        elif tenant is not None and boot in self._tenants.awaited and epoch > tenant.fence:
            owner = Owner(name, tenant, epoch, [self.queues.declare(queue) for queue in queues])
            self._admit(owner)
            self._supersede(tenant, epoch, queues)
            self._claim_again(owner, held)
        elif held or (tenant is not None and (epoch <= tenant.fence or _is_superseded(tenant, epoch, queues))):
            return False
        else:
            self.open(name, queues)
        return True

    def _supersede(self, tenant: Tenant, epoch: int, queues: Sequence[str]) -> None:
        """Void the older owners of a node that take from the same queues: they ended without a word.

        To be called once the younger one is there: a node without owners is forgotten.
        """
        for other in list(tenant.owners.values()):
            if other.epoch < epoch and not set(queues).isdisjoint(queue.name for queue in other.queues):
                self._void(other)

    def resumed(self, boot: str) -> None:
        """Note that a node has said all that it holds."""
        self._tenants.heard(boot)

    def renew(self, name: str) -> bool:
        """Renew the lease of an owner's node; False: the owner holds nothing any more."""
        owner = self._owners.get(name)
        if owner is not None:
            self._tenants.renew(owner.tenant, self.mono)
        return owner is not None

    def prolong(self, seconds: float) -> None:
        """Let every lease end later, for a time in which renewals could not be heard."""
        self._tenants.prolong(seconds)

    def detach(self, boot: str) -> None:
        """Stop serving a node whose connection broke; what it holds stays with it until its lease ends."""
        tenant = self._tenants.find(boot)
        for owner in tenant.owners.values() if tenant else ():
            self._fetches.stop(owner)

    def bury_node(self, boot: str) -> None:
        """Give back at once what a dead node held."""
        tenant = self._tenants.find(boot)
        if tenant is not None:
            self._lose_lease(tenant)
            self._tenants.remove(boot)

    def close(self, name: str) -> None:
        """Give back what an owner holds, uncounted; its waiting fetch is answered with nothing."""
        owner = self._owners.get(name)
        if owner is not None:
            waiting, owner.waiting = owner.waiting, None
            if waiting is not None:
                self._answers.append(Answer(waiting.token, []))
            self._void(owner)

    def leave(self, boot: str) -> None:
        """Close every owner of a node."""
        tenant = self._tenants.find(boot)
        for name in list(tenant.owners) if tenant is not None else ():
            self.close(name)

    # Messages

    def publish(self, publications: Sequence[Publication]) -> None:
        """Put messages into their queues, in order."""
        for publication in publications:
            self.queues.publish(publication, self.now)

    def fetch(self, name: str, credit: int, token: Token, room: int | None = None) -> None:
        """Answer `token` with up to `credit` messages, as soon as there is one; none after that which fills `room`."""
        owner = self._owners.get(name)
        if owner is None:
            raise LeaseLost(f"{name} holds no lease: open an intake with the next epoch")
        if owner.waiting is not None:
            raise TransportError(f"{name} has a fetch under way: one at a time")
        self._tenants.renew(owner.tenant, self.mono)
        self._fetches.begin(owner, Waiting(token, credit, inf if room is None else room))

    def settle(self, name: str, outcomes: Sequence[Outcome]) -> list[bool]:
        """Carry out outcomes in order; False for each whose tag the owner does not hold."""
        owner = self._owners.get(name)
        if owner is not None:
            self._tenants.renew(owner.tenant, self.mono)
        return [self._settle(owner, outcome) for outcome in outcomes]

    def take_back(self, name: str, tags: Sequence[int]) -> None:
        """Give back what an owner had settled: it has not heard so from the last writer, and claimed it again."""
        owner = self._owners.get(name)
        if owner is None:
            return
        for tag in tags:
            message = owner.held.pop(tag, None)
            if message is not None:
                self._return(message, deaths=0)

    def _settle(self, owner: Owner | None, outcome: Outcome) -> bool:
        if outcome.tag:
            message = owner.held.pop(outcome.tag, None) if owner is not None else None
            if owner is None or message is None:
                return False
            self._settled.append((owner, outcome.tag, message))
            self._dispose(message, outcome)
        if outcome.result is not None:
            self.results.store((outcome.result,), self.now)
        if outcome.more_results:
            self.results.store(outcome.more_results, self.now)
        if outcome.follow_ups:
            self.publish(outcome.follow_ups)
        if outcome.chord is not None:
            self.chords.add(outcome.chord, self.now)
        if outcome.ended_chord is not None:
            self.chords.end(outcome.ended_chord, self.now)
        return True

    def _dispose(self, message: Message, outcome: Outcome) -> None:
        self.queues.of(message).claimed.discard(message.place)
        verdict = outcome.verdict
        if verdict is Verdict.ACK:
            self._storage.messages.delete(message.place)
        elif verdict is Verdict.DEAD:
            self.dead.bury(message, outcome.reason, self.now)
        else:
            again = replace(message, losses=message.losses + (verdict is Verdict.LOST), returned=True)
            self.queues.give_back(again, self.now + outcome.delay if outcome.delay > 0 else None)

    def _claim(self, owner: Owner, queue: Ready, message: Message) -> Claimed:
        self._tag += 1
        owner.held[self._tag] = message
        redelivered = message.returned or sequence_of(message.place) < self._suspect_before
        counts = message.losses, redelivered, message.deaths
        return Claimed(self._tag, queue.name, message.head, message.body, *counts, message.place)

    # Ends of claims

    def _admit(self, owner: Owner) -> None:
        tenant = owner.tenant
        if not tenant.owners and tenant.boot not in self._tenants.awaited:
            self._storage.book.put_node(Node(tenant.boot, tenant.fence))
        tenant.owners[owner.name] = self._owners[owner.name] = owner
        self._tenants.renew(tenant, self.mono)
        self._opened.append(owner)

    def _claim_again(self, owner: Owner, held: Sequence[tuple[int, int]]) -> None:
        tags = {place: tag for tag, place in held}
        for message in self._storage.messages.load(tags):
            claimed = self.queues.of(message).claimed
            if message.place not in claimed:
                claimed.add(message.place)
                owner.held[tags[message.place]] = message

    def _reconcile(self, owner: Owner, known: set[int]) -> None:
        self._fetches.stop(owner)
        for tag in [tag for tag in owner.held if tag not in known]:
            self._return(owner.held.pop(tag), deaths=0)

    def _lose_lease(self, tenant: Tenant) -> None:
        tenant.fence = max((owner.epoch for owner in tenant.owners.values()), default=tenant.fence)
        self._tenants.heard(tenant.boot)
        self._storage.book.delete_node(tenant.boot)
        for owner in list(tenant.owners.values()):
            self._void(owner, deaths=1)
        if tenant.fence < 0:
            self._tenants.remove(tenant.boot)

    def _void(self, owner: Owner, deaths: int = 0) -> None:
        for message in owner.held.values():
            self._return(message, deaths)
        owner.held.clear()
        if owner.waiting is not None:
            lost = LeaseLost(f"{owner.name} lost its lease, or a newer epoch of its boot took its place")
            self._answers.append(Answer(owner.waiting.token, error=lost))
        self._drop(owner)

    def _return(self, message: Message, deaths: int) -> None:
        self._voided.append(message)
        self.queues.of(message).claimed.discard(message.place)
        again = replace(message, deaths=message.deaths + deaths, returned=True)
        if again.deaths < self._policy.max_node_deaths:
            self.queues.give_back(again)
        else:
            self.dead.bury(again, f"{again.deaths} nodes died while they held it", self.now)

    def _drop(self, owner: Owner) -> None:
        self._owners.pop(owner.name, None)
        self._fetches.stop(owner)
        tenant = owner.tenant
        tenant.owners.pop(owner.name, None)
        if not tenant.owners:
            self._storage.book.delete_node(tenant.boot)
            if tenant.fence < 0:
                self._tenants.remove(tenant.boot)

    def _forsake(self, owner: Owner) -> None:
        """Take back an owner's admission, which was not committed."""
        for message in owner.held.values():
            self.queues.of(message).claimed.discard(message.place)
            self._voided.append(message)
        self._drop(owner)

    def _sweep(self) -> None:
        more = self._storage.sweep(self.now, _SWEEP_ROWS)
        more = self.queues.drop_expired(self.now, _SWEEP_ROWS) or more
        self._sweep_at = self.now if more else self.now + _SWEEP_SECONDS

    def _forget_round(self) -> None:
        self._settled, self._voided, self._opened = [], [], []
        self._fetches.commit()


def _is_superseded(tenant: Tenant, epoch: int, queues: Sequence[str]) -> bool:
    """Tell whether a newer owner of a node takes from one of the queues: the older one ended, and comes late."""
    return any(
        other.epoch > epoch and not set(queues).isdisjoint(queue.name for queue in other.queues)
        for other in tenant.owners.values()
    )
