"""`ProcessActor`: the same ref, the same supervision, and a handler that can really be killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from ..actor import Actor
from ..hosts.thread import ThreadDispatcher
from .stand_in import StandIn

if TYPE_CHECKING:
    from ..cell import Cell


class ProcessActor(Actor):
    """An actor whose body runs in a child process: its `__init__`, its hooks and its handlers.

    Messages, answers and errors cross by pickle (cloudpickle, so that what a script defines crosses too), and refs as
    refs: what the body tells, asks, watches, spawns or sets a timer for is done in the actor's own process, one round
    trip each. There is no `io`, no event loop, and of `system` what finds others; `NotInChildProcess` says so. A kill
    is a SIGKILL; a process that dies is the actor's crash, with the error `ProcessDied`. In the simulator the body runs
    in place.
    """

    pinned: ClassVar[bool] = True
    stand_in: ClassVar[type[StandIn]] = StandIn
    """What plays it in this process."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        lacking = {
            "handlers that are `async def`": cls.asynchronous is not None,
            "on_batch": cls.takes_batches,
            "trap_exit": cls.trap_exit,
            "pinned = False": not cls.pinned,
        }
        for what, wanted in lacking.items():
            if wanted:
                raise TypeError(f"{cls.__name__} runs in a process of its own, where there is no {what}")
        cls.stand_in = cast("type[StandIn]", type(cls.__name__, (StandIn,), {"body": cls, "expected": cls.expected}))

    @classmethod
    def construct(cls, cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Self:
        """Make what plays it here; see `Actor.construct`."""
        if isinstance(cell.dispatcher, ThreadDispatcher):
            return cast("Self", cls.stand_in.construct(cell, (args, kwargs), {}))
        return super().construct(cell, args, kwargs)
