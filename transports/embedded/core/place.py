"""Where a message stands: queue, priority and sequence packed into one integer, which is its key in storage.

    | queue, 15 bits | rank, 4 bits | sequence, 44 bits |

The rank is 9 minus the priority, so that ascending places of one queue are the order of delivery: one B-tree holds all
queues, a queue's next messages are a range of it, and no second index has to be kept.
"""

from __future__ import annotations

SEQUENCE_BITS = 44
RANK_BITS = 4
QUEUE_SHIFT = SEQUENCE_BITS + RANK_BITS
MAX_QUEUES = 1 << 15
TOP_PRIORITY = 9

_RANK_MASK = (1 << RANK_BITS) - 1
_SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1


def make_place(queue: int, priority: int, sequence: int) -> int:
    """Return the place of the message `sequence`; priorities beyond 0 to 9 count as the nearest."""
    rank = TOP_PRIORITY - min(max(priority, 0), TOP_PRIORITY)
    return (queue << RANK_BITS | rank) << SEQUENCE_BITS | sequence


def queue_of(place: int) -> int:
    """Return the number of the queue that a place is in."""
    return place >> QUEUE_SHIFT


def priority_of(place: int) -> int:
    """Return the priority of the message at a place."""
    return TOP_PRIORITY - (place >> SEQUENCE_BITS & _RANK_MASK)


def sequence_of(place: int) -> int:
    """Return the sequence number in a place: the order of publication over all queues."""
    return place & _SEQUENCE_MASK


def bounds(queue: int) -> tuple[int, int]:
    """Return the first and the last place that a queue can have."""
    first = queue << QUEUE_SHIFT
    return first, first | (1 << QUEUE_SHIFT) - 1
