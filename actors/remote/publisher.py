"""`Publisher`: brings letters to the broker, in batches, one batch at a time, so that they keep their order."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from ..actor import Actor, on
from ..life import Deferred
from .bus import Parcel, Receipt
from .envelope import VERSION, Envelope, Kind, encode
from .errors import Undeliverable
from .messages import Letter, Posted, PostFailed, Refused

if TYPE_CHECKING:
    from .remoting import Remoting

BATCH = 500
BATCH_BYTES = 1 << 22
CAPACITY = 10_000
"""Letters that wait for the broker at most; what comes on top is refused."""
_EPOCH = 32
"""Bits of a sequence number that count letters; those above are the publisher's incarnation, so that it only grows."""


class Publisher(Actor):
    """Numbers letters per receiver and posts them; at its end it posts what it has."""

    def __init__(self, remoting: Remoting) -> None:
        self._remoting = remoting
        self._waiting: deque[Letter] = deque()
        self._under_way: list[Letter] = []
        self._counts: Counter[str] = Counter()
        self._closing = False

    @on(Letter)
    def send(self, letter: Letter) -> None:
        """Post a letter with the next batch."""
        if len(self._waiting) >= CAPACITY:
            self._refuse(letter, Receipt.FULL)
            return
        self._waiting.append(letter)
        self._post()

    def _post(self) -> None:
        if self._under_way:
            return
        batch, parcels = self._next_batch()
        if not batch:
            if self._closing:
                self.stopped()
            return
        self._under_way = batch
        self._remoting.bus.post(parcels).pipe_to(self.ref, Posted, PostFailed)

    def _next_batch(self) -> tuple[list[Letter], list[Parcel]]:
        now, size = self.clock.time(), 0
        batch: list[Letter] = []
        parcels: list[Parcel] = []
        while self._waiting and len(batch) < BATCH and size < BATCH_BYTES:
            letter = self._waiting.popleft()
            if letter.deadline is not None and letter.deadline <= now:
                continue  # whoever waited has been told
            parcel = self._pack(letter)
            size += len(parcel.body)
            batch.append(letter)
            parcels.append(parcel)
        return batch, parcels

    def _pack(self, letter: Letter) -> Parcel:
        remoting = self._remoting
        to = remoting.mailbox(letter.node, letter.lane) if letter.node else letter.to
        self._counts[to] += 1
        wants_answer = bool(letter.id)
        envelope = Envelope(
            v=VERSION,
            id=letter.id or remoting.next_id(),
            to=letter.to,
            sender=remoting.node,
            kind=letter.kind,
            seq=(self.ref.uid << _EPOCH) + self._counts[to],
            corr=letter.corr,
            rto=remoting.node if wants_answer else "",
            dl=int(letter.deadline * 1000) if letter.deadline is not None else 0,
            type=letter.type,
            ctype=letter.ctype,
            body=letter.body,
        )
        return Parcel(to, encode(envelope), topic=not letter.node)

    @on(Posted)
    def posted(self, message: Posted) -> None:
        """Say which letters did not arrive, and go on."""
        letters, self._under_way = self._under_way, []
        for letter, receipt in zip(letters, message.receipts, strict=True):
            if receipt is not Receipt.DELIVERED:
                self._refuse(letter, receipt)
        self._post()

    @on(PostFailed)
    def post_failed(self, message: PostFailed) -> None:
        """Give up the batch: to post it again might deliver it twice."""
        letters, self._under_way = self._under_way, []
        for letter in letters:
            why = Undeliverable(f"{letter.to} could not be reached by way of the broker: {message.error}")
            self._refuse(letter, Receipt.NO_MAILBOX, why)
        self._post()

    def _refuse(self, letter: Letter, receipt: Receipt, error: Exception | None = None) -> None:
        if letter.kind in (Kind.TELL, Kind.SYSTEM) or letter.id:
            self._remoting.tell("switchboard", Refused(letter, receipt, error))
        else:
            self._remoting.counts.undelivered += 1

    def on_stop(self) -> Deferred | None:
        """Post what waits; its supervisor's patience bounds that."""
        self._closing = True
        return Deferred.LATER if self._under_way or self._waiting else None


def epoch_of(seq: int) -> int:
    """Return the incarnation of the publisher that gave a number: a gap between two of them says nothing."""
    return seq >> _EPOCH
