"""How help pages look: options in sections, headings in bold on a terminal, examples at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click


class Formatter(click.HelpFormatter):
    """Writes headings in bold; where help goes to a file, click takes the styles off."""

    def write_heading(self, heading: str) -> None:
        """Write the heading of a section."""
        self.write(f"{'':>{self.current_indent}}{click.style(heading, bold=True)}\n")

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line."""
        super().write_usage(prog, args, prefix or f"{click.style('Usage:', bold=True)} ")

    def write_examples(self, examples: Sequence[str]) -> None:
        """Write command lines as they are to be typed, never wrapped."""
        with self.section("Example" if len(examples) == 1 else "Examples"):
            for example in examples:
                self.write(f"{'':>{self.current_indent}}{example}\n")


class Context(click.Context):
    """A context whose help is laid out by `Formatter`, without colours where `$NO_COLOR` says so."""

    formatter_class: type[click.HelpFormatter] = Formatter

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        if os.environ.get("NO_COLOR"):
            self.color: bool | None = False


class Option(click.Option):
    """An option that stands in a section of its own on the help page."""

    def __init__(self, *args: Any, section: str = "Options", **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section


def option(*declarations: str, **attributes: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an option of a command, as `click.option` does; `section` is where its help stands."""
    return click.option(*declarations, cls=Option, **attributes)


class Command(click.Command):
    """A command with options in sections, then examples, then tables of (heading: rows)."""

    context_class: type[click.Context] = Context

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str] = (),
        tables: Mapping[str, Iterable[tuple[str, str]]] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self._examples = examples
        self._tables = tables or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options; one that belongs before the command's name is said to belong there."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            root = ctx.find_root()
            if any(error.option_name in parameter.opts for parameter in root.command.params):
                place = f"{root.info_name} {error.option_name} ... {ctx.info_name}"
                raise click.UsageError(f"{error.option_name} goes before the command: {place}", ctx) from error
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section of options, in the order in which they were declared."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        margin = max((len(name) for records in sections.values() for name, _ in records), default=0)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(margin), text) for name, text in records])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the tables."""
        if self._examples and isinstance(formatter, Formatter):
            formatter.write_examples(self._examples)
        for heading, rows in self._tables.items():
            with formatter.section(heading):
                formatter.write_dl(list(rows))


class Group(Command, click.Group):
    """A command with commands of its own."""

    command_class: type[click.Command] | None = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of their declaration."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help where nothing is asked for."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)
