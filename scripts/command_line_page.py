"""Write docs/reference/command-line.md from the commands' own help: `python scripts/command_line_page.py`.

With `--check` nothing is written, and the status says whether the page is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from understudy.runtime.cli.exits import MEANINGS
from understudy.runtime.cli.layout import Context, Formatter
from understudy.runtime.cli.root import understudy

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "command-line.md"
WIDTH = 100

HEAD = """\
# Command line

<!-- Made by scripts/command_line_page.py from the commands' own help. -->

`understudy` is also `python -m understudy`. What goes wrong is one line on stderr, beginning with `Error:`; `--debug`
shows its traceback. Results and lists go to stdout, remarks to stderr. There are colours on a terminal only; `NO_COLOR`
turns them off.

| exit code | means |
|---|---|
"""


def page() -> str:
    """Return the page."""
    codes = "\n".join(f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items())
    return f"{HEAD}{codes}\n\n" + "\n".join(
        sections(understudy, Context(understudy, info_name="understudy", **understudy.context_settings))
    )


def sections(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the section of a command, and those of its commands."""
    yield f"## {context.command_path}\n\n```text\n{help_of(command, context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from sections(inner, Context(inner, info_name=name, parent=context))


def help_of(command: click.Command, context: click.Context) -> str:
    """Return a command's help as a terminal without colours shows it."""
    formatter = Formatter(width=WIDTH, max_width=WIDTH)
    command.format_help(context, formatter)
    return click.unstyle(formatter.getvalue()).rstrip()


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(PAGE.read_text() != page())
    PAGE.write_text(page())
