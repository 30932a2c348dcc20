"""`understudy call`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from ..exits import Misuse
from ..layout import Command, option
from ..parameters import expiry, json_of, moment, seconds
from ..session import Session, pass_session

if TYPE_CHECKING:
    from ...app.app import App
    from ...results.result import AsyncResult

_WHEN, _WHERE, _RESULT = "When", "Where", "Result"


@click.command(
    cls=Command,
    examples=(
        "understudy -A proj call proj.add --args '[2, 3]' --wait",
        'understudy -b redis://localhost call proj.mail --kwargs \'{"to": "ada"}\' --countdown 60',
    ),
)
@click.argument("task")
@option("-a", "--args", metavar="JSON", type=json_of(list, "[2, 3]"), default="[]", help="Positional arguments.")
@option(
    "-k",
    "--kwargs",
    metavar="JSON",
    type=json_of(dict, '{"to": "ada"}'),
    default="{}",
    help="Named arguments.",
)
@option("--countdown", metavar="SECONDS", type=seconds, section=_WHEN, help="Run it so many seconds from now.")
@option("--eta", metavar="TIME", type=moment, section=_WHEN, help="Run it then.")
@option("--expires", metavar="SECONDS|TIME", type=expiry, section=_WHEN, help="Do not run it after that.")
@option("--queue", metavar="NAME", section=_WHERE, help="Send it to this queue, not to its own.")
@option("--priority", metavar="N", type=click.IntRange(0, 9), section=_WHERE, help="9 goes first.")
@option("--wait", is_flag=True, section=_RESULT, help="Wait, and print the result instead of the id.")
@option("--timeout", metavar="SECONDS", type=seconds, section=_RESULT, help="Wait no longer than this.")
@pass_session
def call(
    session: Session,
    task: str,
    args: list[Any],
    kwargs: dict[str, Any],
    wait: bool,
    timeout: float | None,
    **options: Any,
) -> int | None:
    """Call TASK and print the call's id, or with --wait its result as JSON.

    With -A, TASK has to be one of the app's. With -b alone it is called by name, whoever may have it.
    """
    if options["countdown"] is not None and options["eta"] is not None:
        raise click.UsageError("--countdown and --eta both say when: say one of them")
    app = session.client()
    said = {name: value for name, value in options.items() if value is not None}
    said["retry"] = False  # whoever typed this can try again, and would rather know
    sent = _send(app, task, args, kwargs, said, session.app_name)
    if not wait and timeout is None:
        click.echo(sent.id)
        return None
    from ..outcome import show_outcome

    return show_outcome(sent, timeout)


def _send(
    app: App, name: str, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any], app_name: str | None
) -> AsyncResult[Any]:
    if app_name is None:
        return app.send_task(name, args, kwargs, **options)
    from ...app.finding import import_tasks

    if name not in app.tasks:
        import_tasks(app, app_name)
    if name not in app.tasks:
        raise Misuse(f"the app has no task {name!r}{_hint(name, app)}")
    try:
        return app.tasks[name].apply_async(args, kwargs, **options)
    except TypeError as error:
        raise Misuse(str(error)) from error


def _hint(name: str, app: App) -> str:
    names = list(app.tasks.regular())
    near = get_close_matches(name, names, n=1)
    if near:
        return f": did you mean {near[0]!r}?"
    return f": it has {', '.join(sorted(names))}" if names else ": it has none at all; does it import their modules?"
