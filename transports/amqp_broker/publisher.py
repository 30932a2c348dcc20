"""`AmqpPublisher`: confirmed publishing over a connection of its own, which also serves whoever asks about queues."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from ...actors.completion import Completion, wait_on_thread
from ..errors import BrokerRefused, BrokerUnavailable, MalformedMessage, NotConfirmed, TransportError
from ..lane import now, unix_time
from ..letters.letter import Letter, Taken
from ..message import Publication
from ..server_options import ServerOptions
from ..session import Session
from ..urls import without_passwords
from . import ladder
from .channel import Channel
from .ear import Ears
from .forms import Forms
from .outbox import Batch, Outbox
from .parcel import Needs, Parcel, delayed_parcel_of, parcel_of, parcel_of_letter
from .protocol import methods as amqp
from .protocol.errors import ChannelClosed
from .topology import Topology
from .wire import Wire

logger: logging.Logger = logging.getLogger(__name__)

_NAMED = 10
"""Lost messages whose ids are logged."""


class PublishingWire(Wire):
    """A wire with a channel for what is published and one for what is declared."""

    def __init__(
        self, url: str, options: ServerOptions, ears: Ears, outbox: Outbox, nudge: Callable[[], object]
    ) -> None:
        super().__init__(url, options, ears, nudge, "publisher")
        self.topology: Topology = Topology(self, options.queues)
        self._outbox = outbox

    def open_outbox(self) -> None:
        """Give the outbox a channel with confirms."""
        channel: Channel = self.channel(self._outbox)
        channel.call(amqp.ConfirmSelect(False), amqp.ConfirmSelectOk)
        self._outbox.open(channel)

    # What `Sifter` asks for, on the lane

    def sift(self, queue: str, remove: Callable[[Taken], bool], limit: int | None = None) -> None:
        """See `Topology.sift`."""
        self.topology.sift(queue, remove, limit)

    def publish(self, letters: Sequence[Letter], timeout: float) -> None:
        """Publish, and wait until all is confirmed."""
        for letter in letters:
            parcel = parcel_of_letter(letter)
            if parcel.queue:
                self.topology.declare(parcel.queue)
            self._outbox.declared(parcel.needs)
        batch = self._outbox.put([parcel_of_letter(letter) for letter in letters], timeout)
        self.wait(batch.completion, timeout)

    def dead_queues(self, known: Sequence[str]) -> Sequence[str]:
        """Return the queues that may have dead letters."""
        return known


class AmqpPublisher(Session[PublishingWire]):
    """Publishes what Celery would; what a connection left unconfirmed is sent again over the next one.

    patience: seconds after which a broker that is away, or says that it takes no messages, is an error. One that is
    there may take longer to confirm (`ServerOptions.confirm_timeout`): it may be busy with its disk.

    A thread that waits for a confirmation reads it itself, so that no other has to be woken.
    """

    def __init__(
        self, url: str, options: ServerOptions, ears: Ears, patience: float, delayed: str | None = None
    ) -> None:
        self._url = url
        self._options = options
        self._queues = options.queues
        self._ladder = delayed
        self._forms = Forms()
        self._outbox = Outbox(self._wake, self._explain)
        super().__init__(
            f"connection to {without_passwords(url)}",
            lambda: PublishingWire(url, options, ears, self._outbox, self._wake),
            patience,
        )

    def publish(self, publications: Sequence[Publication]) -> Completion[None]:
        """Publish in order; fails with `BrokerUnavailable` within seconds where the broker cannot be reached."""
        return _end_of(self._put(publications))

    def send(self, parcels: Sequence[Parcel]) -> Completion[None]:
        """Publish what has its bytes already, as `publish` does."""
        return _end_of(self._send(parcels))

    def post(self, publications: Sequence[Publication]) -> Completion[None]:
        """Publish as `publish` does, and be done as soon as everything has been sent.

        What is sent and not confirmed is kept, and sent again over the next connection; a refusal can only be logged.
        What cannot be sent at once is waited for: without a broker that is an error, as ever.
        """
        batch = self._put(publications)
        if not isinstance(batch, Batch) or not self._outbox.post(batch):
            return _end_of(batch)
        ids = ", ".join(publication.id for publication in publications[:_NAMED])
        batch.completion.add_done_callback(lambda done: self._lament(done, ids, len(publications)))
        return Completion.of(None)

    def flush(self, patience: float) -> None:
        """Wait until what was posted is confirmed.

        Ends before that where nothing more is for `patience` seconds, or `confirm_timeout` from a broker that is there.
        """
        for batch in self._outbox.posted():
            more = max(0.0, self._options.confirm_timeout - patience)
            done = wait_on_thread(batch.completion, patience)
            if not done and not (self.reachable and wait_on_thread(batch.completion, more)):
                return

    @property
    def reachable(self) -> bool:
        """See `Reaching`."""
        link = self.link
        return link is not None and link.failure is None and not link.is_silent()

    def _put(self, publications: Sequence[Publication]) -> Batch | Completion[None]:
        """Return a batch that is on its way, or how it ended already."""
        if not publications:
            return Completion.of(None)
        at = unix_time()
        try:
            wrap = parcel_of if self._ladder is None else delayed_parcel_of
            parcels = [wrap(publication, at, self._queues, self._forms) for publication in publications]
        except MalformedMessage as error:
            return Completion.failed(error)
        return self._send(parcels)

    def _send(self, parcels: Sequence[Parcel]) -> Batch | Completion[None]:
        if self.lane.closed:
            return Completion.failed(self._closed())
        batch = self._outbox.put(parcels, self._options.confirm_timeout)
        batch.completion.waiter = self._wait
        if self.lane.closed:
            self._outbox.end(self._closed())
        return batch

    def wake(self) -> None:
        """Have the lane look around."""
        self._wake()

    # What the session asks for, on the lane's thread

    def needed(self) -> bool:
        """Tell whether a connection is wanted."""
        return self._outbox.busy

    def opened(self, link: PublishingWire) -> None:
        """Go on over a connection that has just come up."""
        link.open_outbox()

    def serve(self, link: PublishingWire) -> float | None:
        """Send what can be sent; return in how many seconds to look again, None where nothing is due."""
        pause = link.tick()
        if self._outbox.idle:
            link.open_outbox()
        while (needs := self._outbox.undeclared) is not None:
            self._declare(link, needs)
        self._outbox.pump()
        pauses = [pause, self._give_up(link)]
        return min((one for one in pauses if one is not None), default=None)

    def lost(self, link: PublishingWire) -> None:
        """Keep what is not confirmed for the next connection."""
        self._outbox.disconnected()

    def disappoint(self, error: BrokerUnavailable | BrokerRefused, asked_before: float) -> None:
        """Fail what was asked before that moment (monotonic) and is not confirmed."""
        self._outbox.give_up(error, asked_before)

    def leave(self) -> None:
        super().leave()
        self._outbox.end(self._closed())

    def abandon(self) -> None:
        super().abandon()
        self._outbox = Outbox(self._wake, self._explain)  # what waits is the parent's

    # Details

    def _declare(self, link: PublishingWire, needs: Needs) -> None:
        exchange, queue, delayed = needs
        kind = self._ladder or ladder.KINDS[0]
        try:
            match bool(exchange), delayed:
                case True, True:
                    link.topology.delay_exchange(exchange, kind)
                case True, False:
                    link.topology.declare_exchange(exchange)
                case False, True:
                    link.topology.delay(queue, kind)
                case _:
                    link.topology.declare(queue)
        except ChannelClosed as error:
            self._outbox.undeclarable(needs, link.explained(error))
        else:
            self._outbox.declared(needs)

    def _give_up(self, link: PublishingWire) -> float | None:
        """Give up what has taken too long; returns in how many seconds to look again.

        Raises `TimeoutError` where the connection is to blame: what it left unconfirmed goes out over the next one.
        """
        since = self._outbox.unconfirmed_since
        if since is not None and link.is_silent(since):
            raise TimeoutError(f"it has not confirmed a message, and said nothing for {link.longest_silence:g} s")
        if link.blocked is not None:
            text = f"{without_passwords(self._url)} takes no messages, since it is short of resources: {link.blocked}"
            self._outbox.give_up(BrokerUnavailable(text), now() - self.patience)
            oldest = self._outbox.oldest()
            return None if oldest is None else max(0.0, oldest + self.patience - now())
        deadline = self._outbox.next_deadline()
        if deadline is not None and deadline <= now():
            self._outbox.expire(self._not_confirmed())
            deadline = self._outbox.next_deadline()
        return None if deadline is None else max(0.0, deadline - now())

    def _not_confirmed(self) -> NotConfirmed:
        return NotConfirmed(
            f"{without_passwords(self._url)} is there, but has not confirmed a message within "
            f"{self._options.confirm_timeout:g} s: its disk or its queues do not keep up. It may have the message, or "
            f"take it later"
        )

    def _wait(self, completion: Completion[Any], timeout: float | None) -> bool:
        link = self.link
        return wait_on_thread(completion, timeout) if link is None else link.wait_until_done(completion, timeout)

    def _wake(self) -> None:
        self.lane.nudge()

    def _lament(self, done: Completion[None], ids: str, count: int) -> None:
        error = done.error()
        if error is not None:
            logger.error("%d messages that were sent to %s are lost: %s (%s)", count, self.lane.name, error, ids)

    def _explain(self, error: BaseException) -> TransportError:
        link = self.link
        return BrokerRefused(str(error)) if link is None else link.explained(error)

    def _closed(self) -> BrokerUnavailable:
        return BrokerUnavailable(f"{self.lane.name} is closed")


def _end_of(batch: Batch | Completion[None]) -> Completion[None]:
    return batch.completion if isinstance(batch, Batch) else batch
