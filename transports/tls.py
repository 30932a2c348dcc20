"""TLS: the options of a connection, in the words of the library that makes it.

Users say them as Celery's `broker_use_ssl` does: True, or a dict with `ca_certs`, `certfile`, `keyfile` and others of
`ssl`'s names; for Redis they may have `ssl_` in front. Unless told otherwise a server has to prove who it is.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from .errors import TransportError

Tls = bool | Mapping[str, Any]
"""Whether to encrypt, and the options for it."""

_KNOWN = ("ca_certs", "ca_path", "cert_reqs", "certfile", "check_hostname", "ciphers", "keyfile", "server_hostname")
_DEMANDS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def for_amqp(tls: Tls) -> dict[str, Any]:
    """Return the options for py-amqp; None as `server_hostname` has kombu fill in the name that is connected to."""
    said = _said(tls)
    named = {} if said.get("cert_reqs") is ssl.CERT_NONE else {"server_hostname": None}
    return {**named, **said}


def context(tls: Tls) -> tuple[ssl.SSLContext, str | None]:
    """Return a context for the standard library's sockets, and the name that the server is to have, where one is said.

    Raises `TransportError` for an option that it does not know, and `OSError` where a file cannot be read.
    """
    said = _said(tls)
    made = ssl.create_default_context(cafile=said.pop("ca_certs", None), capath=said.pop("ca_path", None))
    if said.pop("cert_reqs", ssl.CERT_REQUIRED) is ssl.CERT_NONE:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif said.pop("check_hostname", True) is False:
        made.check_hostname = False
    certificate, key = said.pop("certfile", None), said.pop("keyfile", None)
    if certificate:
        made.load_cert_chain(certificate, key, said.pop("password", None))
    if ciphers := said.pop("ciphers", None):
        made.set_ciphers(ciphers)
    name = said.pop("server_hostname", None)
    if said:
        raise TransportError(f"{', '.join(said)}: no TLS options; known are {', '.join(_KNOWN)}")
    return made, name


def for_redis(tls: Tls) -> dict[str, Any]:
    """Return the options for redis-py."""
    said = {"cert_reqs": ssl.CERT_REQUIRED, **_said(tls)}
    if said["cert_reqs"] is ssl.CERT_NONE:
        said.setdefault("check_hostname", False)
    return {f"ssl_{name}": value for name, value in said.items()}


def _said(tls: Tls) -> dict[str, Any]:
    """Return what the users have said, under Python's own names."""
    options: Mapping[str, Any] = {} if isinstance(tls, bool) else tls
    said = {name.removeprefix("ssl_"): value for name, value in options.items()}
    demand = said.get("cert_reqs")
    if isinstance(demand, str):
        said["cert_reqs"] = _DEMANDS.get(demand.lower().removeprefix("cert_"), demand)
    elif demand is not None:
        said["cert_reqs"] = ssl.VerifyMode(demand)
    return said
