"""A group whose commands are imported when they are called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .layout import Group

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "understudy.commands"
"""The entry points by which other packages add commands: each names a `click.Command`."""


class Entry(NamedTuple):
    """Where a command is, and what is said of it in the list of commands, which must not import it."""

    target: str
    help: str


class LazyGroup(Group):
    """Finds commands by a table, then among the entry points of `GROUP`; those of the table come first."""

    def __init__(self, *args: Any, entries: Mapping[str, Entry], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self._entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, ours first."""
        return [*self._entries, *sorted(set(_added()) - set(self._entries))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of that name."""
        entry = self._entries.get(cmd_name)
        if entry is not None:
            module, _, name = entry.target.partition(":")
            return _checked(cmd_name, getattr(import_module(module, __package__), name))
        added = _added().get(cmd_name)
        return None if added is None else _checked(cmd_name, _load(added))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a command line; a misspelt one gets a hint."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command {args[0]!r}{_hint(args[0], self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        rows = [(name, entry.help) for name, entry in self._entries.items()]
        rows += [(name, _origin(point)) for name, point in sorted(_added().items()) if name not in self._entries]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _added() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # reads the metadata of every installed package: only where needed

    return {point.name: point for point in entry_points(group=GROUP)}


def _origin(point: EntryPoint) -> str:
    return f"Added by {point.dist.name}." if point.dist is not None else f"Added by {point.module}."


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise click.ClickException(
            f"the command {point.name!r} cannot be loaded from {point.value}: {error}"
        ) from error


def _checked(name: str, found: Any) -> click.Command:
    if not isinstance(found, click.Command):
        raise click.ClickException(
            f"the command {name!r} is of type {type(found).__name__}: it has to be a click command"
        )
    return found


def _hint(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f": did you mean {near[0]!r}?" if near else f": there are {', '.join(known)}"
