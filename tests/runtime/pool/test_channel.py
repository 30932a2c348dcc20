"""Packets keep their bounds, descriptors travel with them, and large ones are spilled unseen."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from understudy.runtime.pool.channel import Channel
from understudy.runtime.pool.errors import HungUp, PoolError
from understudy.runtime.pool.packets import Drain, Fork, ForkRequest, NodePacket, Work
from understudy.runtime.pool.platform import PACKET_LIMIT, packet_pair

from .driving import job

Pair = tuple[Channel[ForkRequest, ForkRequest], Channel[ForkRequest, ForkRequest]]


def channel(sock: socket.socket) -> Channel[ForkRequest, ForkRequest]:
    return Channel(sock, msgspec.msgpack.Decoder(ForkRequest))


@pytest.fixture
def pair() -> Iterator[Pair]:
    left, right = map(channel, packet_pair())
    yield left, right
    left.close()
    right.close()


def test_packets_arrive_one_by_one_and_in_order(pair: Pair) -> None:
    left, right = pair
    for packet in (Fork(1), Drain(), Fork(2)):
        assert left.send(packet)
    assert [right.receive(), right.receive(), right.receive()] == [(Fork(1), []), (Drain(), []), (Fork(2), [])]


def test_nothing_to_receive_is_no_end(pair: Pair) -> None:
    assert pair[0].receive(wait=False) is None


def test_a_descriptor_arrives_open_and_closed_on_exec(pair: Pair, tmp_path: Path) -> None:
    left, right = pair
    (tmp_path / "file").write_text("content")
    with (tmp_path / "file").open() as file:
        assert left.send(Fork(1), [file.fileno()])
    received = right.receive()
    assert received is not None
    packet, (fd,) = received
    assert packet == Fork(1)
    assert not os.get_inheritable(fd)
    with os.fdopen(fd) as file:
        assert file.read() == "content"


def test_a_closed_end_is_hung_up(pair: Pair) -> None:
    left, right = pair
    right.close()
    with pytest.raises(HungUp):
        left.send(Drain())
    with pytest.raises(HungUp):
        left.receive()


def test_an_end_closed_with_packets_unread_is_hung_up_too(pair: Pair) -> None:
    left, right = pair
    assert left.send(Drain())
    right.close()
    with pytest.raises(HungUp):
        left.receive()


@pytest.mark.parametrize("size", [0, PACKET_LIMIT - 200, PACKET_LIMIT, PACKET_LIMIT + 1, 5_000_000])
def test_packets_of_any_size_arrive_whole(size: int) -> None:
    ours, theirs = packet_pair()
    with ours, theirs:
        decoder = msgspec.msgpack.Decoder(NodePacket)
        sent = Work(1, job(os.urandom(size)))
        before = len(list(Path("/dev/fd").iterdir()))
        assert Channel(ours, decoder).send(sent)
        assert Channel(theirs, decoder).receive() == (sent, [])
        assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_spilled_packet_without_its_file_says_why() -> None:
    ours, theirs = packet_pair()
    with ours, theirs:
        ours.send(b"\xc1")
        with pytest.raises(PoolError, match="too many open files"):
            channel(theirs).receive()
