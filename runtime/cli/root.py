"""The command `understudy` itself: what stands before the name of a command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from .exits import MEANINGS
from .layout import option
from .lazy import Entry, LazyGroup
from .parameters import url
from .session import Session, pass_session

COMMANDS = {
    "worker": Entry(".commands.worker:worker", "Run a worker node until it is stopped."),
    "call": Entry(".commands.call:call", "Call a task and print its id, or its result."),
    "result": Entry(".commands.result:result", "Print the result of a task."),
    "purge": Entry(".commands.purge:purge", "Delete the messages that wait in queues."),
    "dead": Entry(".commands.dead:dead", "List, retry or discard dead letters."),
    "tree": Entry(".commands.tree:tree", "Show the actors of the worker nodes that run here."),
    "actor": Entry(".commands.actor:actor", "Show, restart or stop one actor of a worker node."),
    "doctor": Entry(".commands.doctor:doctor", "Check the installation, the machine and the broker."),
    "demo": Entry(".commands.demo:demo", "See two nodes work while their parts are killed."),
}


def _set_color(ctx: click.Context, _: click.Parameter, no_color: bool) -> None:
    if no_color:
        os.environ["NO_COLOR"] = "1"  # pool processes and rich look there
        ctx.color = False


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"understudy {version('understudy')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples=("understudy -A proj worker -l INFO", "understudy -A proj call proj.add --args '[2, 3]' --wait"),
    tables={"Exit codes": [(str(code.value), meaning) for code, meaning in MEANINGS.items()]},
)
@option(
    "-A",
    "--app",
    "app_name",
    metavar="MODULE[:ATTR]",
    envvar="UNDERSTUDY_APP",
    help="The app: its module or file, and its name there if that is not app. Also $UNDERSTUDY_APP.",
)
@option("-b", "--broker", metavar="URL", type=url, help="Use this broker instead of the app's.")
@option("--result-backend", "backend", metavar="URL", type=url, help="Use this result store instead of the app's.")
@option(
    "--workdir",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Go there first; modules are imported from there.",
)
@option(
    "-C",
    "--no-color",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_set_color,
    help="No colours; also $NO_COLOR. Without it there are colours on a terminal only.",
)
@option("-q", "--quiet", is_flag=True, help="Print what was asked for and errors, nothing else.")
@option("--debug", is_flag=True, help="Show the traceback of an error.")
@option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Print the version.",
)
@pass_session
def understudy(
    session: Session,
    app_name: str | None,
    broker: str | None,
    backend: str | None,
    workdir: Path | None,
    quiet: bool,
    debug: bool,
) -> None:
    """Queue tasks and run them under supervision: Celery's API, and every part is replaced when it dies."""
    session.app_name, session.broker, session.backend = app_name, broker, backend
    session.quiet, session.debug = quiet, debug
    session.enter(workdir)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default this process's own, and return the exit code."""
    session = Session()
    try:
        code = understudy.main(arguments, prog_name="understudy", standalone_mode=False, obj=session)
    except BaseException as error:  # noqa: BLE001 - whatever ends a command ends in one line
        from .failures import report

        return report(error, debug=session.debug)
    return code if isinstance(code, int) else 0
