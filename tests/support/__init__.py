"""What the tests share: real servers, a proxy that breaks connections, programs, and bounded waiting."""

from __future__ import annotations

from .databases import DatabaseServer, MariaServer, PostgresServer
from .ports import free_port
from .processes import command_line, descendants, is_running
from .programs import Program
from .proxy import FaultProxy
from .rabbitmq import RabbitMQServer
from .redis import RedisServer, TlsRedisServer
from .servers import Server
from .waiting import wait_until

__all__ = [
    "DatabaseServer",
    "FaultProxy",
    "MariaServer",
    "PostgresServer",
    "Program",
    "RabbitMQServer",
    "RedisServer",
    "Server",
    "TlsRedisServer",
    "command_line",
    "descendants",
    "free_port",
    "is_running",
    "wait_until",
]
