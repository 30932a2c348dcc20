"""The kombu adapter: `Transport` over any broker that kombu speaks to.

A message on the wire is a Celery message and nothing else. What the broker cannot do in one step is done in the order
that loses nothing: follow-ups, results, chord part, and the acknowledgement last.
"""

from __future__ import annotations

from ..server_options import ServerOptions
from .transport import SCHEMES, KombuTransport, connect, knows

__all__ = ["SCHEMES", "KombuTransport", "ServerOptions", "connect", "knows"]
