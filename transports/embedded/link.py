"""`Link`: this process's channel to the embedded broker, whoever is its writer at the time."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ...actors.completion import Completion, wait_on_thread
from ..errors import BrokerUnavailable, TransportError
from ..forking import around_forks, in_forked_child
from .calls import Call, Calls
from .channel import Claims
from .core.owners import Answer, split_owner
from .core.policy import Policy
from .dialing import Wire, WriterSilent, dial
from .direct import DirectSession, fingerprint
from .frames import Held, frame
from .line import Line
from .mail import MAIL
from .platform import FileLock
from .requests import AnyRequest, Collect, Leave, Ping, Renew, Wait
from .site import Site
from .sqlite.file import Durability

logger: logging.Logger = logging.getLogger(__name__)

_FIRST_PAUSE = 0.001
_LAST_PAUSE = 0.1
_LINGER = 0.05
"""Seconds without work after which direct mode lets the lock go."""
_GRACE = 0.5
"""Seconds after the loss of a writer in which the next one is awaited before direct mode is tried."""
_YIELD = 0.005
"""Seconds after direct mode in which a writer that waits for the lock can have it."""
_FORK_PATIENCE = 5.0
_CHECKS = 4
"""A writer that was silent at so many checks in a row, one of them a ping's answer, is stuck."""


class Io(Protocol):
    """A dispatcher that watches file descriptors: the node's, so that no thread stands between."""

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None: ...

    def remove_reader(self, fd: int) -> None: ...


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """patience: seconds without a writer after which a call fails. The policy's lease bounds a writer's silence too."""

    durability: Durability = Durability.PROCESS
    policy: Policy = field(default_factory=Policy)
    patience: float = 10.0


