"""`understudy worker`."""

from __future__ import annotations

from typing import Any

import click

from ..layout import Command, option
from ..parameters import concurrency, names, pool, seconds
from ..session import Session, pass_session

_QUEUES, _POOL, _LOG, _PROCESS = "Queues", "Pool", "Log", "Process"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL")


@click.command(
    cls=Command,
    examples=("understudy -A proj worker -l INFO", "understudy -A proj worker -c 4 -Q mail,reports -n mailer@%h"),
)
@option(
    "-Q",
    "--queues",
    metavar="NAME,...",
    type=names,
    section=_QUEUES,
    help="Take from these queues. Default: those of the app's settings.",
)
@option(
    "-X",
    "--exclude-queues",
    "excluded",
    metavar="NAME,...",
    type=names,
    section=_QUEUES,
    help="Take from all of the app's queues but these.",
)
@option("--purge", is_flag=True, section=_QUEUES, help="First delete the messages that wait in them.")
@option(
    "-c",
    "--concurrency",
    metavar="N|auto",
    type=concurrency,
    section=_POOL,
    help="Run so many tasks at a time. Default, and auto: one for each processor.",
)
@option(
    "-P",
    "--pool",
    metavar="processes|solo",
    type=pool,
    section=_POOL,
    help="What tasks run in: processes (Celery's prefork), or this process itself, for debugging.",
)
@option(
    "--grace",
    metavar="SECONDS",
    type=seconds,
    section=_POOL,
    help="At a warm shutdown, give running tasks so long before they go back to their queues. Default: 25.",
)
@option(
    "--time-limit",
    metavar="SECONDS",
    type=seconds,
    section=_POOL,
    help="Kill the process of a task that runs for longer, unless the task or its call say how long.",
)
@option(
    "--soft-time-limit",
    metavar="SECONDS",
    type=seconds,
    section=_POOL,
    help="Raise SoftTimeLimitExceeded in a task that runs for longer, unless the task or its call say how long.",
)
@option(
    "-l",
    "--loglevel",
    metavar="LEVEL",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="WARNING",
    show_default=True,
    section=_LOG,
    help="Log this and what is more serious. INFO has a line or two for each task.",
)
@option(
    "-f", "--logfile", metavar="PATH", section=_LOG, help="Log there, not to stderr. Takes %n, %h and %d as -n does."
)
@option(
    "-n",
    "--hostname",
    metavar="NAME",
    section=_PROCESS,
    help="The node's name. Takes %h (host), %n (host without its domain) and %d (domain). Default: celery@%h",
)
@option(
    "--pidfile",
    metavar="PATH",
    section=_PROCESS,
    help="Keep the pid there; refuse to start where it holds that of a running process.",
)
@pass_session
def worker(session: Session, **said: Any) -> int:
    """Run a worker node until it is stopped.

    SIGTERM and SIGINT (Ctrl-C) shut it down warm: running tasks are finished. A second one, or SIGQUIT, shuts it down
    cold: running tasks go back to their queues.
    """
    from ..node.launch import Launch

    return Launch(session, **said).run()
