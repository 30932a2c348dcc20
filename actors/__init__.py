"""The kernel: actors with mailboxes, refs, timers, links and monitors under OTP's supervision, on any host."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .actor import Actor, on
    from .batch import Batch
    from .clock import Clock, SystemClock
    from .completion import Completion
    from .deadlock import Deadlock
    from .errors import (
        ActorDead,
        AlreadyResolved,
        ChildCrashed,
        MailboxFull,
        NameTaken,
        StartFailed,
        SystemStopped,
        Timeout,
        UnderstudyError,
        Unhandled,
        WouldBlock,
    )
    from .events import (
        ActorCrashed,
        ActorStarted,
        ActorStopped,
        ChildRestarted,
        ChildStopFailed,
        DeadLetter,
        EventBus,
        MailboxOverflowed,
        SlowTurn,
        SupervisorGaveUp,
    )
    from .hosts.asyncio import AsyncioHost
    from .hosts.thread import ThreadHost
    from .life import Deferred, IgnoreStart
    from .mailbox import Bound, Overflow
    from .messages import ChildExited, ChildFailed, ChildStarted, ChildStartFailed, Down, Exited, Message
    from .observing.commands import NotSupervised, restart_actor, stop_actor
    from .observing.snapshot import ActorView, CrashView, Snapshot
    from .process.actor import ProcessActor
    from .process.line import NotInChildProcess
    from .process.stand_in import ProcessDied
    from .projection import telemetry
    from .reasons import Error, ExitReason, FailedStart, Kill, Killed, NoConnection, NoProc, Normal, Shutdown
    from .ref import Ref
    from .routing.demand import DemandRouter
    from .routing.errors import BadChoice, ManyAnswers, NoRoutee
    from .routing.gathering import gather
    from .routing.group import GroupRouter
    from .routing.keys import partition_of
    from .routing.messages import AskAll, Demand
    from .routing.partitions import Partitions, PartitionSupervisor
    from .routing.pool import Pool
    from .routing.router import Router
    from .routing.spawning import spawn_router
    from .routing.strategies import Broadcast, ConsistentHash, LeastLoaded, RoundRobin, Routee, Routing
    from .supervision.decisions import ChildEnd, Decision, GiveUp, Leave, Poison, Replace
    from .supervision.errors import (
        AlreadyPresent,
        AlreadyStarted,
        BadIntensity,
        BadSpec,
        ChildNotFound,
        ChildRestarting,
        ChildRunning,
        ChildStartError,
        DuplicateId,
        SupervisorError,
        TooManyChildren,
        UnknownStrategy,
    )
    from .supervision.messages import (
        Budget,
        ChildCounts,
        ChildInfo,
        CountChildren,
        DeleteChild,
        RestartChild,
        StartChild,
        TerminateChild,
        WhichChildren,
    )
    from .supervision.spec import AutoShutdown, Backoff, ChildSpec, Restart, Strategy
    from .supervision.supervisor import DynamicSupervisor, Supervisor
    from .system import System
    from .timers import Timer

__all__ = [
    "Actor",
    "ActorCrashed",
    "ActorDead",
    "ActorStarted",
    "ActorStopped",
    "ActorView",
    "AlreadyPresent",
    "AlreadyResolved",
    "AlreadyStarted",
    "AskAll",
    "AsyncioHost",
    "AutoShutdown",
    "Backoff",
    "BadChoice",
    "BadIntensity",
    "BadSpec",
    "Batch",
    "Bound",
    "Broadcast",
    "Budget",
    "ChildCounts",
    "ChildCrashed",
    "ChildEnd",
    "ChildExited",
    "ChildFailed",
    "ChildInfo",
    "ChildNotFound",
    "ChildRestarted",
    "ChildRestarting",
    "ChildRunning",
    "ChildSpec",
    "ChildStartError",
    "ChildStartFailed",
    "ChildStarted",
    "ChildStopFailed",
    "Clock",
    "Completion",
    "ConsistentHash",
    "CountChildren",
    "CrashView",
    "DeadLetter",
    "Deadlock",
    "Decision",
    "Deferred",
    "DeleteChild",
    "Demand",
    "DemandRouter",
    "Down",
    "DuplicateId",
    "DynamicSupervisor",
    "Error",
    "EventBus",
    "ExitReason",
    "Exited",
    "FailedStart",
    "GiveUp",
    "GroupRouter",
    "IgnoreStart",
    "Kill",
    "Killed",
    "LeastLoaded",
    "Leave",
    "MailboxFull",
    "MailboxOverflowed",
    "ManyAnswers",
    "Message",
    "NameTaken",
    "NoConnection",
    "NoProc",
    "NoRoutee",
    "Normal",
    "NotInChildProcess",
    "NotSupervised",
    "Overflow",
    "PartitionSupervisor",
    "Partitions",
    "Poison",
    "Pool",
    "ProcessActor",
    "ProcessDied",
    "Ref",
    "Replace",
    "Restart",
    "RestartChild",
    "RoundRobin",
    "Routee",
    "Router",
    "Routing",
    "Shutdown",
    "SlowTurn",
    "Snapshot",
    "StartChild",
    "StartFailed",
    "Strategy",
    "Supervisor",
    "SupervisorError",
    "SupervisorGaveUp",
    "System",
    "SystemClock",
    "SystemStopped",
    "TerminateChild",
    "ThreadHost",
    "Timeout",
    "Timer",
    "TooManyChildren",
    "UnderstudyError",
    "Unhandled",
    "UnknownStrategy",
    "WhichChildren",
    "WouldBlock",
    "gather",
    "on",
    "partition_of",
    "restart_actor",
    "spawn_router",
    "stop_actor",
    "telemetry",
]

# A name is imported when it is first used: whoever publishes tasks need not load supervisors. Type checkers read the
# imports above instead.
_HOMES = {
    "Actor": "actor",
    "ActorCrashed": "events",
    "ActorDead": "errors",
    "ActorStarted": "events",
    "ActorStopped": "events",
    "ActorView": "observing.snapshot",
    "AlreadyPresent": "supervision.errors",
    "AlreadyResolved": "errors",
    "AlreadyStarted": "supervision.errors",
    "AskAll": "routing.messages",
    "AsyncioHost": "hosts.asyncio",
    "AutoShutdown": "supervision.spec",
    "Backoff": "supervision.spec",
    "BadChoice": "routing.errors",
    "BadIntensity": "supervision.errors",
    "BadSpec": "supervision.errors",
    "Batch": "batch",
    "Bound": "mailbox",
    "Broadcast": "routing.strategies",
    "Budget": "supervision.messages",
    "ChildCounts": "supervision.messages",
    "ChildCrashed": "errors",
    "ChildEnd": "supervision.decisions",
    "ChildExited": "messages",
    "ChildFailed": "messages",
    "ChildInfo": "supervision.messages",
    "ChildNotFound": "supervision.errors",
    "ChildRestarted": "events",
    "ChildRestarting": "supervision.errors",
    "ChildRunning": "supervision.errors",
    "ChildSpec": "supervision.spec",
    "ChildStartError": "supervision.errors",
    "ChildStartFailed": "messages",
    "ChildStarted": "messages",
    "ChildStopFailed": "events",
    "Clock": "clock",
    "Completion": "completion",
    "ConsistentHash": "routing.strategies",
    "CountChildren": "supervision.messages",
    "CrashView": "observing.snapshot",
    "DeadLetter": "events",
    "Deadlock": "deadlock",
    "Decision": "supervision.decisions",
    "Deferred": "life",
    "DeleteChild": "supervision.messages",
    "Demand": "routing.messages",
    "DemandRouter": "routing.demand",
    "Down": "messages",
    "DuplicateId": "supervision.errors",
    "DynamicSupervisor": "supervision.supervisor",
    "Error": "reasons",
    "EventBus": "events",
    "ExitReason": "reasons",
    "Exited": "messages",
    "FailedStart": "reasons",
    "GiveUp": "supervision.decisions",
    "GroupRouter": "routing.group",
    "IgnoreStart": "life",
    "Kill": "reasons",
    "Killed": "reasons",
    "LeastLoaded": "routing.strategies",
    "Leave": "supervision.decisions",
    "MailboxFull": "errors",
    "MailboxOverflowed": "events",
    "ManyAnswers": "routing.errors",
    "Message": "messages",
    "NameTaken": "errors",
    "NoConnection": "reasons",
    "NoProc": "reasons",
    "NoRoutee": "routing.errors",
    "Normal": "reasons",
    "NotInChildProcess": "process.line",
    "NotSupervised": "observing.commands",
    "Overflow": "mailbox",
    "PartitionSupervisor": "routing.partitions",
    "Partitions": "routing.partitions",
    "Poison": "supervision.decisions",
    "Pool": "routing.pool",
    "ProcessActor": "process.actor",
    "ProcessDied": "process.stand_in",
    "Ref": "ref",
    "Replace": "supervision.decisions",
    "Restart": "supervision.spec",
    "RestartChild": "supervision.messages",
    "RoundRobin": "routing.strategies",
    "Routee": "routing.strategies",
    "Router": "routing.router",
    "Routing": "routing.strategies",
    "Shutdown": "reasons",
    "SlowTurn": "events",
    "Snapshot": "observing.snapshot",
    "StartChild": "supervision.messages",
    "StartFailed": "errors",
    "Strategy": "supervision.spec",
    "Supervisor": "supervision.supervisor",
    "SupervisorError": "supervision.errors",
    "SupervisorGaveUp": "events",
    "System": "system",
    "SystemClock": "clock",
    "SystemStopped": "errors",
    "TerminateChild": "supervision.messages",
    "ThreadHost": "hosts.thread",
    "Timeout": "errors",
    "Timer": "timers",
    "TooManyChildren": "supervision.errors",
    "UnderstudyError": "errors",
    "Unhandled": "errors",
    "UnknownStrategy": "supervision.errors",
    "WhichChildren": "supervision.messages",
    "WouldBlock": "errors",
    "gather": "routing.gathering",
    "on": "actor",
    "partition_of": "routing.keys",
    "restart_actor": "observing.commands",
    "spawn_router": "routing.spawning",
    "stop_actor": "observing.commands",
    "telemetry": "projection",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
