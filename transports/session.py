"""`Session`: a lane with a connection on it, which is opened when it is needed and again when it broke."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from ..actors.completion import Completion
from .errors import BrokerRefused, BrokerUnavailable
from .lane import HasFileno, Lane, now

T = TypeVar("T")

_FIRST_PAUSE = 0.05
_SAID_ONCE_WITHIN = 60.0
_LONGEST_PAUSE = 1.0

logger: logging.Logger = logging.getLogger(__name__)


class Connected(Protocol):
    """A connection that a session opens, uses and replaces."""

    @property
    def lost_errors(self) -> tuple[type[BaseException], ...]:
        """Errors after which it is of no more use, and what was asked of it may be asked of another."""
        ...

    @property
    def refused_errors(self) -> tuple[type[BaseException], ...]:
        """Errors by which the other end refuses what was asked; asking again changes nothing."""
        ...

    def explained(self, error: BaseException) -> BrokerUnavailable | BrokerRefused:
        """Return one of these errors as one of ours, without a password."""
        ...

    def open(self) -> None:
        """Connect, within seconds; raises `BrokerUnavailable` or `BrokerRefused`."""
        ...

    def close(self) -> None:
        """Close it."""
        ...

    def abandon(self) -> None:
        """Close the sockets alone, in a process that was forked off its own."""
        ...

    def sockets(self) -> Sequence[HasFileno]:
        """Return sockets that become readable when `tick` has something to do."""
        ...

    def tick(self) -> float | None:
        """Do what it needs from time to time; returns the seconds until it needs it again."""
        ...


L = TypeVar("L", bound=Connected)


class Session(Generic[L]):
    """Runs work on a connection, in order. `run` is thread-safe; everything else belongs to the lane's thread.

    Work whose connection broke is run again on the next one, so it must bear being done twice; after `patience` seconds
    it fails with `BrokerUnavailable`. As long as the session is `needed` it is connected, or tries to be.
    """

    def __init__(self, name: str, make: Callable[[], L], patience: float) -> None:
        self.lane: Lane = Lane(name, self)
        self.link: L | None = None
        self.patience = patience
        self._make = make
        self._failure: BrokerUnavailable | None = None
        self._down_since: float | None = None
        self._reopen_at = 0.0
        self._pause = _FIRST_PAUSE
        self._refusal: tuple[str, float] | None = None
        """What the other end said no to last, and when."""

    def run(self, work: Callable[[L], T]) -> Completion[T]:
        """Return the completion of `work(link)`."""
        deadline = now() + self.patience
        return self.lane.submit(lambda: self.insist(work, deadline))

    # What a session does besides, for subclasses to say

    def needed(self) -> bool:
        """Tell whether somebody waits for something that comes by itself."""
        return False

    def serve(self, link: L) -> float | None:
        """Do what is due; returns the seconds until something is again."""
        return link.tick()

    def opened(self, link: L) -> None:
        """Prepare a connection that was just opened."""

    def lost(self, link: L) -> None:
        """Note that a connection is gone, and what was held through it maybe too."""

    def disappoint(self, error: BrokerUnavailable | BrokerRefused, asked_before: float) -> None:
        """Tell those who wait, and did so before a moment, that there is no connection."""

    # What the lane asks for

    def turn(self) -> float | None:
        if self.link is None and not self.needed():
            return None
        if self.link is None and now() < self._reopen_at:
            return self._reopen_at - now()
        fresh = self.link is None
        try:
            pause = self.attempt(self.serve)
        except (BrokerUnavailable, BrokerRefused) as error:
            return self._broke(error, hopeless=fresh and isinstance(error, BrokerRefused))
        if self._down_since is not None:
            logger.info("%s: connected again", self.lane.name)
            self._down_since = None
            if self._refusal is None:  # else it may be refused again, as soon as it has asked
                self._pause = _FIRST_PAUSE
        return pause

    def sockets(self) -> Sequence[HasFileno]:
        return () if self.link is None else self.link.sockets()

    def leave(self) -> None:
        self.drop()

    def abandon(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.abandon()
            self.lost(link)

    # Using the connection

    def attempt(self, work: Callable[[L], T]) -> T:
        """Run work once, on the connection that is open or on a new one.

        Raises `BrokerUnavailable` where the connection is lost or cannot be made, `BrokerRefused` where the other end
        says no.
        """
        link = self.link or self._open()
        return self._guarded(link, lambda: work(link))

    def insist(self, work: Callable[[L], T], deadline: float) -> T:
        """Run work again and again, until a connection bears it or the deadline has passed."""
        pause = _FIRST_PAUSE
        while True:
            if self._failure is not None and now() > deadline:
                raise self._failure  # the time went by while others waited for the same broker
            try:
                return self.attempt(work)
            except BrokerUnavailable:
                if now() + pause > deadline or not self.lane.pause(pause):
                    raise
                pause = min(2 * pause, _LONGEST_PAUSE)

    def drop(self) -> None:
        """Close the connection, if there is one."""
        link, self.link = self.link, None
        if link is not None:
            link.close()
            self.lost(link)

    def _open(self) -> L:
        link = self._make()
        try:
            link.open()
        except BrokerUnavailable as error:
            self._failure = error
            raise
        self.link, self._failure = link, None
        self._guarded(link, lambda: self.opened(link))
        return link

    def _guarded(self, link: L, work: Callable[[], T]) -> T:
        try:
            return work()
        except (BrokerUnavailable, BrokerRefused):
            raise
        except (*link.lost_errors, *link.refused_errors) as error:
            self.drop()
            raise link.explained(error) from error

    def _broke(self, error: BrokerUnavailable | BrokerRefused, *, hopeless: bool) -> float:
        refusal = (str(error), now()) if isinstance(error, BrokerRefused) else None
        if self._down_since is None:
            if not _goes_on(self._refusal, refusal):
                logger.warning("%s: %s", self.lane.name, error)
            self._down_since = now()
        self._refusal = refusal
        if hopeless:
            self.disappoint(error, now())
        elif now() >= self._down_since + self.patience:
            self.disappoint(error, now() - self.patience)
        self._reopen_at = now() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return self._reopen_at - now()


def _goes_on(before: tuple[str, float] | None, refusal: tuple[str, float] | None) -> bool:
    """Tell whether a refusal was said a moment ago, of a connection that was made in vain."""
    if before is None or refusal is None:
        return False
    return refusal[0] == before[0] and refusal[1] < before[1] + _SAID_ONCE_WITHIN
