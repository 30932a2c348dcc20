"""RabbitMQ without an intermediary: AMQP 0-9-1 by a codec and a connection of our own.

Queues, exchanges and messages are those of the kombu adapter and of stock Celery. `protocol` knows no sockets; the rest
knows no bytes.
"""

from __future__ import annotations

from .transport import AmqpTransport, connect

__all__ = ["AmqpTransport", "connect"]
