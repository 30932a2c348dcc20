"""Where a broker is, and how a socket gets there."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from ..credentials import check_credentials
from ..errors import TransportError
from ..tls import Tls, context
from ..urls import scheme_of, scrub, without_passwords

SECURED = frozenset({"amqps", "pyamqps"})
_PLAIN_PORT, _TLS_PORT = 5672, 5671


@dataclass(frozen=True, slots=True)
class Address:
    """One broker of a URL. `shown` is the URL without its password."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    virtual_host: str
    secured: bool
    shown: str


def addresses(url: str) -> list[Address]:
    """Read a URL, which may be several joined by `;`; raises `TransportError` where one leads nowhere."""
    return [_address(one) for one in url.split(";") if one]


def _address(url: str) -> Address:
    check_credentials(url)
    shown = without_passwords(url)
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
        host = parts.hostname
    except ValueError as error:
        raise TransportError(f"{shown} leads nowhere: {scrub(str(error), url)}") from None
    secured = scheme_of(url) in SECURED
    return Address(
        host or "127.0.0.1",
        port or (_TLS_PORT if secured else _PLAIN_PORT),
        unquote(parts.username or "guest"),
        unquote("guest" if parts.password is None else parts.password),
        unquote(parts.path[1:]) or "/",
        secured,
        shown,
    )


def dial(address: Address, tls: Tls, timeout: float) -> socket.socket:
    """Connect, within `timeout` seconds; raises `OSError`."""
    sock = socket.create_connection((address.host, address.port), timeout)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if tls or address.secured:
            return _secure(sock, address.host, tls)
    except BaseException:
        sock.close()
        raise
    return sock


def _secure(sock: socket.socket, host: str, tls: Tls) -> ssl.SSLSocket:
    made, name = context(tls)
    return made.wrap_socket(sock, server_hostname=name or host)
