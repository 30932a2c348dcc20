"""A Redis server of our own."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from .certificates import Certificates
from .servers import Server


class RedisServer(Server):
    """A Redis that keeps what it acknowledged through `kill` and `start`: the append-only file is on."""

    binary = "redis-server"
    package = "redis-server"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self, program: str) -> Sequence[str]:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.directory),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "no",  # the page cache survives a killed process
            "set-proc-title": "no",  # it would be written over the environment, which the leak check reads
        }
        return [program, *(word for name, value in options.items() for word in (f"--{name}", value))]

    def ready(self) -> bool:
        return self.execute("PING") == b"+PONG"

    def flush(self) -> None:
        """Delete everything in it."""
        assert self.execute("FLUSHALL") == b"+OK"

    def execute(self, command: str) -> bytes:
        """Send an inline command and return the first line of the answer, empty where nobody answers."""
        try:
            with self._connect() as connection:
                connection.sendall(command.encode() + b"\r\n")
                return connection.makefile("rb").readline().strip()
        except OSError:
            return b""

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)


class TlsRedisServer(RedisServer):
    """A Redis that speaks TLS alone."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.certificates: Certificates = Certificates(directory / "certificates")

    def command(self, program: str) -> Sequence[str]:
        made = self.certificates
        options = {
            "port": "0",
            "tls-port": str(self.port),
            "tls-cert-file": str(made.server),
            "tls-key-file": str(made.key),
            "tls-ca-cert-file": str(made.authority),
            "tls-auth-clients": "no",
        }
        return [*super().command(program), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _connect(self) -> socket.socket:
        context = ssl.create_default_context(cafile=str(self.certificates.authority))
        return context.wrap_socket(super()._connect(), server_hostname="127.0.0.1")
