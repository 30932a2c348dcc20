"""`Line`: a child process's side of the connection to the actor's own process."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary, finalize

from ..completion import Completion
from ..errors import Timeout, UnderstudyError
from ..native import get_ident
from .child_ref import OWN, ChildRef
from .frames import Acted, Call, Failed, Frame, Outcome, dump, failure, load, noted

if TYPE_CHECKING:
    from ..actor import Actor
    from ..ref import Ref
    from .refs import RefName


class NotInChildProcess(UnderstudyError):
    """The body of an actor in a child process wanted something that can be had in the actor's own process only."""


class Line:
    """Sends frames and takes them; knows the refs that came, and the asks that are open. The body's thread only."""

    def __init__(self, fd: int) -> None:
        self.path: str = "?"
        self.body: Actor | None = None
        self._connection = Connection(fd)
        self._thread = get_ident()
        self._refs: WeakValueDictionary[int, ChildRef[Any]] = WeakValueDictionary()
        self._dropped: set[int] = set()
        self._open: dict[int, Completion[Any]] = {}
        self._asks = 0

    def take(self) -> Any:
        """Return the next frame; raises `EOFError` where the actor is dead, or does not want this process any more."""
        return load(self._connection.recv_bytes(), self._find)

    def answer(self, frame: Acted) -> None:
        """Send what an act came to; raises what pickling raises."""
        self._send(frame)

    def refuse(self, error: BaseException) -> None:
        """Send what an act raised."""
        self._connection.send_bytes(failure(noted(error), self._name, self._find))

    def call(self, service: str, *args: Any) -> Any:
        """Have something done in the actor's process, and return what comes of it; raises what it raises."""
        if get_ident() != self._thread:
            raise NotInChildProcess(
                f"the body of {self.path} is in a child process: of its threads only the one that runs its handlers "
                f"reaches other actors"
            )
        self._send(Call(service, args))
        outcome = self.take()
        if isinstance(outcome, Failed):
            raise outcome.error
        assert isinstance(outcome, Acted)
        return outcome.value

    def dropped(self) -> list[int]:
        """Return the numbers of the refs that went since the last time."""
        dropped, self._dropped = self._dropped, set()
        return list(dropped)

    # -- asks of the body's own ------------------------------------------------------------------------------------

    def begin(self, service: str, *args: Any) -> Completion[Any]:
        """Have something done that is answered later."""
        self._asks += 1
        number = self._asks
        completion: Completion[Any] = Completion()
        self.call(service, number, *args)
        self._open[number] = completion
        completion.waiter = lambda _, timeout: self._wait(number, timeout)
        completion.add_done_callback(lambda _: self._give_up(number))
        return completion

    def settle(self, outcome: Outcome) -> None:
        """Resolve the completion that the answer is for."""
        completion = self._open.pop(outcome.number, None)
        if completion is None:
            return
        if outcome.error is None:
            completion.resolve(outcome.value)
        else:
            completion.fail(outcome.error)

    def _wait(self, number: int, timeout: float | None) -> bool:
        if number not in self._open:
            return False
        try:
            value = self.call("wait", number, timeout)
        except Timeout:
            return False
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            self.settle(Outcome(number, error=error))
        else:
            self.settle(Outcome(number, value))
        return True

    def _give_up(self, number: int) -> None:
        if self._open.pop(number, None) is not None:
            self.call("give_up", number)

    # -- refs --------------------------------------------------------------------------------------------------------

    def _send(self, frame: Frame) -> None:
        self._connection.send_bytes(dump(frame, self._name))

    def _name(self, ref: Ref[Any]) -> int:
        assert isinstance(ref, ChildRef)
        return ref.number

    def _find(self, name: RefName) -> ChildRef[Any]:
        ref = self._refs.get(name.number)
        if ref is None:
            ref = self._refs[name.number] = ChildRef(self, name)
            self._dropped.discard(name.number)
            if name.number != OWN:  # which stays known
                finalize(ref, self._dropped_one, name.number).atexit = False
        return ref

    def _dropped_one(self, number: int) -> None:
        if number not in self._refs:
            self._dropped.add(number)
