"""AMQP 0-9-1 without I/O: bytes in, events out, and the other way around."""

from __future__ import annotations
