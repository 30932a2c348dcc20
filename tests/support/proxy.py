"""A TCP proxy that stands between a client and a server, and breaks what passes through it."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65_536


class FaultProxy:
    """A proxy on a port of its own; all its faults end with `heal`. Its methods may be called from any thread.

    ```
    with FaultProxy(server.port) as proxy:
        client = connect(proxy.url(server.url))
        proxy.cut()
    ```
    """

    def __init__(self, upstream: int) -> None:
        self.port = 0
        self._upstream = upstream
        self._delay = 0.0
        self._refusing = False
        self._replies_left: int | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._open_for_requests = asyncio.Event()
        self._open_for_requests.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, url: str) -> str:
        """Return a server's address with its port replaced by the proxy's."""
        parts = urlsplit(url)
        netloc = f"{parts.netloc.rpartition(':')[0]}:{self.port}"
        return urlunsplit(parts._replace(netloc=netloc))

    @property
    def connections(self) -> int:
        """The number of connections that are open through it."""
        return self._call(lambda: len(self._connections))

    def cut(self) -> None:
        """Reset every open connection; new ones are served."""
        self._call(self._reset_all)

    def refuse(self) -> None:
        """Reset every open connection, and each new one, until `heal`."""
        self._refusing = True
        self.cut()

    def blackhole(self) -> None:
        """Hold back every byte in both directions until `heal`; connections stay open."""
        self._call(self._open.clear)

    def hold_requests(self) -> None:
        """Hold back what clients say until `heal`, and let through what the server says."""
        self._call(self._open_for_requests.clear)

    def delay(self, seconds: float) -> None:
        """Let each piece of data arrive `seconds` later."""
        self._delay = seconds

    def cut_replies_after(self, size: int) -> None:
        """Let `size` more bytes of the server's answers through, then reset the connection, once."""
        self._replies_left = size

    def heal(self) -> None:
        """End every fault."""
        self._refusing = False
        self._delay = 0.0
        self._replies_left = None
        self._call(self._open.set)
        self._call(self._open_for_requests.set)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._reset_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if self._refusing:
            _reset(client)
            return
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            _reset(client)
            return
        self._connections[client] = server
        for pump in (
            self._pump(reader, server, self._pass, self._open_for_requests),
            self._pump(answers, client, self._pass_reply, self._open),
        ):
            task = self._loop.create_task(pump)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _: self._drop(client))

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        allow: Callable[[bytes], bytes],
        passage: asyncio.Event,
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await self._open.wait()
                await passage.wait()
                await asyncio.sleep(self._delay)
                allowed = allow(data)
                writer.write(allowed)
                await writer.drain()
                if len(allowed) < len(data):
                    return
        except OSError:
            return

    def _pass(self, data: bytes) -> bytes:
        return data

    def _pass_reply(self, data: bytes) -> bytes:
        if self._replies_left is None:
            return data
        allowed = data[: self._replies_left]
        self._replies_left = None if len(allowed) < len(data) else self._replies_left - len(data)
        return allowed

    def _drop(self, client: asyncio.StreamWriter) -> None:
        server = self._connections.pop(client, None)
        if server is not None:
            _reset(client)
            _reset(server)

    def _reset_all(self) -> None:
        for client in list(self._connections):
            self._drop(client)

    def _call(self, function: Callable[[], Any]) -> Any:
        """Run a function on the proxy's thread, and wait for it."""
        done: Future[Any] = Future()
        self._loop.call_soon_threadsafe(lambda: done.set_result(function()))
        return done.result(10)

    def _run(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection by RST instead of FIN, as a crash or a firewall does."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
