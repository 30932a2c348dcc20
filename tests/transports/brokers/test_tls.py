"""What the settings say about the connection arrives: TLS, with both brokers, and how to log in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import RabbitMQServer, TlsRedisServer, wait_until
from tests.transports.conformance.messages import PATIENCE, publication, publish, success, take_ids
from understudy import App
from understudy.runtime.app.broker_options import broker_options
from understudy.transports.errors import BrokerRefused, BrokerUnavailable, TransportError

QUICK = {"patience": 1.0}


class Secured:
    """The address of a server that speaks TLS, and the certificate of the authority that vouches for it."""

    def __init__(self, url: str, authority: Path) -> None:
        self.url = url
        self.authority = str(authority)

    def app(self, use_ssl: bool | dict[str, Any], url: str | None = None) -> App:
        """Return an app that is to encrypt its connection."""
        return App("proj", broker=url or self.url, broker_use_ssl=use_ssl, broker_transport_options=QUICK)


@pytest.fixture(params=["redis", "rabbitmq"])
def secured(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Secured]:
    """A broker, by TLS."""
    if request.param == "redis":
        with TlsRedisServer(tmp_path / "redis") as server:
            yield Secured(server.url, server.certificates.authority)
    else:
        rabbitmq: RabbitMQServer = request.getfixturevalue("rabbitmq_server")
        plain: str = request.getfixturevalue("rabbitmq_url")
        url = plain.replace(str(rabbitmq.port), str(rabbitmq.tls_port))
        yield Secured(url, rabbitmq.certificates.authority)


def goes_through(app: App, queue: str) -> None:
    """Have a message pass, and a result where the broker has a store."""
    transport = app.transport
    publish(transport, publication("one", queue))
    intake = transport.intake([queue], "boot.1")
    assert take_ids(intake, 1) == ["one"]
    store = transport.results()
    if store is not None:
        waiting = store.wait("one")
        store.store([success("one")]).get(timeout=PATIENCE)
        assert waiting.get(timeout=PATIENCE) == success("one").payload
    app.close()


def test_messages_and_results_pass_by_tls(secured: Secured, queue: str) -> None:
    goes_through(secured.app({"ca_certs": secured.authority, "cert_reqs": "CERT_REQUIRED"}), queue)


def test_celerys_names_for_redis_are_understood(secured: Secured, queue: str) -> None:
    goes_through(secured.app({"ssl_ca_certs": secured.authority, "ssl_cert_reqs": "required"}), queue)


def test_the_scheme_alone_asks_for_tls(secured: Secured, queue: str) -> None:
    scheme, _, rest = secured.url.partition("://")
    goes_through(secured.app({"ca_certs": secured.authority}, f"{scheme}s://{rest}"), queue)


def test_a_server_whose_authority_is_not_trusted_is_refused(secured: Secured, queue: str) -> None:
    app = secured.app(True)
    with pytest.raises(BrokerRefused, match=r"(?i)certificate"):
        publish(app.transport, publication("one", queue))
    app.close()


def test_a_server_that_goes_by_another_name_is_refused(secured: Secured, queue: str) -> None:
    app = secured.app({"ca_certs": secured.authority}, secured.url.replace("127.0.0.1", "127.1"))
    with pytest.raises(BrokerRefused, match=r"(?i)certificate"):
        publish(app.transport, publication("one", queue))
    app.close()


def test_a_server_need_not_prove_who_it_is_where_the_settings_say_so(secured: Secured, queue: str) -> None:
    goes_through(secured.app({"cert_reqs": "none"}), queue)


def test_a_connection_is_set_up_as_the_settings_say(
    rabbitmq_server: RabbitMQServer, rabbitmq_url: str, queue: str
) -> None:
    app = App("proj", broker=rabbitmq_url, broker_heartbeat=7.0, broker_login_method="AMQPLAIN")
    publish(app.transport, publication("one", queue))

    vhost = rabbitmq_url.rpartition("/")[2]
    (connection,) = wait_until(
        lambda: [one for one in rabbitmq_server.manage("GET", "connections") if one.get("vhost") == vhost]
    )
    assert (connection["timeout"], connection["auth_mechanism"]) == (7, "AMQPLAIN")
    app.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://", {"dead_letter_expires": 60.0, "connect_timeout": 2.0, "ssl": True, "lease": 9}),
        ("amqp://;amqp://other", {"dead_letter_expires": 60.0, "connect_timeout": 2.0, "ssl": True, "lease": 9}),
        ("sqlite:///shop.db", {"dead_letter_expires": 60.0, "lease": 9}),
        ("memory://", {"dead_letter_expires": 60.0, "lease": 9}),
    ],
)
def test_a_transport_is_told_what_was_changed_and_concerns_it(url: str, said: dict[str, object]) -> None:
    app = App("proj", broker=url, task_dead_letter_expires=60.0, broker_connection_timeout=2.0, broker_use_ssl=True)
    app.conf.broker_transport_options = {"lease": 9}
    assert broker_options(app.conf, url) == said
    assert broker_options(App("other").conf, url) == {}


def test_what_is_said_of_the_transport_itself_has_precedence() -> None:
    app = App("proj", broker_connection_timeout=2.0, broker_transport_options={"connect_timeout": 3.0})
    assert broker_options(app.conf, "redis://") == {"connect_timeout": 3.0}


def test_a_server_that_does_not_speak_tls_is_an_error_in_bounded_time(redis_url: str, queue: str) -> None:
    app = App("proj", broker=redis_url, broker_use_ssl=True, broker_transport_options={**QUICK, "reply_timeout": 1.0})
    with pytest.raises(BrokerUnavailable):
        publish(app.transport, publication("one", queue))
    app.close()


@pytest.fixture(params=["amqps", "kombu+amqps"])
def by_certificate(request: pytest.FixtureRequest, rabbitmq_server: RabbitMQServer, rabbitmq_url: str) -> str:
    """The address of a virtual host, by TLS and without a password, which `mallory` does not have and `alice` has."""
    vhost = rabbitmq_url.rpartition("/")[2]
    rabbitmq_server.create_user("alice", vhost)
    return f"{request.param}://127.0.0.1:{rabbitmq_server.tls_port}/{vhost}"


def presenting(url: str, server: RabbitMQServer, name: str | None) -> App:
    """Return an app that proves who it is by a certificate, or does not."""
    use_ssl = {"ca_certs": str(server.certificates.authority)}
    if name is not None:
        certificate, key = server.certificates.client(name)
        use_ssl |= {"certfile": str(certificate), "keyfile": str(key)}
    return App(
        "proj", broker=url, broker_use_ssl=use_ssl, broker_login_method="EXTERNAL", broker_transport_options=QUICK
    )


def test_a_certificate_says_who_logs_in(by_certificate: str, rabbitmq_server: RabbitMQServer, queue: str) -> None:
    goes_through(presenting(by_certificate, rabbitmq_server, "alice"), queue)


@pytest.mark.parametrize("name", ["mallory", None])
def test_a_certificate_that_nobody_knows_is_one_clear_error(
    by_certificate: str, rabbitmq_server: RabbitMQServer, queue: str, name: str | None
) -> None:
    app = presenting(by_certificate, rabbitmq_server, name)

    with pytest.raises(TransportError, match=r"EXTERNAL|ACCESS_REFUSED|refuses|not available"):
        app.transport.size(queue).get(timeout=PATIENCE)

    app.close()
