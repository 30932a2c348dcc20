"""Properties of `Stream`."""

from __future__ import annotations

import select
import socket
import threading
import time

from understudy.transports.embedded.stream import Stream

PATIENCE = 10.0
LARGE = 64 << 20


def test_a_large_backlog_arrives_whole_and_in_order_at_a_cost_that_grows_with_its_size_only() -> None:
    ours, theirs = socket.socketpair()
    received = bytearray()

    def read() -> None:
        while data := theirs.recv(1 << 18):
            received.extend(data)

    reader = threading.Thread(target=read)
    stream = Stream(ours)
    sent = bytes(range(256)) * (LARGE // 256)
    reader.start()
    began = time.thread_time()
    try:
        stream.send(sent)
        stream.send(b"the end")
        while stream.backlog:
            select.select([], [ours], [], PATIENCE)
            stream.send()
            assert time.thread_time() - began < PATIENCE  # copied as a whole each time, it would take a minute
    finally:
        stream.end()
        reader.join(PATIENCE)
        theirs.close()
    assert received == sent + b"the end"
