"""`Derived`: what an app works out from its settings, once for each version of them."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from ...transports import codecs
from ..publishing.router import Router
from ..results.writing import ResultWriter
from ..times import seconds, zone
from .result_options import accepted_results

if TYPE_CHECKING:
    from .app import App


class Derived:
    """accepted, accepted_results: content types. zone: in which naive times are read; None for the machine's own."""

    def __init__(self, app: App) -> None:
        conf = app.conf
        self.version: int = conf.version
        self.accepted: frozenset[str] = codecs.accepted_types(conf.accept_content)
        self.accepted_results: frozenset[str] = accepted_results(conf)
        self.router: Router = Router(conf)
        self.writer: ResultWriter = ResultWriter(app, self.accepted_results)
        self.result_ttl: float | None = seconds(conf.result_expires)
        self.zone: tzinfo | None = UTC if conf.enable_utc else zone(conf.timezone)
