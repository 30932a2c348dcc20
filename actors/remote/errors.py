"""Errors of remote actors: each says which of the ways to fail it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UnderstudyError

if TYPE_CHECKING:
    from ..reasons import ExitReason


class RemotingError(UnderstudyError):
    """Root of what goes wrong between the actors of different nodes."""


class BadAddress(RemotingError, ValueError):
    """A text is not an address, or a part of an address is not what it has to be: `fault` says which."""

    def __init__(self, message: str, fault: str = "") -> None:
        super().__init__(message)
        self.fault: str = fault


class UnsupportedAddress(RemotingError):
    """The address is right, and what was asked of it cannot be done there."""


class NotJoined(RemotingError):
    """The system has joined no broker, or has left it."""


class AlreadyJoined(RemotingError):
    """The system has joined a broker before: a system is one node."""


class NotEncodable(RemotingError, TypeError):
    """A message, an argument or a reply cannot be sent to another node."""


class NotDecodable(RemotingError):
    """What came from another node is not what the receiver takes."""


class MessageTooLarge(RemotingError):
    """A message is larger than the nodes have agreed to send."""


class MalformedEnvelope(RemotingError):
    """What came from the broker is no envelope."""


class EnvelopeTooNew(MalformedEnvelope):
    """An envelope was written by a newer release, in a version that this one does not read."""


class Undeliverable(RemotingError):
    """The message never reached the node of its address: nobody is there, or the broker cannot be reached."""


class NodeDown(RemotingError):
    """The node went away, or cannot be heard, while an answer of it was waited for; `reason` says which."""

    def __init__(self, message: str, reason: ExitReason) -> None:
        super().__init__(message)
        self.reason: ExitReason = reason

    def __reduce__(self) -> tuple[type[NodeDown], tuple[str, ExitReason]]:
        return NodeDown, (str(self), self.reason)


class RemoteError(RemotingError):
    """The actor's handler raised on its node.

    type: the name of the exception's class. text: what it said. remote_traceback: where, as text.
    """

    def __init__(self, type: str, text: str, remote_traceback: str = "") -> None:  # noqa: A002 - it is what it is
        super().__init__(f"{type}: {text}" if text else type)
        self.type: str = type
        self.text: str = text
        self.remote_traceback: str = remote_traceback

    def __reduce__(self) -> tuple[type[RemoteError], tuple[str, str, str]]:
        return RemoteError, (self.type, self.text, self.remote_traceback)
