"""RabbitMQ's link for mail: what it leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
from amqp.exceptions import UnexpectedFrame

from understudy.transports.amqp_bus import MailLink
from understudy.transports.server_options import ServerOptions


def test_a_link_whose_goodbye_is_not_understood_leaves_no_socket_open(
    rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = MailLink(rabbitmq_url, ServerOptions())
    link.open()
    (sock,) = link.sockets()

    def misread(*_: Any) -> None:
        raise UnexpectedFrame("the rest of an answer that came too late")

    monkeypatch.setattr(link._amqp, "blocking_read", misread)
    link.close()
    assert sock.fileno() == -1
