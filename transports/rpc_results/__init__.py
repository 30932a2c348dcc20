"""Results by message: each goes to the queue that its caller reads, as with Celery's rpc backend."""

from __future__ import annotations

from .options import RpcOptions
from .store import RpcResults

__all__ = ["RpcOptions", "RpcResults"]
