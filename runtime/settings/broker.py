"""Settings of the connection to the broker."""

from __future__ import annotations

from typing import Any

from .setting import setting


class BrokerSettings:
    """Where messages go."""

    broker_url: str | list[str] | None = setting(
        None, "The broker; without one the app has an embedded file of its own.", env="CELERY_BROKER_URL"
    )
    broker_read_url: str | list[str] | None = setting(None, "The broker that is consumed from, if it is another one.")
    broker_write_url: str | list[str] | None = setting(None, "The broker that is published to, if it is another one.")
    broker_transport_options: dict[str, Any] = setting({}, "Options of the transport; see its page.")
    broker_connection_timeout: float = setting(4.0, "Seconds until an attempt to connect is given up.")
    broker_connection_retry: bool = setting(True, "A worker that loses the broker connects again.")
    broker_connection_retry_on_startup: bool | None = setting(
        None, "A worker that finds no broker at its start tries again; by default what broker_connection_retry says."
    )
    broker_connection_max_retries: int | None = setting(
        100, "Attempts until a worker gives up.", unused="a worker tries again until it is stopped"
    )
    broker_heartbeat: float | None = setting(
        10.0, "Seconds between heartbeats of a connection, where the broker has them; None for none."
    )
    broker_pool_limit: int | None = setting(
        10, "Connections that a process keeps at most.", unused="a process shares a few connections among its threads"
    )
    broker_use_ssl: bool | dict[str, Any] = setting(
        False, "Encrypt the connection; a dict has ca_certs, certfile, keyfile, cert_reqs and more of `ssl`'s options."
    )
    broker_login_method: str | None = setting(None, "How to log in, where the broker knows several ways.")
    broker_native_delayed_delivery_queue_type: str = setting(
        "quorum",
        "Where the app has quorum queues, what is not due waits in queues of this type: quorum or classic.",
        check=lambda value: value in ("quorum", "classic"),
    )
    broker_failover_strategy: str | None = setting(
        None,
        "Order in which several broker URLs are tried: round-robin or shuffle.",
        check=lambda value: value in (None, "round-robin", "shuffle"),
    )
