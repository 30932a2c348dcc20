"""Errors of redis-py as ours."""

from __future__ import annotations

from redis import exceptions

from .errors import BrokerRefused, BrokerUnavailable
from .urls import scrub, without_passwords

LOST: tuple[type[BaseException], ...] = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    OSError,
)
"""Errors after which a connection is of no more use, and what was asked of it may be asked of another."""
_REFUSED = (exceptions.AuthenticationError, exceptions.AuthorizationError)
"""Those of them by which a server says no: redis-py has them among the errors of connections."""


def explained(error: BaseException, url: str) -> BrokerUnavailable | BrokerRefused:
    """Return an error of redis-py as one of ours, without the passwords of `url`."""
    text = scrub(str(error), url).strip().rstrip(".")
    return unavailable(url, text) if isinstance(error, LOST) and not isinstance(error, _REFUSED) else refused(url, text)


def unavailable(url: str, why: str) -> BrokerUnavailable:
    """Return the error that a server cannot be reached."""
    return BrokerUnavailable(f"{without_passwords(url)} is not available: {why}")


def refused(url: str, why: str) -> BrokerRefused:
    """Return the error that a server is there and says no."""
    return BrokerRefused(f"{without_passwords(url)} refuses: {why}")
