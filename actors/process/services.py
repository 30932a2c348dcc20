"""`Services`: what the body of an actor, from its child process, may have done in the actor's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..completion import Completion
from ..errors import UnderstudyError
from ..messages import LinkSignal, MonitorSignal, Signal
from ..timers import Timer
from .frames import Outcome
from .likeness import Likeness, likeness_of

if TYPE_CHECKING:
    from ..actor import Actor
    from ..bonds import Bonds
    from ..reasons import ExitReason
    from ..ref import Ref
    from ..remote.address import Address
    from .stand_in import StandIn

SWEEP_AT = 64


@dataclass(frozen=True, slots=True)
class Answered(Signal):
    """What was asked for the body is answered; nobody misses it where the actor has ended."""

    services: Services
    number: int


class Services:
    """Acts for the body as its stand-in, in the stand-in's turns and on its thread.

    Its methods are what a `Call` names.
    """

    def __init__(self, stand_in: StandIn, bonds: Bonds) -> None:
        self._stand_in = stand_in
        self._bonds = bonds
        self._asked: dict[int, Completion[Any]] = {}
        self._promised: dict[int, Completion[Any]] = {}
        self._timers: dict[int, Timer] = {}
        self._sweep_at = SWEEP_AT

    def do(self, service: str, args: tuple[Any, ...]) -> Any:
        """Do what a `Call` says."""
        return getattr(self, service)(*args)

    # -- refs ------------------------------------------------------------------------------------------------------

    def tell(self, ref: Ref[Any], message: Any) -> None:
        """See `Ref`, as all of these."""
        ref.tell(message)

    def tell_past_bound(self, ref: Ref[Any], event: Any) -> None:
        """Tell what is the kernel's to say."""
        ref.tell_past_bound(event)

    def forward(self, ref: Ref[Any], message: Any) -> None:
        """See `Actor`."""
        self._stand_in.forward(ref, message)

    def kill(self, ref: Ref[Any]) -> None:
        """See `Ref`."""
        ref.kill()

    def is_alive(self, ref: Ref[Any]) -> bool:
        """See `Ref`."""
        return ref.is_alive()

    def reason(self, ref: Ref[Any]) -> ExitReason | None:
        """See `Ref`."""
        return ref.reason

    def waiting(self, ref: Ref[Any]) -> int:
        """See `Ref`."""
        return ref.waiting

    def address(self, ref: Ref[Any]) -> Address:
        """See `Ref`."""
        return ref.address

    def actor_class(self, ref: Ref[Any]) -> type[Actor]:
        """See `Ref`."""
        return ref.actor_class

    def likeness(self, ref: Ref[Any]) -> Likeness | None:
        """Return what a proxy of it would find, or None where it has ended."""
        actor = self._stand_in.looked_at(ref)
        return None if actor is None else likeness_of(actor)

    def signal(self, ref: Ref[Any], signal: Signal) -> None:
        """Send a signal; what it says of the actor's own bonds is noted."""
        match signal:
            case LinkSignal(_, False):
                self._bonds.links[ref] = None
            case LinkSignal(_, True):
                self._bonds.links.pop(ref, None)
            case MonitorSignal(monitor, _, False):
                self._bonds.watching[monitor] = ref
            case MonitorSignal(monitor, _, True):
                self._bonds.watching.pop(monitor, None)
            case _:
                pass
        ref.signal(signal)

    # -- asks ------------------------------------------------------------------------------------------------------

    def ask(self, number: int, ref: Ref[Any], message: Any, timeout: float | None) -> None:
        """Ask for the body, under its number for it."""
        self._expect(number, ref.ask(message, block=False, timeout=timeout))

    def stop(self, number: int, ref: Ref[Any], reason: ExitReason) -> None:
        """Stop another, and promise the end of it."""
        self._expect(number, ref.stop(block=False, reason=reason))

    def wait(self, number: int, timeout: float | None) -> Any:
        """Wait for an answer: the body does."""
        completion = self._asked[number]
        value = completion.get(timeout=timeout)
        self._asked.pop(number, None)
        return value

    def give_up(self, number: int) -> None:
        """Have an ask not handled any more."""
        completion = self._asked.pop(number, None)
        if completion is not None:
            completion.fail(UnderstudyError("whoever asked has given up"))

    def outcome(self, number: int) -> Outcome | None:
        """Return the answer to an ask, or None where the body has seen it."""
        completion = self._asked.pop(number, None)
        if completion is None:
            return None
        error = completion.error()
        return Outcome(number, error=error) if error is not None else Outcome(number, completion.get())

    def _expect(self, number: int, completion: Completion[Any]) -> None:
        self._asked[number] = completion
        completion.add_done_callback(lambda _: self._stand_in.answered(Answered(self, number)))

    # -- answers ---------------------------------------------------------------------------------------------------

    def keep(self, number: int, value: Any, error: BaseException | None) -> None:
        """Resolve what the body promised to an asker."""
        promised = self.promise(number)
        if error is None:
            promised.resolve(value)
        else:
            promised.fail(error)

    def promise(self, number: int) -> Completion[Any]:
        """Return what was promised under a number: made by whoever comes first, and forgotten by the other."""
        promised = self._promised.pop(number, None)
        if promised is None:
            promised = self._promised[number] = Completion()
        return promised

    # -- the actor itself --------------------------------------------------------------------------------------------

    def started(self, info: object) -> None:
        """See `Actor`."""
        self._stand_in.started(info)

    def start_failed(self, reason: ExitReason) -> None:
        """See `Actor`."""
        self._stand_in.start_failed(reason)

    def stopped(self, reason: ExitReason | None) -> None:
        """See `Actor`."""
        self._stand_in.leave(reason)

    def after(self, number: int, delay: float, message: Any, interval: float | None) -> None:
        """Set a timer."""
        stand_in = self._stand_in
        if len(self._timers) >= self._sweep_at:
            self._timers = {each: timer for each, timer in self._timers.items() if timer.active}
            self._sweep_at = max(SWEEP_AT, 2 * len(self._timers))
        timer = stand_in.after(delay, message) if interval is None else stand_in.every(interval, message)
        self._timers[number] = timer

    def cancel(self, number: int) -> None:
        """Cancel a timer."""
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer.cancel()

    def spawn(self, actor_class: type[Actor], arguments: tuple[Any, Any], name: str | None) -> Ref[Any]:
        """Start a child of the actor, in this process."""
        args, kwargs = arguments
        return self._stand_in.spawn(actor_class, *args, name=name, **kwargs)

    # -- the system ------------------------------------------------------------------------------------------------

    def find(self, path: str) -> Ref[Any] | None:
        """See `System`."""
        return self._stand_in.system.find(path)

    def resolve(self, address: Any, actor_class: type[Actor] | None) -> Ref[Any]:
        """See `System`."""
        system = self._stand_in.system
        return system.resolve(address) if actor_class is None else system.resolve(address, actor_class)

    def next_id(self) -> int:
        """See `System`."""
        return self._stand_in.system.next_id()
