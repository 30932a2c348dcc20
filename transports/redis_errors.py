"""Errors of redis-py as ours."""

from __future__ import annotations

import re
import ssl

from redis import exceptions

from .errors import BrokerRefused, BrokerUnavailable
from .urls import scrub, without_passwords

PASSING = frozenset({"BUSY", "LOADING", "MASTERDOWN", "NOREPLICAS", "NOSCRIPT", "READONLY", "TRYAGAIN", "UNBLOCKED"})
"""Codes of errors after which another connection, perhaps to another server, or the same in a while, may do better.

By each of them a server says that it has not done what it was asked.
"""
LOST: tuple[type[BaseException], ...] = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.MasterDownError,
    exceptions.TryAgainError,
    OSError,
)
"""Errors after which a connection is of no more use, and what was asked of it may be asked of another."""
_REFUSED = (exceptions.AuthenticationError, exceptions.AuthorizationError)
"""Those of them by which a server says no: redis-py has them among the errors of connections."""


_HINTS = {
    "OOM": "nothing was done: raise its maxmemory, or let nodes drain its queues",
    "MISCONF": "nothing was done: it cannot write to its disk",
}
_ANNOTATED = re.compile(r"^Command # \d+ \(.*\) of pipeline caused error: ", re.DOTALL)
"""What redis-py says before an error of one of several commands: values are nobody's business."""
_IN_SCRIPT = re.compile(r"^ERR Error running script .*?-([A-Z]+) ")
"""How a server before 7.0 says that a script met with an error."""


def code_of(error: str) -> str:
    """Return the code of what a server says is wrong, also of what a script of ours met with."""
    within = _IN_SCRIPT.match(error)
    return within[1] if within else error.partition(" ")[0]


def explained(error: BaseException, url: str) -> BrokerUnavailable | BrokerRefused:
    """Return an error of redis-py as one of ours, without the passwords of `url`."""
    text = scrub(_ANNOTATED.sub("", str(error)), url).strip().rstrip(".")
    passes = isinstance(error, LOST) and not isinstance(error, _REFUSED) and not _is_distrust(error)
    return unavailable(url, text) if passes or code_of(text) in PASSING else refused(url, text)


def _is_distrust(error: BaseException | None) -> bool:
    """Tell whether a server could not prove who it is, which redis-py takes for a connection that failed."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def unavailable(url: str, why: str) -> BrokerUnavailable:
    """Return the error that a server cannot be reached."""
    return BrokerUnavailable(f"{without_passwords(url)} is not available: {why}")


def refused(url: str, why: str) -> BrokerRefused:
    """Return the error that a server is there and says no."""
    hint = _HINTS.get(code_of(why))
    return BrokerRefused(f"{without_passwords(url)} refuses: {why.rstrip('.')}{f' ({hint})' if hint else ''}")
