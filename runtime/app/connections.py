"""`Connections`: an app's transport and result store, made when they are first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from ...transports.payloads import ReadsPayloads
from ...transports.registry import connect, connect_results
from ...transports.urls import without_passwords
from ..exceptions import NoResultBackend
from ..settings.result import takes_replies
from .broker_options import broker_options
from .result_options import accepted_results, has_keys_of_its_own, result_options, result_url

if TYPE_CHECKING:
    from ...actors.completion import Completion
    from ...transports.api import Publisher, ResultStore, Transport
    from ..settings import Settings

DISABLED = ("disabled", "disabled://")


class Listener(Protocol):
    """A result store that gets results by message."""

    def listen(self, queue: str) -> Completion[None]:
        """Read a queue from now on; resolves when it is there."""
        ...


class Connections:
    """Leads from settings to transports. Thread-safe; transports see to their own forks.

    default_url: the broker of an app that names none.
    """

    def __init__(self, default_url: str) -> None:
        self._default_url = default_url
        self._transports: dict[str, Transport] = {}
        self._publishers: dict[str, Publisher] = {}
        self._results: dict[str, ResultStore | None] = {}

    def broker_url(self, conf: Settings) -> str:
        """Return the URL, or URLs joined by `;`, of the broker."""
        return _joined(conf.broker_url) or self._default_url

    def transport(self, conf: Settings, url: str | list[str] | None = None) -> Transport:
        """Return the transport to a URL, by default to the broker."""
        address = _joined(url) or self.broker_url(conf)
        known = self._transports.get(address)
        if known is not None:
            return known
        # Two threads may both come here: connecting opens nothing, and the first to be noted is used by both.
        return self._transports.setdefault(address, connect(address, **broker_options(conf, address)))

    def publisher(self, conf: Settings) -> Publisher:
        """Return what publishes to the broker for those who call tasks, in the transport's own way for them."""
        address = _joined(conf.broker_write_url) or self.broker_url(conf)
        known = self._publishers.get(address)
        if known is not None:
            return known
        transport = self.transport(conf, address)
        made: Publisher = getattr(transport, "callers_publisher", transport.publisher)()
        return self._publishers.setdefault(address, made)

    def results(self, conf: Settings) -> ResultStore:
        """Return the result store; raises `NoResultBackend` where there is none."""
        address = result_url(conf) or self.broker_url(conf)
        if address not in self._results:
            opened = self._open_results(conf)
            if isinstance(opened, ReadsPayloads):
                opened.expect(conf.result_serializer, accepted_results(conf))
            self._results.setdefault(address, opened)
        store = self._results[address]
        if store is None:
            where = without_passwords(self.broker_url(conf)).partition("://")[0]
            raise NoResultBackend(
                "no results are stored: result_backend is 'disabled'"
                if conf.result_backend
                else f"no results are stored: {where}:// keeps none by itself, so say result_backend='redis://...', say"
            )
        return store

    def listener(self, conf: Settings) -> Listener | None:
        """Return the store that has to listen before a task is called, or None: most have not."""
        return cast("Listener", self.results(conf)) if takes_replies(conf) else None

    def keeps_results(self, conf: Settings) -> bool:
        """Tell whether there is a result store."""
        try:
            self.results(conf)
        except NoResultBackend:
            return False
        return True

    def same_store(self, conf: Settings) -> bool:
        """Tell whether results are stored by the broker itself."""
        broker = self.broker_url(conf)
        own = not conf.result_backend or conf.result_backend == broker
        return own and not has_keys_of_its_own(conf, broker)

    def is_atomic(self, conf: Settings) -> bool:
        """Tell whether a result, what follows from it and the end of its message are committed at once."""
        return self.same_store(conf) and self.transport(conf).capabilities.atomic_outcomes

    def is_shared(self, conf: Settings) -> bool:
        """Tell whether stock Celery's workers may use the same result store."""
        return not self.is_atomic(conf) or self.transport(conf).capabilities.shared_with_celery

    def close(self) -> None:
        """Close every connection."""
        for store in self._results.values():
            if store is not None:
                store.close()
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()
        self._publishers.clear()
        self._results.clear()

    def _open_results(self, conf: Settings) -> ResultStore | None:
        if conf.result_backend in DISABLED:
            return None
        if self.same_store(conf):
            return self.transport(conf).results()
        url = result_url(conf) or self.broker_url(conf)
        return connect_results(
            url,
            self.publisher(conf),
            **result_options(conf, url, _joined(conf.broker_write_url) or self.broker_url(conf)),
        )


def _joined(url: str | list[str] | None) -> str:
    return ";".join(url) if isinstance(url, list) else url or ""
