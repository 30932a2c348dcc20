"""Shows the trees of nodes: coloured to a person, as plain lines or JSON to a program."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING

import click
import msgspec

from ...actors.observing.text import BAD, FINE, ODD, drawn_tree, facts
from ..inspection.choosing import choose
from ..inspection.window import windows
from .letters import ago

if TYPE_CHECKING:
    from ...actors.observing.snapshot import ActorView
    from ..inspection.protocol import NodeView
    from ..inspection.window import Window

_STATES = {FINE: "green", ODD: "yellow", BAD: "red"}
_COLORS = {FINE: None, ODD: "yellow", BAD: "red"}


@dataclass(frozen=True, slots=True)
class Details:
    """What is shown below an actor's line."""

    stacks: bool = False
    tracebacks: bool = False


def show(node: str | None, path: str, details: Details, *, as_json: bool) -> None:
    """Print the trees of nodes; raises `InspectionFailed`."""
    for text in texts(node, path, details, as_json=as_json):
        click.echo(text, color=None if sys.stdout.isatty() else False)


def texts(node: str | None, path: str, details: Details, *, as_json: bool) -> Iterator[str]:
    """Return what is printed of each node."""
    for position, (window, seen) in enumerate(choose(windows(), node)):
        view = window.look(path) if path else seen
        if as_json:
            yield msgspec.json.encode(view).decode()
        else:
            yield "\n".join(([""] if position else []) + list(lines_of(view, details)))


def watching(every: float, node: str | None, path: str, details: Details, *, as_json: bool) -> None:
    """Print the trees again and again, on a terminal always in the same place; ends by Ctrl-C."""
    from threading import Event  # noqa: TID251 - the command line waits for nobody but its user

    pause = Event()
    if as_json or not sys.stdout.isatty():
        while True:
            show(node, path, details, as_json=as_json)
            pause.wait(every)
    from rich.live import Live
    from rich.text import Text

    def now() -> Text:
        return Text.from_ansi("\n".join(texts(node, path, details, as_json=False)))

    with Live(now(), auto_refresh=False, screen=True) as live:
        while not pause.wait(every):
            live.update(now(), refresh=True)


def lines_of(view: NodeView, details: Details) -> Iterator[str]:
    """Return the lines for one node: what it is, then a line for each actor."""
    works = f"{view.pool} x {view.concurrency}, on {', '.join(view.queues)}"
    since = f"up {ago(view.tree.at - view.started).removesuffix(' ago')}"
    yield f"{click.style(view.name, bold=True)}  pid {view.pid}, {view.app}, {works}, {since}"
    drawn = list(drawn_tree(view.tree.actors))
    width = max((len(branch) + len(actor.name) for branch, actor in drawn), default=0) + 2
    for branch, actor in drawn:
        room = " " * (width - len(branch) - len(actor.name))
        yield f"{click.style(branch, dim=True)}{actor.name}{room}{_say(actor, view.tree.at)}"
        yield from _below(actor, details, " " * len(branch))


def _say(actor: ActorView, now: float) -> str:
    """Return what there is to say of an actor, with what is out of the ordinary in colour."""
    state, *others = facts(actor)
    said = [click.style(state.text, fg="red" if actor.state == "stopped" else _STATES[state.level])]
    said += [click.style(fact.text, fg=_COLORS[fact.level]) for fact in others]
    if actor.crash is not None:
        said.append(f"({ago(now - actor.crash.at)})")
    return "  ".join(said)


def _below(actor: ActorView, details: Details, indent: str) -> Iterator[str]:
    if details.stacks and actor.stack:
        yield from _block("at work:", actor.stack, indent)
    if details.tracebacks and actor.crash is not None:
        yield from _block("its last crash:", actor.crash.traceback, indent)


def _block(heading: str, text: str, indent: str) -> Iterator[str]:
    yield f"{indent}  {heading}"
    for line in dedent(text).rstrip("\n").splitlines():
        yield click.style(f"{indent}    {line}", dim=True)


def show_actor(window: Window, path: str, *, as_json: bool) -> None:
    """Print all that is known of one actor; raises `InspectionFailed`."""
    view = window.look(path)
    actor = view.tree.actors[0]
    if as_json:
        click.echo(msgspec.json.encode(actor).decode())
        return
    width = max(len(name) for name, _ in _rows(actor, view.tree.at)) + 2
    for name, value in _rows(actor, view.tree.at):
        click.echo(f"{click.style(name.ljust(width), bold=True)}{value}")
    for line in _below(actor, Details(stacks=True, tracebacks=True), ""):
        click.echo(line.removeprefix("  "))


def _rows(actor: ActorView, now: float) -> Sequence[tuple[str, str]]:
    rows = [("path", actor.path), ("actor", actor.actor or "-")]
    rows.append(("state", actor.state + (", working" if actor.working else "")))
    bound = "" if actor.capacity is None else f" of {actor.capacity}"
    age = f", the first for {actor.waiting_for:.1f} s" if actor.waiting_for else ""
    rows.append(("mailbox", f"{actor.waiting}{bound} waiting{age}"))
    if actor.dropped:
        rows.append(("dropped", str(actor.dropped)))
    if actor.budget is not None:
        budget = actor.budget
        rows.append(("strategy", budget.strategy))
        rows.append(("restarts", f"{budget.used} of {budget.intensity} within {budget.period:g} s"))
    rows.append(("restarted", f"{actor.restarts} time{'' if actor.restarts == 1 else 's'}"))
    if actor.crash is not None:
        rows.append(("last crash", f"{actor.crash.reason} ({ago(now - actor.crash.at)})"))
    return rows
