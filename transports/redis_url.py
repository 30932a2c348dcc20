"""URLs of Redis as redis-py writes them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

from .credentials import check_credentials
from .tls import Tls

_CERTIFICATES = {"CERT_REQUIRED": "required", "CERT_OPTIONAL": "optional", "CERT_NONE": "none"}


def plain_url(url: str, tls: Tls) -> str:
    """Return a URL of Celery's as redis-py writes it: it has other names for sockets, databases and certificates.

    Raises `TransportError` where it cannot be read.
    """
    check_credentials(url)
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if "ssl_cert_reqs" in query:
        query["ssl_cert_reqs"] = _CERTIFICATES.get(query["ssl_cert_reqs"], query["ssl_cert_reqs"])
    if "virtual_host" in query:
        query["db"] = query.pop("virtual_host").strip("/")
    scheme = "unix" if parts.scheme in ("redis+socket", "socket") else "rediss" if tls else parts.scheme
    return f"{scheme}://{parts.netloc}{parts.path}{'?' * bool(query)}{urlencode(query)}"
