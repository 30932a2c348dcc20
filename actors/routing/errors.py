"""Why a router does not hand a message on."""

from __future__ import annotations

from ..errors import UnderstudyError


class NoRoutee(UnderstudyError):
    """Nobody is at work behind the router, or its strategy chose nobody."""


class ManyAnswers(UnderstudyError):
    """An ask would go to several actors: ask the router `AskAll(message)` for the answers of all of them."""


class BadChoice(UnderstudyError):
    """The routing raised, or chose somebody who does not exist."""
