"""Letters: Celery's messages, as transports put them on the wire, take them off, hold, bury and raise them.

Shared by all transports that speak to a broker of others; knows none of them.
"""

from __future__ import annotations
