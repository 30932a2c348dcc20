"""The tests' own tools do what the tests rely on."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from .conftest import BreakConnections, StartProgram
from .support import RabbitMQServer, RedisServer, descendants, free_port, is_running, wait_until
from .support.processes import nothing_left_behind


def ask(port: int, timeout: float = 5.0) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(64)


class TestWaitUntil:
    def test_returns_the_first_true_value(self) -> None:
        values = iter([0, "", 7])
        assert wait_until(lambda: next(values)) == 7

    def test_names_what_did_not_come_true(self) -> None:
        with pytest.raises(AssertionError, match="the moon did not come true"):
            wait_until(lambda: False, 0.05, what="the moon")


class TestRedisServer:
    def test_keeps_its_data_when_it_is_killed_and_started_again(self, own_redis: RedisServer) -> None:
        own_redis.execute("SET key value")
        own_redis.kill()
        assert not own_redis.running
        own_redis.start()
        assert own_redis.execute("EXISTS key") == b":1"

    def test_answers_nothing_while_paused_and_goes_on_after(self, own_redis: RedisServer) -> None:
        with own_redis.paused(), pytest.raises(TimeoutError):
            ask(own_redis.port, timeout=0.2)
        assert ask(own_redis.port) == b"+PONG\r\n"

    def test_is_empty_for_each_test(self, redis_server: RedisServer, redis_url: str) -> None:
        assert redis_server.execute("DBSIZE") == b":0"
        assert redis_url == redis_server.url


def on_disk(directory: Path) -> bytes:
    """Return what RabbitMQ's tables have on the disk: a declaration is answered before it is written."""
    found = b""
    for file in directory.rglob("mnesia/**/*"):
        if file.suffix in {".LOG", ".DCL", ".DCD"}:
            with suppress(FileNotFoundError):
                found += file.read_bytes()
    return found


class TestRabbitMQServer:
    def test_gives_each_test_an_empty_virtual_host(self, rabbitmq_server: RabbitMQServer, rabbitmq_url: str) -> None:
        vhost = rabbitmq_url.rpartition("/")[2]
        assert rabbitmq_server.manage("GET", f"queues/{vhost}") == []

    @pytest.mark.timeout(90)  # RabbitMQ takes its time to start
    def test_comes_back_after_a_kill(self, rabbitmq_server: RabbitMQServer, rabbitmq_url: str) -> None:
        vhost = rabbitmq_url.rpartition("/")[2]
        rabbitmq_server.manage("PUT", f"queues/{vhost}/survivor", {"durable": True})
        wait_until(lambda: b"survivor" in on_disk(rabbitmq_server.directory), what="the queue on the disk")
        rabbitmq_server.kill()
        rabbitmq_server.start()
        names = [queue["name"] for queue in rabbitmq_server.manage("GET", f"queues/{vhost}")]
        assert names == ["survivor"]


class TestFaultProxy:
    def test_passes_data_through(self, own_redis: RedisServer, fault_proxy: BreakConnections) -> None:
        assert ask(fault_proxy(own_redis.port).port) == b"+PONG\r\n"

    def test_resets_open_connections_when_cut(self, own_redis: RedisServer, fault_proxy: BreakConnections) -> None:
        proxy = fault_proxy(own_redis.port)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            proxy.cut()
            with pytest.raises(ConnectionResetError):
                connection.recv(64)
        assert ask(proxy.port) == b"+PONG\r\n"

    def test_holds_data_back_until_healed(self, own_redis: RedisServer, fault_proxy: BreakConnections) -> None:
        proxy = fault_proxy(own_redis.port)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.2) as connection:
            proxy.blackhole()
            connection.sendall(b"PING\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(64)
            proxy.heal()
            connection.settimeout(5)
            assert connection.recv(64) == b"+PONG\r\n"

    def test_refuses_until_healed(self, own_redis: RedisServer, fault_proxy: BreakConnections) -> None:
        proxy = fault_proxy(own_redis.port)
        proxy.refuse()
        with pytest.raises(ConnectionResetError):
            ask(proxy.port)
        proxy.heal()
        assert ask(proxy.port) == b"+PONG\r\n"

    def test_swallows_the_answer_to_what_was_carried_out(
        self, own_redis: RedisServer, fault_proxy: BreakConnections
    ) -> None:
        proxy = fault_proxy(own_redis.port)
        proxy.cut_replies_after(3)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
            connection.sendall(b"SET key value\r\n")
            assert connection.recv(64) in (b"+OK", b"")
        assert own_redis.execute("EXISTS key") == b":1"

    def test_keeps_everything_of_an_address_but_its_port(self, own_redis: RedisServer) -> None:
        from .support import FaultProxy

        with FaultProxy(own_redis.port) as proxy:
            assert proxy.url("amqp://a:b@127.0.0.1:1/v?x=1") == f"amqp://a:b@127.0.0.1:{proxy.port}/v?x=1"


class TestProgram:
    def test_shows_its_output_and_status(self, program: StartProgram) -> None:
        running = program(["-c", "print('ready'); raise SystemExit(3)"])
        running.wait_for_output("ready")
        assert running.wait() == 3

    def test_close_ends_its_children_too(self, program: StartProgram) -> None:
        child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
        running = program(["-c", child])
        left = wait_until(lambda: descendants(running.pid))
        running.close()
        wait_until(lambda: not any(map(is_running, left)))


class TestLeakCheck:
    def test_names_and_ends_a_process_that_was_left_behind(self) -> None:
        command = [sys.executable, "-c", "import time; time.sleep(61)"]
        with pytest.raises(AssertionError, match=r"time\.sleep\(61\)"), nothing_left_behind(patience=0.1):
            process = subprocess.Popen(command)
        assert process.wait(5) == -signal.SIGKILL

    def test_finds_an_orphan_in_a_session_of_its_own(self, tmp_path: Path) -> None:
        script = "import os, time\nif os.fork() == 0:\n os.setsid()\n time.sleep(62)\n"
        with pytest.raises(AssertionError, match=r"time\.sleep\(62\)"), nothing_left_behind(patience=0.1):
            subprocess.run([sys.executable, "-c", script], check=True)


def test_a_killed_process_runs_until_its_last_thread_has_ended(program: StartProgram) -> None:
    waits = (
        "import threading; [threading.Thread(target=threading.Event().wait).start() for _ in range(20)]; print('on')"
    )
    for _ in range(10):
        threaded = program(["-c", waits])
        threaded.wait_for_output("on")
        threaded.signal(signal.SIGKILL)
        while is_running(threaded.pid):
            pass
        assert not threaded.running


def test_free_ports_lie_below_the_ephemeral_range() -> None:
    assert free_port() < 32_768
