"""A broker in this process, and channels to it: for `memory://`, `solo`, tests and the simulator."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from ...actors.completion import Completion
from ..errors import BrokerUnavailable
from ..forking import in_forked_child
from .channel import Claims
from .core.broker import Broker
from .core.owners import Answer
from .core.policy import Policy
from .core.storage import Storage
from .requests import AnyRequest, Close
from .service import Client, Service


class Alarm(Protocol):
    """Calls back once, later; a second `set` takes the place of the first."""

    def set(self, seconds: float, callback: Callable[[], None]) -> None: ...

    def stop(self) -> None:
        """Forget what was set; `set` may come again."""
        ...


class ThreadAlarm:
    """An alarm that rings on a thread of its own, which runs only while something is set."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ring: tuple[float, Callable[[], None]] | None = None

    def set(self, seconds: float, callback: Callable[[], None]) -> None:
        with self._changed:
            at = time.monotonic() + seconds
            sooner = self._ring is None or at < self._ring[0]
            self._ring = (at, callback)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="understudy-alarm", daemon=True)
                self._thread.start()
            elif sooner:
                self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._ring = self._thread = None
            self._changed.notify()

    def _run(self) -> None:
        while callback := self._wait():
            callback()

    def _wait(self) -> Callable[[], None] | None:
        """Return what is to be called when its time has come; None where this thread is to end."""
        with self._changed:
            while self._ring is not None and self._thread is threading.current_thread():
                at, callback = self._ring
                left = at - time.monotonic()
                if left <= 0:
                    self._ring = (float("inf"), callback)
                    return callback
                self._changed.wait(min(left, threading.TIMEOUT_MAX))
        return None


Told = list[tuple[Completion[Any], Answer]]


class LocalBroker:
    """A broker that lives in this process. A call is a round; time brings rounds too, by the alarm.

    Thread-safe. A forked child has a broker of its own, with what was in it at the fork.
    """

    def __init__(
        self,
        storage: Storage,
        policy: Policy,
        alarm: Alarm | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = Service(storage, Broker(storage, policy))
        self._alarm = alarm or ThreadAlarm()
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._channels = 0
        in_forked_child(self, LocalBroker._forked)

    def connect(self) -> LocalChannel:
        """Return a new channel to this broker."""
        with self._lock:
            self._channels += 1
        return LocalChannel(self)

    def disconnect(self, client: Client) -> None:
        """Forget the client of a channel."""
        with self._lock:
            self._service.leave(client)
            self._channels -= 1
            if self._channels <= 0:
                self._alarm.stop()

    def ask(self, client: Client, request: AnyRequest) -> None:
        """Carry out a request, and resolve whatever it answers."""
        with self._lock:
            told = self._round([(client, request)])
        _tell(told)

    def tick(self) -> None:
        """Do what has become due."""
        with self._lock:
            told = self._round([])
        _tell(told)

    def _round(self, asked: list[tuple[Client, AnyRequest]]) -> Told:
        answers = self._service.round(asked, self._clock(), self._monotonic())
        if self._channels > 0:
            self._alarm.set(self._service.next_round(self._clock(), self._monotonic()), self.tick)
        told: Told = []
        for answer in answers:
            client, number = answer.token
            completion = client.address.take(number)
            if completion is not None:
                told.append((completion, answer))
        return told

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._alarm = ThreadAlarm()


def _tell(told: Told) -> None:
    for completion, answer in told:
        if answer.error is not None:
            completion.fail(answer.error)
        else:
            completion.resolve(answer.value)


class LocalChannel:
    """A channel to a `LocalBroker`. What a call makes ready is resolved by the thread that made it."""

    def __init__(self, broker: LocalBroker) -> None:
        self._broker = broker
        self._client = Client("local", self)
        self._numbers = itertools.count(1)
        self._pending: dict[int, Completion[Any]] = {}
        self._claims: list[Claims] = []
        self._closed = False

    def call(self, request: AnyRequest) -> Completion[Any]:
        if self._closed:
            return Completion.failed(BrokerUnavailable("this transport was closed"))
        completion: Completion[Any] = Completion()
        request.id = next(self._numbers)
        self._pending[request.id] = completion
        self._broker.ask(self._client, request)
        if self._closed:
            completion.fail(BrokerUnavailable("this transport was closed"))
        return completion

    def take(self, number: int) -> Completion[Any] | None:
        """Return the completion of a request, which is answered now."""
        return self._pending.pop(number, None)

    def join(self, claims: Claims) -> None:
        self._claims.append(claims)

    def leave(self, claims: Claims) -> None:
        if claims in self._claims:
            self._claims.remove(claims)

    def close(self) -> None:
        if self._closed:
            return
        for claims in list(self._claims):
            self.call(Close(claims.owner))
        self._closed = True
        self._broker.disconnect(self._client)
        pending, self._pending = self._pending, {}
        for completion in pending.values():
            completion.fail(BrokerUnavailable("this transport was closed"))
