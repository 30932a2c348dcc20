"""`RemotingOptions`: what can be set about a node's remoting."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class RemotingOptions:
    """Times are seconds.

    interval: between two beats of a node; who misses five is gone. ask_timeout: for asks that name none. patience: how
    long a message waits for a node of that name to be heard of. largest: bytes of a message. pickles: whether messages
    that are no registered dataclasses are sent and read with cloudpickle, by which every node may run code on every
    other. mailbox_ttl: how long the broker keeps the mail of a node that does not fetch it.
    """

    interval: float = 2.0
    ask_timeout: float = 30.0
    patience: float = 5.0
    largest: int = 1 << 24
    pickles: bool = False
    mailbox_ttl: float = 60.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "pickles" and not value > 0:
                raise ValueError(f"{field.name} is more than 0, not {value!r}")
