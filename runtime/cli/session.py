"""`Session`: what the options before the command say, for the command to use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from .exits import Misuse

if TYPE_CHECKING:
    from ..app.app import App
    from ..app.finding import FoundApp

P = ParamSpec("P")
R = TypeVar("R")

NO_APP = "no app is named: say `understudy -A module ...`, or set UNDERSTUDY_APP"
NO_BROKER = "neither an app nor a broker is named: say `understudy -A module ...` or `understudy -b URL ...`"


@dataclass
class Session:
    """One run of the command line.

    app_name: what `-A` names. broker, backend: URLs that overrule the app's own. debug: errors show their traceback.
    """

    app_name: str | None = None
    broker: str | None = None
    backend: str | None = None
    quiet: bool = False
    debug: bool = False

    def enter(self, workdir: Path | None) -> None:
        """Go to where the app's modules are, and overrule its settings, for pool processes too: they inherit both."""
        if workdir is not None:
            os.chdir(workdir)
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)
        self.overrule(broker_url=self.broker, result_backend=self.backend)

    def overrule(self, **settings: object) -> None:
        """Overrule settings of the app, which is not imported yet, for pool processes too; None leaves them be."""
        for name, value in settings.items():
            if value is not None:
                os.environ[f"UNDERSTUDY_{name.upper()}"] = str(value)

    def find(self) -> FoundApp:
        """Import the app that `-A` names; raises `AppNotFound`, or `Misuse` where it names none."""
        if self.app_name is None:
            raise Misuse(NO_APP)
        from ..app.finding import find_app

        found = find_app(self.app_name)
        _check_url(found.app)
        return found

    def client(self) -> App:
        """Return an app to reach the broker with: the one that `-A` names, else one for the broker of `-b`."""
        if self.app_name is not None:
            return self.find().app
        from ..app.app import App

        app = App("understudy")
        if not app.conf.broker_url:
            raise Misuse(NO_BROKER)
        _check_url(app)
        return app

    def note(self, text: str) -> None:
        """Say something to a person, on stderr, unless `-q` was given."""
        if not self.quiet:
            click.echo(text, err=True)


def _check_url(app: App) -> None:
    """Let a wrong URL be found before anything is done; connecting opens nothing yet."""
    from ...transports.errors import TransportError

    try:
        _ = app.transport
    except TransportError as error:
        raise Misuse(str(error)) from error


def pass_session(command: Callable[Concatenate[Session, P], R]) -> Callable[P, R]:
    """Give a command the session as its first argument; a decorator."""
    return click.make_pass_decorator(Session)(command)
