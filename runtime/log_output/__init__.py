"""The log of a worker, in the node and in its pool processes: set up by the command line, and by nothing else.

Whoever runs a `Worker` in a program of their own has their own logging.
"""

from .options import LogOptions
from .setup import set_up, set_up_pool_process, set_up_solo_pool

__all__ = ["LogOptions", "set_up", "set_up_pool_process", "set_up_solo_pool"]
