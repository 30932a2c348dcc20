"""The ladder: messages that wait in RabbitMQ until they are due, as Celery's native delayed delivery has them do.

A delay is a number of 28 bits, and each bit is a rung: an exchange, and a queue in which a message waits for so many
seconds before it goes to the rung below. The routing key spells the bits, and the destination after them. Names,
arguments and bindings are kombu's, so that whoever comes first declares for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .topology import Topology

BITS = 28
TOP = f"celery_delayed_{BITS - 1}"
DELIVERY = "celery_delayed_delivery"
KINDS = ("quorum", "classic")
"""What the queues may be; Celery's own default comes first."""


def routing_key(seconds: int, queue: str) -> str:
    """Return the routing key by which a message takes so many whole seconds to a queue."""
    return ".".join(f"{min(seconds, 2**BITS - 1):0{BITS}b}") + f".{queue}"


def arguments(level: int, kind: str) -> dict[str, Any]:
    """Return the arguments of a rung's queue."""
    below = rung(level - 1) if level else DELIVERY
    certain = {"x-dead-letter-strategy": "at-least-once"} if kind == "quorum" else {}
    return {
        "x-queue-type": kind,
        "x-overflow": "reject-publish",
        "x-message-ttl": 2**level * 1000,
        "x-dead-letter-exchange": below,
        **certain,
    }


def rung(level: int) -> str:
    """Return the name of a rung's exchange, and of its queue."""
    return f"celery_delayed_{level}"


def pattern(level: int, bit: int) -> str:
    """Return what the routing keys look like that have a bit set or not."""
    return "*." * (BITS - 1 - level) + f"{bit}.#"


def declare(topology: Topology, kind: str) -> None:
    """Make sure that the ladder is there; the exchange at its end, which is made last, tells whether it is."""
    if topology.has_exchange(DELIVERY):
        return
    for level in reversed(range(BITS)):
        topology.make_exchange(rung(level), "topic")
        topology.make_queue(rung(level), arguments(level, kind))
        topology.bind_queue(rung(level), rung(level), pattern(level, 1))
    for level in reversed(range(1, BITS)):
        topology.bind_exchange(rung(level - 1), rung(level), pattern(level, 0))
    topology.make_exchange(DELIVERY, "topic")
    topology.bind_exchange(DELIVERY, rung(0), pattern(0, 0))


def lead_to(topology: Topology, queue: str) -> None:
    """Have what comes to the end of the ladder go on to a queue."""
    topology.bind_queue(queue, DELIVERY, f"#.{queue}")


def lead_through(topology: Topology, exchange: str, queue: str, routing_key: str) -> None:
    """Have what comes to the end of the ladder go on to an exchange, and from there to a queue; as kombu does."""
    key = routing_key if routing_key.startswith("#") else f"#.{routing_key}"
    topology.bind_exchange(exchange, DELIVERY, key)
    if queue:
        topology.bind_queue(queue, exchange, key)


def destination(exchange: str, routing_key: str) -> str | None:
    """Return the routing key that a message had before it took the ladder, None where it took none."""
    if not exchange.startswith("celery_delayed_"):
        return None
    bits, rest = routing_key[: 2 * BITS], routing_key[2 * BITS :]
    return rest if len(bits) == 2 * BITS and set(bits) <= {"0", "1", "."} else routing_key
