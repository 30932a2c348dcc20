"""What a worker shows when it starts."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from ....transports.urls import scheme_of, without_passwords

if TYPE_CHECKING:
    from ...app.app import App

MARGIN = 11


@dataclass(frozen=True, slots=True)
class Banner:
    """What there is to say; address: where the app is. pool, log: in words."""

    app: App
    address: str
    hostname: str
    queues: Sequence[str]
    pool: str
    log: str

    def show(self) -> None:
        """Print it."""
        title = click.style(f"understudy {version('understudy')}", fg="green", bold=True)
        system = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        click.echo(f"\n {title}  {click.style(self.hostname, bold=True)}  {click.style(system, dim=True)}\n")
        for label, value in self._rows():
            click.echo(f"   {click.style(label.ljust(MARGIN), fg='cyan')}{value}")
        click.echo(f"\n {click.style('tasks', bold=True)}")
        for name in sorted(self.app.tasks.regular()):
            click.echo(f"   {name}")
        click.echo()

    def _rows(self) -> Iterator[tuple[str, str]]:
        conf = self.app.conf
        broker = self.app.connections.broker_url(conf)
        yield "app", self.address
        yield "broker", without_passwords(broker)
        if scheme_of(broker) == "sqlite":
            from ....transports.embedded.site import path_of

            yield "file", str(path_of(broker))
        yield "results", self._results()
        yield "queues", ", ".join(self.queues)
        yield "pool", self.pool
        yield "log", self.log

    def _results(self) -> str:
        conf = self.app.conf
        if not self.app.connections.keeps_results(conf):
            return "not stored"
        if self.app.connections.same_store(conf):
            return "kept by the broker"
        return without_passwords(str(conf.result_backend))
