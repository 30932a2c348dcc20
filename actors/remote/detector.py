"""The failure detector: who is there, judged by when this node last heard of them. Values and pure functions.

All moments are of the receiver's own monotonic clock. Whoever has not been heard for five intervals is gone; but a node
that does not hear its own beats either has lost its way to the broker, and judges nobody until it hears them again, and
then nobody for a grace of two intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..reasons import NO_PROC, ExitReason, NoConnection, Shutdown
from .address import name_of

MISSED = 5
"""Intervals of silence after which a node is gone."""
DEAF = 2
"""Intervals without its own beat after which a node judges nobody."""
GRACE = 2
"""Intervals after that for which nobody's silence counts."""

NO_CONNECTION = NoConnection()
SAID_GOODBYE = Shutdown("its node has left")


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that is there: when it booted, by its own clock (unix seconds), and when it was last heard.

    interval: seconds between its beats; of two nodes that beat at different intervals, the longer one counts.
    """

    booted: float
    heard: float
    interval: float = 0.0


@dataclass(frozen=True, slots=True)
class Appeared:
    """A node is there that was not."""

    node: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A node is not there any more, or cannot be heard."""

    node: str
    reason: ExitReason


Event = Appeared | Gone


@dataclass(frozen=True, slots=True)
class Detector:
    """What a node knows of the others.

    echo: when it last heard its own beat; None before the first. counts_from: silence before this moment does not
    count. left: by `name@host`, the latest boot of it that has ended; what is heard of it afterwards was late.
    """

    me: str
    interval: float
    echo: float | None = None
    frozen: bool = True
    counts_from: float = 0.0
    peers: Mapping[str, Peer] = field(default_factory=dict[str, Peer])
    left: Mapping[str, float] = field(default_factory=dict[str, float])


def hear(
    detector: Detector, node: str, booted: float, now: float, interval: float = 0.0
) -> tuple[Detector, tuple[Event, ...]]:
    """Take in a beat of `node`, which booted at `booted` by its own clock and beats every `interval` seconds."""
    if node == detector.me:
        return _hear_oneself(detector, now), ()
    name = name_of(node)
    if booted <= detector.left.get(name, float("-inf")):
        return detector, ()
    known = detector.peers.get(node)
    if known is not None:
        return replace(detector, peers={**detector.peers, node: replace(known, heard=now)}), ()
    former = [other for other in detector.peers if name_of(other) == name]
    if any(detector.peers[other].booted >= booted for other in former):
        return detector, ()
    replaced = tuple(Gone(other, NO_PROC) for other in former)
    for other in former:
        detector = _without(detector, other, ended=True)
    peers = {**detector.peers, node: Peer(booted, now, interval)}
    return replace(detector, peers=peers), (*replaced, Appeared(node))


def hear_goodbye(detector: Detector, node: str, booted: float) -> tuple[Detector, tuple[Event, ...]]:
    """Take in that `node` has left."""
    there = node in detector.peers
    name = name_of(node)
    left = {**detector.left, name: max(booted, detector.left.get(name, booted))}
    return replace(_without(detector, node), left=left), (Gone(node, SAID_GOODBYE),) if there else ()


def judge(detector: Detector, now: float) -> tuple[Detector, tuple[Event, ...]]:
    """Return who is gone by now."""
    if detector.echo is None or now - detector.echo > DEAF * detector.interval:
        return replace(detector, frozen=True), ()
    silent = [
        node
        for node, peer in detector.peers.items()
        if now - max(peer.heard, detector.counts_from) > MISSED * max(detector.interval, peer.interval)
    ]
    for node in silent:
        detector = _without(detector, node)
    return detector, tuple(Gone(node, NO_CONNECTION) for node in silent)


def _hear_oneself(detector: Detector, now: float) -> Detector:
    deaf = detector.frozen or (detector.echo is not None and now - detector.echo > DEAF * detector.interval)
    counts_from = now + GRACE * detector.interval if deaf else detector.counts_from
    return replace(detector, echo=now, frozen=False, counts_from=counts_from)


def _without(detector: Detector, node: str, *, ended: bool = False) -> Detector:
    peers = {other: peer for other, peer in detector.peers.items() if other != node}
    if not ended:
        return replace(detector, peers=peers)
    name = name_of(node)
    booted = detector.peers[node].booted
    return replace(detector, peers=peers, left={**detector.left, name: max(booted, detector.left.get(name, booted))})
