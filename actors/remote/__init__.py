"""Actors of other processes: addresses, refs that travel, and what makes a system a node among others.

Pure values (`Address`, `Envelope`, `Detector`), actors (publisher, switchboard, lookout, inboxes, herald) and one small
port, the `Bus`, which transports implement.
"""

from .address import Address, Scheme
from .bus import Bus, Parcel, Receipt
from .errors import (
    AlreadyJoined,
    BadAddress,
    EnvelopeTooNew,
    MalformedEnvelope,
    MessageTooLarge,
    NodeDown,
    NotDecodable,
    NotEncodable,
    NotJoined,
    RemoteError,
    RemotingError,
    Undeliverable,
    UnsupportedAddress,
)
from .messages import NodeJoined, NodeLeft
from .options import RemotingOptions
from .ref import RemoteRef
from .remoting import Remoting
from .wire import wire

__all__ = [
    "Address",
    "AlreadyJoined",
    "BadAddress",
    "Bus",
    "EnvelopeTooNew",
    "MalformedEnvelope",
    "MessageTooLarge",
    "NodeDown",
    "NodeJoined",
    "NodeLeft",
    "NotDecodable",
    "NotEncodable",
    "NotJoined",
    "Parcel",
    "Receipt",
    "RemoteError",
    "RemoteRef",
    "Remoting",
    "RemotingError",
    "RemotingOptions",
    "Scheme",
    "Undeliverable",
    "UnsupportedAddress",
    "wire",
]
