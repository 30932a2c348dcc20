"""`Outbox`: what is to be published, and what the broker has not confirmed yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence

from ..errors import BrokerUnavailable, TransportError, Unroutable
from ..lane import now
from .batch import Batch, GivenUp, Item, State
from .channel import Channel, Listener
from .parcel import Needs, Parcel
from .protocol import methods as amqp
from .protocol.connection import Delivered, Event, Said
from .protocol.errors import ChannelClosed
from .protocol.frames import content_frames, publish_head

WINDOW = 4_000
"""Messages that may be unconfirmed at a time."""
_PIECE = 64
_HIGH_WATER = 4 << 20
_MOST_RETURNS = 5

NOTHING_NEEDED: Needs = ("", "", False)
"""What a message needs that may be lost where its queue is not there."""

Settled = list[tuple[Batch, TransportError | None]]


class Outbox(Listener):
    """Sends in order, as far as the window lets it, and again on the next channel what an earlier one left unconfirmed.

    Thread-safe. attention: called when the lane has something to do: a queue to declare (`undeclared`), a channel to
    open (`idle`). explain: makes an error of the broker one of ours.
    """

    def __init__(self, attention: Callable[[], object], explain: Callable[[BaseException], TransportError]) -> None:
        self._attention = attention
        self._explain = explain
        self._lock = threading.RLock()
        self._waiting: deque[Item] = deque()
        self._unconfirmed: dict[int, Item] = {}
        self._unconfirmed_since = 0.0
        self._given_up = GivenUp()
        self._progress = 0.0
        """When the broker has last confirmed something (monotonic)."""
        self._channel: Channel | None = None
        self._published = 0
        self._declared: set[Needs] = {NOTHING_NEEDED}
        self._heads: dict[tuple[str, str], bytes] = {}
        self._careful = 0
        """How many are sent one at a time, to find the one for which the broker closes the channel."""

    def put(self, parcels: Sequence[Parcel], patience: float) -> Batch:
        """Take messages in, and send what can be sent now; not what was sent before, by a batch that was given up.

        patience: seconds for which a broker that is there may confirm nothing.
        """
        batch = Batch(patience)
        with self._lock:
            for parcel, before in zip(parcels, self._given_up.taken(parcels), strict=True):
                if before is None:
                    self._waiting.append(batch.take(parcel))
                else:
                    batch.adopt(before)
            sent = self._send()
        if not batch.left:
            batch.completion.resolve(None)
        if not sent:
            self._attention()
        return batch

    def post(self, batch: Batch) -> bool:
        """Wait for no batch any more that this process has sent to the last byte; returns whether it has."""
        with self._lock:
            sent = self._channel is not None and not self._channel.wire.waits_to_be_sent and not batch.unsent
            batch.posted = sent and batch.error is None
            return batch.posted

    def posted(self) -> list[Batch]:
        """Return the batches that were posted and are not confirmed, the oldest first."""
        with self._lock:
            return sorted((batch for batch in self._batches() if batch.posted), key=lambda batch: batch.asked)

    @property
    def busy(self) -> bool:
        """Whether anything is not confirmed."""
        return bool(self._waiting or self._unconfirmed)

    @property
    def unconfirmed_since(self) -> float | None:
        """Since when the broker has confirmed nothing though it should, None where nothing is on its way."""
        return self._unconfirmed_since if self._unconfirmed else None

    @property
    def idle(self) -> bool:
        """Whether it needs a channel."""
        return self._channel is None

    @property
    def undeclared(self) -> Needs | None:
        """What the next message needs, where nobody knows whether it is there."""
        with self._lock:
            while self._waiting and self._waiting[0].batch.error is not None:
                self._waiting.popleft()
            needs = self._waiting[0].parcel.needs if self._waiting else None
            return None if needs in self._declared else needs

    def declared(self, needs: Needs) -> None:
        """Go on, now that it is there."""
        with self._lock:
            self._declared.add(needs)
            self._send()

    def undeclarable(self, needs: Needs, error: TransportError) -> None:
        """Give up what needs what cannot be."""
        self._fail({item.batch for item in list(self._waiting) if item.parcel.needs == needs}, error)

    def open(self, channel: Channel) -> None:
        """Use a channel, on which confirms are on."""
        with self._lock:
            self._channel = channel
            self._published = 0
            self._heads = {}
            self._send()

    def interrupted(self) -> list[Item]:
        """Take back what no channel will confirm any more, to be sent again; returns it."""
        with self._lock:
            self._channel = None
            items = list(self._unconfirmed.values())
            self._unconfirmed = {}
            for item in items:
                item.state = State.WAITING
            self._waiting.extendleft(reversed(items))
            return items

    def disconnected(self) -> None:
        """Do that when the connection is gone, with what is known of the queues."""
        self.interrupted()
        self._declared = {NOTHING_NEEDED}

    def oldest(self) -> float | None:
        """Return when the batch was put that somebody has waited for longest."""
        with self._lock:
            return min((batch.asked for batch in self._batches() if not batch.posted), default=None)

    def next_deadline(self) -> float | None:
        """Return when a broker that is there has not confirmed anything for too long."""
        with self._lock:
            deadlines = [self._deadline(batch) for batch in self._batches() if not batch.posted]
        return min(deadlines, default=None)

    def expire(self, error: TransportError) -> None:
        """Give up the batches for which that is so."""
        with self._lock:
            late = [one for one in self._batches() if not one.posted and self._deadline(one) <= now()]
        self._fail(late, error)

    def give_up(self, error: TransportError, before: float) -> None:
        """Give up the batches that were put before some moment."""
        with self._lock:
            late = [one for one in self._batches() if not one.posted and one.asked <= before]
        self._fail(late, error)

    def end(self, error: TransportError) -> None:
        """Give up everything."""
        with self._lock:
            batches = self._batches()
            self._channel = None
            self._waiting.clear()
            self._unconfirmed = {}
        self._fail(batches, error)

    def pump(self) -> None:
        """Send what can be sent now."""
        with self._lock:
            self._send()

    # Listener

    def heard(self, events: Sequence[Event]) -> None:
        settled: Settled = []
        with self._lock:
            for event in events:
                if not isinstance(event, Delivered):
                    self._hear(event, settled)
            everything_sent = self._send()
        for batch, error in settled:
            if error is None:
                batch.completion.resolve(None)
            else:
                batch.completion.fail(error)
        if not everything_sent:
            self._attention()

    def channel_closed(self, error: ChannelClosed) -> None:
        with self._lock:
            items = self.interrupted()
            self._careful = len(items) if len(items) > 1 else 0
        if len(items) == 1:
            self._fail([items[0].batch], self._explain(error))
        self._attention()

    # With the lock held

    def _batches(self) -> set[Batch]:
        items = [*self._waiting, *self._unconfirmed.values()]
        return {item.batch for item in items if item.batch.error is None}

    def _deadline(self, batch: Batch) -> float:
        """Return until when a batch is waited for; a broker that is slow, and goes on, is waited for longer."""
        return max(batch.deadline, batch.deadline - batch.asked + self._progress)

    def _send(self) -> bool:
        """Send as far as the window lets it; returns whether nothing is left that the lane could help with."""
        channel = self._channel
        while self._waiting:
            if channel is None:
                return False
            room = (1 if self._careful else WINDOW) - len(self._unconfirmed)
            wire = channel.wire
            if room <= 0 or wire.blocked is not None or wire.waits_to_be_sent > _HIGH_WATER:
                return True
            if not self._send_some(channel, min(room, _PIECE)):
                return False
        return True

    def _send_some(self, channel: Channel, count: int) -> bool:
        """Send some of what waits; returns False where a queue has to be declared first."""
        frames: list[bytes] = []
        number, frame_max = channel.number, channel.wire.frame_max
        declared = True
        while self._waiting and len(frames) < 2 * count:
            item = self._waiting[0]
            parcel = item.parcel
            if item.batch.error is None:
                if parcel.needs not in self._declared:
                    declared = False
                    break
                frames += (
                    self._head(number, parcel),
                    content_frames(number, parcel.properties, parcel.body, frame_max),
                )
                self._published += 1
                if not self._unconfirmed:
                    self._unconfirmed_since = now()
                self._unconfirmed[self._published] = item
                item.state = State.SENT
                if not item.sent:
                    item.sent = True
                    item.batch.unsent -= 1
            self._waiting.popleft()
        if frames:
            channel.send(b"".join(frames))
        return declared

    def _head(self, number: int, parcel: Parcel) -> bytes:
        place = parcel.exchange, parcel.routing_key
        head = self._heads.get(place)
        if head is None:
            if len(self._heads) > 1000:
                self._heads.clear()
            head = self._heads[place] = publish_head(number, *place, mandatory=parcel.mandatory)
        return head

    def _hear(self, said: Said, settled: Settled) -> None:
        match said.method:
            case amqp.Ack(tag, multiple):
                for item in self._confirmed(tag, multiple):
                    self._taken(item, settled)
            case amqp.Nack(tag, multiple, _):
                for item in self._confirmed(tag, multiple):
                    self._refused(item, settled)
            case amqp.Return():
                self._returned(said, said.method)
            case _:
                pass

    def _confirmed(self, tag: int, multiple: bool) -> Iterable[Item]:
        """Return the messages up to a number, or the one that has it."""
        if not multiple:
            item = self._unconfirmed.pop(tag, None)
            return () if item is None else (item,)
        numbers: list[int] = []
        for number in self._unconfirmed:
            if number > tag:
                break
            numbers.append(number)
        return [self._unconfirmed.pop(number) for number in numbers]

    def _taken(self, item: Item, settled: Settled) -> None:
        if item.returned:
            self._again(item, settled)
            return
        self._careful = max(0, self._careful - 1)
        self._progress = now()
        item.state = State.CONFIRMED
        batch = item.batch
        batch.left -= 1
        if batch.error is not None:
            self._given_up.confirmed(item)
        elif not batch.left:
            settled.append((batch, None))

    def _refused(self, item: Item, settled: Settled) -> None:
        item.state = State.REFUSED
        place = item.parcel.queue or item.parcel.exchange
        text = f"{place}: the broker did not take a message: the queue has no room (x-max-length), or is in trouble"
        self._give_up(item.batch, BrokerUnavailable(text), settled)

    def _returned(self, said: Said, returned: amqp.Return) -> None:
        """Find the message that no queue was there for, by its content: its number is not said."""
        same_place = [one for one in self._unconfirmed.values() if one.parcel.routing_key == returned.routing_key]
        same = [one for one in same_place if one.parcel.properties == said.properties and one.parcel.body == said.body]
        for item in same[:1] or same_place:
            item.returned = True

    def _again(self, item: Item, settled: Settled) -> None:
        """Send a message again whose queue was gone, once that is declared again."""
        item.returned = False
        item.returns += 1
        item.state = State.WAITING
        if not item.parcel.queue:
            where = f"the exchange {item.parcel.through!r} by {item.parcel.routing_key!r}"
            self._give_up(item.batch, Unroutable(f"no queue is bound to {where}"), settled)
            return
        self._declared.discard(item.parcel.needs)
        if item.returns > _MOST_RETURNS:
            gone = f"{item.parcel.queue}: the broker did not take a message: somebody deletes its queue again and again"
            self._give_up(item.batch, BrokerUnavailable(gone), settled)
        else:
            self._waiting.appendleft(item)

    def _give_up(self, batch: Batch, error: TransportError, settled: Settled) -> None:
        if batch.error is None:
            batch.error = error
            self._given_up.keep([batch])
            settled.append((batch, error))

    def _fail(self, batches: Collection[Batch], error: TransportError) -> None:
        with self._lock:
            batches = [batch for batch in batches if batch.left]  # the others were confirmed meanwhile
            for batch in batches:
                batch.error = batch.error or error
            self._given_up.keep(batches)
        for batch in batches:
            batch.completion.fail(batch.error or error)
