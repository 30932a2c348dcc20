"""The program of an actor's child process: makes the body, and does what the stand-in says, one after the other."""

from __future__ import annotations

import signal
from typing import Any, cast

from ..actor import Actor
from ..completion import Completion
from ..coroutines import is_coroutine
from ..life import Deferred
from .frames import Act, Acted, Later, Setup
from .likeness import likeness_of
from .line import Line, NotInChildProcess
from .surroundings import Surroundings

__all__ = ["NotInChildProcess", "main"]


class Body:
    """The actor itself, with what it promised."""

    def __init__(self, line: Line, setup: Setup) -> None:
        self._line = line
        self._around = Surroundings(line, setup)
        self._promises = 0
        self._actor: Actor = setup.body.__new__(setup.body)
        line.body = self._actor
        self._actor._cell = cast("Any", self._around)  # pyright: ignore[reportPrivateUsage] - as `Actor.construct` does
        self._actor.__init__(*setup.args, **setup.kwargs)

    def start(self) -> Acted:
        """Run its `on_start`."""
        return self._acted(_hooked(self._actor.on_start()), likeness_of(self._actor))

    def act(self, act: Act) -> Acted:
        """Do what the stand-in says."""
        match act.method:
            case "on_stop":
                return self._acted(_hooked(self._actor.on_stop()))
            case "answered":
                self._try(lambda: self._line.settle(act.message))
                return self._acted(None)
            case _:
                return self._acted(self._later(self._try(lambda: _carried(self._actor.receive(act.message)))))

    def _try(self, act: Any) -> Any:
        try:
            return act()
        except self._actor.expected:
            raise
        except BaseException as error:
            self._actor.on_failure(type(error), error, error.__traceback__)
            raise

    def _later(self, value: Any) -> Any:
        if not isinstance(value, Completion):
            return value
        self._promises += 1
        number = self._promises
        promised = cast("Completion[Any]", value)
        promised.add_done_callback(lambda done: self._keep(number, done))
        return Later(number)

    def _keep(self, number: int, done: Completion[Any]) -> None:
        error = done.error()
        self._line.call("keep", number, done.get() if error is None else None, error)

    def _acted(self, value: Any, likeness: Any = None) -> Acted:
        return Acted(value, self._around.stop, self._line.dropped(), likeness)


def main(fd: int) -> None:
    """Serve the stand-in on the other end of `fd`, until it hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # one at the terminal is for whoever supervises
    line = Line(fd)
    try:
        setup = line.take()
        assert isinstance(setup, Setup)
        line.path = setup.ref.path
        body = _start(line, setup)
        while body is not None:
            act = line.take()
            assert isinstance(act, Act)
            if _act(line, body, act) is not Deferred.LATER and act.method == "on_stop":
                return
    except (EOFError, OSError):
        return  # it is dead, or does not want this any more


def _start(line: Line, setup: Setup) -> Body | None:
    try:
        body = Body(line, setup)
        line.answer(body.start())
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the stand-in's to raise
        line.refuse(error)
        return None
    return body


def _act(line: Line, body: Body, act: Act) -> Any:
    """Do it and tell what came of it; return that."""
    try:
        acted = body.act(act)
        line.answer(acted)
    except BaseException as error:  # noqa: BLE001 - as in `_start`
        line.refuse(error)
        return None
    return acted.value


def _hooked(outcome: Any) -> Deferred | None:
    return Deferred.LATER if _carried(outcome) is Deferred.LATER else None


def _carried(outcome: Any) -> Any:
    if is_coroutine(outcome):
        raise TypeError("no event loop runs in an actor's child process: return a value, or a Completion")
    return outcome
