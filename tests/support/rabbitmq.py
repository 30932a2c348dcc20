"""A RabbitMQ server of our own, with its own Erlang port mapper beside whatever the machine runs."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .certificates import Certificates
from .ports import accepts_connections, free_port
from .processes import SHARED
from .servers import Server
from .waiting import wait_until

_CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
listeners.ssl.1 = 127.0.0.1:{tls}
ssl_options.cacertfile = {authority}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_cert_login_from = common_name
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = AMQPLAIN
auth_mechanisms.3 = EXTERNAL
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
vm_memory_high_watermark.absolute = {memory}
disk_free_limit.absolute = 50MB
log.file.level = warning
"""
_ERLANG = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"


class RabbitMQServer(Server):
    """A RabbitMQ node with its management, and login by certificate; durable queues survive `kill` and `start`.

    memory: what it may take before it lets nobody publish any more.
    """

    binary = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the one in the PATH is a wrapper that changes the user
    package = "rabbitmq-server"
    start_timeout = 90.0  # 5 seconds on an idle machine

    def __init__(self, directory: Path, memory: str = "1GB") -> None:
        super().__init__(directory)
        self._memory = memory
        self.management_port = free_port()
        self.tls_port: int = free_port()
        self.certificates: Certificates = Certificates(directory / "certificates")
        self._mapper_port = free_port()
        self._distribution_port = free_port()
        self._mapper: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.url_of("/")

    def url_of(self, vhost: str) -> str:
        """Return the address of a virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def create_vhost(self, name: str) -> str:
        """Create a virtual host that `guest` may use, and return its address."""
        self.manage("PUT", f"vhosts/{quote(name, safe='')}")
        self.manage(
            "PUT",
            f"permissions/{quote(name, safe='')}/guest",
            {"configure": ".*", "write": ".*", "read": ".*"},
        )
        return self.url_of(name)

    def create_user(self, name: str, vhost: str) -> None:
        """Create a user without a password, who may do everything in a virtual host."""
        self.manage("PUT", f"users/{name}", {"password_hash": "", "tags": ""})
        permissions = {"configure": ".*", "write": ".*", "read": ".*"}
        self.manage("PUT", f"permissions/{quote(vhost, safe='')}/{name}", permissions)

    def delete_vhost(self, name: str) -> None:
        """Delete a virtual host, its queues and the connections to it."""
        self.manage("DELETE", f"vhosts/{quote(name, safe='')}")

    def close_connections(self) -> None:
        """Close every client's connection from the server's side, as an operator would."""
        for connection in self.manage("GET", "connections"):
            self.manage("DELETE", f"connections/{quote(connection['name'], safe='')}")

    def manage(self, method: str, path: str, body: Any = None) -> Any:
        """Call the management API at /api/`path`; returns the decoded answer, None where it has no body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.management_port, timeout=15)
        headers = {"Authorization": "Basic " + b64encode(b"guest:guest").decode(), "Content-Type": "application/json"}
        try:
            connection.request(method, f"/api/{path}", None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, f"{method} /api/{path}: {answer.status} {content!r}"
        return json.loads(content) if content else None

    def start(self) -> None:
        if not self.running:
            self.directory.mkdir(parents=True, exist_ok=True)
            (self.directory / "rabbitmq.conf").write_text(self._configuration())
            (self.directory / "enabled_plugins").write_text("[rabbitmq_management, rabbitmq_auth_mechanism_ssl].")
            self._start_mapper()
        super().start()

    def close(self) -> None:
        super().close()
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait()

    def command(self, program: str) -> Sequence[str]:
        return [program]

    def environment(self) -> dict[str, str]:
        base = self.directory
        return {
            "HOME": str(base),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RABBITMQ_BASE": str(base),
            "RABBITMQ_NODENAME": f"understudy{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(base / "mnesia"),
            "RABBITMQ_LOG_BASE": str(base / "log"),
            "RABBITMQ_CONFIG_FILE": str(base / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(base / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(base / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(base / "pid"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
        }

    def ready(self) -> bool:
        return accepts_connections(self.port) and accepts_connections(self.management_port)

    def _configuration(self) -> str:
        return _CONFIGURATION.format(
            amqp=self.port,
            tls=self.tls_port,
            management=self.management_port,
            authority=self.certificates.authority,
            certificate=self.certificates.server,
            key=self.certificates.key,
            memory=self._memory,
        )

    def _start_mapper(self) -> None:
        """Run the port mapper in the foreground: one that Erlang starts detaches itself and outlives the tests."""
        if self._mapper is None:
            program = shutil.which("epmd") or "epmd"
            self._mapper = subprocess.Popen(
                [program, "-port", str(self._mapper_port), "-address", "127.0.0.1"],
                env={**os.environ, **SHARED},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            wait_until(lambda: accepts_connections(self._mapper_port), what="start of epmd")