class Link:
    """Carries calls to the writer over one connection, and carries them again to the next writer.

    A thread of its own reaches the writer; it also hears it, unless `attach` gave that to a dispatcher. A call that got
    no answer is repeated after a reconnect, under a number by which the writer knows whether it was carried out. A
    process with an intake is a node: it holds a lock for as long as it lives, says to a new writer what it holds, and
    kills a writer that hangs. Any other process goes into direct mode where no writer lives. Thread-safe; a forked
    child starts with nothing.
    """

    def __init__(self, path: Path, options: LinkOptions) -> None:
        self._path = path
        self._options = options
        self._exclusive = threading.Lock()
        """Held while this process has the file open: no fork then."""
        self._fork_waits = self._fork_may_go_on = False
        self.replaces_writers: bool = False
        """Whether this process has a writer stand by, so that one that hangs may be killed."""
        self._reset()
        self._home = in_forked_child(self, Link._forked)
        around_forks(self, Link._before_fork, Link._after_fork)

    def call(self, request: AnyRequest) -> Completion[Any]:
        """See `Channel.call`."""
        self._home.check()
        if self._closed:
            return Completion.failed(BrokerUnavailable("this transport was closed"))
        try:
            completion, sent = (self._line or self._open()).call(request)
        except TransportError as error:
            return Completion.failed(error)
        if not sent:
            self._nudge()
        return completion

    def join(self, claims: Claims) -> None:
        """See `Channel.join`."""
        self._home.check()
        boot, _ = split_owner(claims.owner)
        self._open()
        with self._lock:
            if boot not in self._leases:
                lease = self._site.lease(boot)
                if not lease.acquire(wait=False):
                    raise TransportError(f"another process is the node {boot}: a node's name must not be used twice")
                self._leases[boot] = lease
            self._claims.append(claims)
        self._nudge()

    def leave(self, claims: Claims) -> None:
        """See `Channel.leave`."""
        self._home.check()
        with self._lock:
            if claims in self._claims:
                self._claims.remove(claims)

    def attach(self, io: Io) -> None:
        """Let a dispatcher hear the writer; to be called there, as `close` then is."""
        self._home.check()
        line = self._open()
        self._io = io
        io.add_reader(line.fileno(), lambda: line.pump(0))
        self._nudge()

    def close(self) -> None:
        """See `Channel.close`."""
        self._home.check()
        with self._lock:
            closed, self._closed = self._closed, True
        if closed:
            return
        if self._line is not None:
            self._hang_up(self._line)
        for lease in self._leases.values():
            lease.release(delete=True)
        self._calls.fail(self._calls.all(), BrokerUnavailable("this transport was closed"))

    def _hang_up(self, line: Line) -> None:
        line.last_word(frame([Leave()]))
        if self._io is not None:
            self._io.remove_reader(line.fileno())
        self._nudge()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=self._options.patience)
        line.close()

    def _reset(self) -> None:
        """Become what a link is that nobody has used: at first, and in a forked child."""
        self._nonce = os.urandom(12).hex()
        self._lock = threading.Lock()
        self._calls = Calls(self._wait_for_answer)
        self._line: Line | None = None
        self._claims: list[Claims] = []
        self._leases: dict[str, FileLock] = {}
        self._io: Io | None = None
        self._thread: threading.Thread | None = None
        self._nudged = threading.Event()
        self._lost_at = -_GRACE
        self._seen: object = None
        self._served = False
        """Whether a writer was ever reached."""
        self._closed = False

    def _open(self) -> Line:
        """Open what a link needs, and start its thread; raises `StoreUnusable` where no embedded broker can be."""
        with self._lock:
            if self._line is None:
                self._site = Site.at(self._path)
                self._line = Line(self._calls, lost=self._nudged.set)
                self._thread = threading.Thread(
                    target=self._run, args=(self._line,), name="understudy-link", daemon=True
                )
                self._thread.start()
            return self._line

    def _wait_for_answer(self, completion: Completion[Any], timeout: float | None) -> bool:
        """See `Waiter`: where a dispatcher hears the writer, everything else comes by it."""
        line = self._line
        if line is None or self._io is not None:
            return wait_on_thread(completion, timeout)
        return line.wait(completion, timeout)

    def _nudge(self) -> None:
        """Let the thread look around."""
        self._nudged.set()
        if self._line is not None:
            self._line.wake()

    def _wait(self, seconds: float | None) -> None:
        self._nudged.wait(seconds)
        self._nudged.clear()

    # The thread

    def _run(self, line: Line) -> None:
        pause = _FIRST_PAUSE
        while not self._closed:
            if not self._calls and not self._claims:
                self._wait(None)
                continue
            try:
                reached = self._connect(line) or self._work_directly()
            except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it, and later calls may do better
                self._calls.fail(self._calls.all(), self._explain(error))
                reached = False
            self._give_up_overdue()
            pause = _FIRST_PAUSE if reached else min(pause * 2, _LAST_PAUSE)
            if not reached and not self._closed:
                self._wait(pause)

    def _explain(self, error: Exception) -> Exception:
        if isinstance(error, TransportError):
            return error
        logger.error("the link to the embedded broker at %s failed", self._path, exc_info=error)
        return BrokerUnavailable(f"the link to the embedded broker at {self._path} failed: {error!r}")

    def _connect(self, line: Line) -> bool:
        """Reach the writer and stay until the connection ends; False where there is none."""
        line.finish_reading()  # or what the last writer handed out may not be among what is held
        settling = self._calls.settling
        held = [Held(one.owner, list(one.queues), one.held(), settling(one.owner)) for one in list(self._claims)]
        try:
            wire = dial(self._site, self._nonce, held, self._longest_silence)
        except WriterSilent as silent:
            if silent.pid:
                self._end_stuck_writer(silent.pid)
            return False
        except (ConnectionRefusedError, FileNotFoundError):
            self._renew_without_writer()
            return False
        except OSError:
            return False
        answered = self._calls.answered
        self._served = True
        line.connect(wire)
        self._stay(line, wire)
        if self._calls.answered != answered:
            self._lost_at = time.monotonic()  # it was of some use: patience begins anew
        return True

    def _renew_without_writer(self) -> None:
        """Answer those who want their lease renewed: while nobody serves, nobody can give what they hold to others.

        The next writer, whenever it comes, gives every node that lives a whole lease to speak up.
        """
        if not self._served:
            return
        renewals = [call.request.id for call in self._calls.all() if isinstance(call.request, Renew)]
        self._calls.settle(Answer((None, number), True) for number in renewals)

    @property
    def _longest_silence(self) -> float:
        """Seconds: short enough for a node to renew its lease at the next writer."""
        return self._options.policy.lease / 3

    def _stay(self, line: Line, wire: Wire) -> None:
        interval = self._longest_silence / _CHECKS
        check_at = time.monotonic() + interval
        silences, heard = 0, 0
        while line.wire is wire and not self._closed:
            if self._io is None:
                line.pump(interval)
            else:
                self._wait(interval)
            if time.monotonic() < check_at:
                continue
            check_at = time.monotonic() + interval
            # A process that was stopped itself finds its answers unread, and is not to blame the writer.
            silent = bool(self._calls) and heard == wire.stream.received and not line.unread()
            silences, heard = silences + 1 if silent else 0, wire.stream.received
            if silences == 1:
                line.call(Ping())
            elif silences >= _CHECKS:
                line.hang_up(wire)
                self._end_stuck_writer(wire.pid)
            self._calls.end_waits(time.monotonic())

    def _end_stuck_writer(self, pid: int) -> None:
        """Kill a writer that hangs, so that another takes over. Nodes do that, since they have others that stand by."""
        if self._claims or self.replaces_writers:
            logger.warning("the embedded broker's writer, process %d, does not answer: it is killed and replaced", pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _impatient(self) -> list[Call]:
        """Return the calls that do not wait for a result or for mail, however long that takes."""
        return [call for call in self._calls.all() if not isinstance(call.request, (Wait, Collect))]

    def _give_up_overdue(self) -> None:
        now = time.monotonic()
        patience = self._options.patience
        overdue = [call for call in self._impatient() if max(call.since, self._lost_at) + patience <= now]
        if overdue:
            self._calls.fail(overdue, BrokerUnavailable(self._unreachable()))
        self._calls.end_waits(now)

    def _unreachable(self) -> str:
        note = self._site.lock().read_note().decode(errors="replace").strip()
        return (
            f"the embedded broker at {self._path} could not be reached for {self._options.patience:g} s: its writer "
            "does not answer, or none is there and another process holds its lock; "
            f"the lock's last holder wrote {note or 'nothing'}"
        )

    # Direct mode

    def _work_directly(self) -> bool:
        """Do the work of the writer where none lives, and this process is no node; False where that cannot be."""
        if self._claims or time.monotonic() - self._lost_at < _GRACE:
            return False
        if all(isinstance(call.request, MAIL) for call in self._calls.all()):
            return False  # mail is for a writer
        if not self._impatient() and fingerprint(self._site) == self._seen:
            return False  # the results that are waited for cannot be there yet
        with self._exclusive:
            lock = self._site.lock()
            if not lock.acquire(wait=False):
                return False
            session = DirectSession(self._site, lock, self._nonce, self._options.durability, self._options.policy)
            try:
                self._serve(session)
            finally:
                session.close()
            self._seen = fingerprint(self._site)
        time.sleep(_YIELD)
        return True

    def _serve(self, session: DirectSession) -> None:
        last = 0
        while not (self._closed or self._claims or self._fork_waits or session.overstays):
            calls = [call for call in self._calls.all() if call.request.id > last]
            if calls:
                last = calls[-1].request.id
                requests = [call.request for call in calls if session.may(call.request)]
                self._calls.settle(session.carry_out(requests))
            elif not self._nudged.wait(_LINGER):
                return
            self._nudged.clear()

    # Forks

    def _before_fork(self) -> None:
        self._fork_waits = True
        self._nudged.set()
        self._fork_may_go_on = self._exclusive.acquire(timeout=_FORK_PATIENCE)

    def _after_fork(self) -> None:
        self._fork_waits = False
        if self._fork_may_go_on:
            self._exclusive.release()

    def _forked(self) -> None:
        """Close the child's copies, without a word that the parent's connection or locks would hear."""
        if self._line is not None:
            self._line.abandon()
        for lease in self._leases.values():
            lease.abandon()
        self._exclusive = threading.Lock()
        self._fork_waits = self._fork_may_go_on = False
        self._reset()
