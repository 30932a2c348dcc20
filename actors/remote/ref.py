"""`RemoteRef`: the address of an actor on another node, with what a `Ref` has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..completion import Completion
from ..errors import ActorDead
from ..events import DeadLetter
from ..messages import Ask, Down, ExitSignal, LinkSignal, MonitorSignal, Signal, StopSignal
from ..reasons import KILL, NO_PROC, ExitReason, NoConnection
from ..ref import Ref
from .address import Address, Scheme
from .codec import resolving
from .envelope import Kind, Lane
from .errors import NotJoined, UnsupportedAddress
from .frames import CountWaiting, ExitActor, StopActor, write_reason
from .messages import Demonitor, Letter, Monitor

if TYPE_CHECKING:
    from ..actor import Actor
    from ..messages import Message
    from .remoting import Remoting

A_co = TypeVar("A_co", bound="Actor", covariant=True)
R = TypeVar("R")


class RemoteRef(Ref[A_co]):
    """What `resolve` makes of an address: equal to every other ref of that address.

    A ref that was unpickled where no node was reading is bound to none: `Remoting.resolve` binds it. Links do not reach
    over nodes; monitors do.
    """

    __slots__ = ("_address", "_remoting")

    def __init__(self, address: Address, remoting: Remoting | None) -> None:
        self._cell = cast("Any", None)
        self._address = address
        self._remoting = remoting

    def __repr__(self) -> str:
        return f"<RemoteRef {self._address}>"

    def __str__(self) -> str:
        return str(self._address)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteRef) and other._address == self._address

    def __hash__(self) -> int:
        return hash(self._address)

    @property
    def address(self) -> Address:
        """Its address."""
        return self._address

    @property
    def path(self) -> str:
        """The actor's place in the tree of its node."""
        return self._address.path

    @property
    def uid(self) -> int:
        """The incarnation's number, unique on its node; 0 where whoever holds the path is meant."""
        return self._address.uid

    @property
    def born_in(self) -> int:
        """Nothing that is known here."""
        return 0

    @property
    def reason(self) -> ExitReason | None:
        """Why its node is gone, as far as that is known here."""
        return self._bound().directory.fate_of(self._address.node)

    def is_alive(self) -> bool:
        """Tell whether nothing is known against it: whether the actor lives only a monitor tells."""
        return self.reason is None

    def tell(self, message: Message[A_co, Any]) -> None:
        """Send without an answer; what does not reach the actor becomes a `DeadLetter` event, here or there.

        Raises `NotEncodable` and `MessageTooLarge`.
        """
        if self.is_here():
            local = self._local()
            if local is None:
                self._bound().system.dead_letter(DeadLetter(self, message, "dead"))
            else:
                local.tell(message)
            return
        self._bound().send(self._letter(Kind.TELL, message))

    @property
    def waiting(self) -> int:
        """How many messages wait for it on this node; on another that takes a question, see `count_waiting`."""
        local = self._local() if self.is_here() else None
        return 0 if local is None else local.waiting

    def count_waiting(self) -> Completion[int]:
        """Promise how many messages wait in its mailbox once what was sent there before this has arrived.

        It fails as an ask does; where nobody holds the path, nothing waits.
        """
        remoting = self._bound()
        frame = CountWaiting(self.path, self.uid)
        return remoting.request(self._node(), frame, int, remoting.options.patience, lane=Lane.USER)

    def put(self, item: Any) -> None:
        """Send on what another actor was sent; whoever asked gets the answer."""
        if isinstance(item, Ask):
            self._put_ask(item.message, None).forward(item.completion)
        else:
            self.tell(item)

    def kill(self) -> None:
        """Have it ended now, by an exit signal that cannot be trapped."""
        self.signal(ExitSignal(None, KILL))

    def signal(self, signal: Signal) -> None:
        """Send a signal: monitors, exits and stops reach other nodes, links do not (`UnsupportedAddress`)."""
        local = self._local() if self.is_here() else None
        if local is not None:
            local.signal(signal)
            return
        match signal:
            case MonitorSignal(monitor, watcher, remove):
                self._monitor(monitor, watcher, remove)
            case LinkSignal(_, True) | ExitSignal(_, _, True):
                pass  # of a link that never was
            case ExitSignal(_, reason):
                self._say(ExitActor(self.path, self.uid, write_reason(reason)))
            case StopSignal(reason, None):
                self._say(StopActor(self.path, self.uid, write_reason(reason)))
            case StopSignal(reason, done):
                self._put_stop(reason).forward(cast("Completion[bool]", done))
            case _:
                raise UnsupportedAddress(f"{self} is on another node, and links do not reach there: monitor it")

    def tell_past_bound(self, event: Any) -> None:
        """Tell what the kernel has to say: nothing, to other nodes."""
        raise UnsupportedAddress(f"{self} is on another node: the kernel does not tell {type(event).__name__} there")

    def _put_ask(self, message: Message[A_co, R], timeout: float | None) -> Completion[R]:
        remoting = self._bound()
        if self.is_here():
            local = self._local()
            gone = ActorDead(f"nobody holds {self.path} on this node", NO_PROC)
            return Completion.failed(gone) if local is None else local.ask(message, block=False)
        reply = remoting.codec.check_reply_of(type(message))
        patience = remoting.options.ask_timeout if timeout is None else timeout
        return remoting.enquire(self._letter(Kind.ASK, message, patience), reply, patience)

    def _put_stop(self, reason: ExitReason) -> Completion[bool]:
        if self.is_here():
            local = self._local()
            return Completion.of(False) if local is None else local.stop(block=False, reason=reason)
        frame = StopActor(self.path, self.uid, write_reason(reason))
        return self._bound().request(self._node(), frame, bool, None)

    def _letter(self, kind: Kind, message: object, patience: float | None = None) -> Letter:
        remoting, address = self._bound(), self._address
        if address.scheme is Scheme.TOPIC and kind is Kind.ASK:
            raise UnsupportedAddress(f"{address} is a topic: nobody answers there, tell it")
        name, ctype, body = remoting.codec.encode_message(message)
        return Letter(
            address.node,
            str(address),
            kind,
            Lane.USER,
            body,
            type=name,
            ctype=ctype,
            id="" if patience is None else remoting.next_id(),
            deadline=None if patience is None else remoting.system.clock.time() + patience,
            ref=self,
            message=message,
        )

    def _monitor(self, monitor: int, watcher: Ref[Any], remove: bool) -> None:
        switchboard = self._bound().part("switchboard")
        if remove:
            if switchboard is not None:
                switchboard.tell(Demonitor(monitor))
            return
        if switchboard is None or self.is_here():
            reason = NO_PROC if self.is_here() else NoConnection()
            watcher.tell_past_bound(Down(monitor, self, reason))
            return

        def unless_it_ended(done: Completion[None]) -> None:
            if done.error() is not None:
                watcher.tell_past_bound(Down(monitor, self, NoConnection()))

        switchboard.ask(Monitor(monitor, watcher, self), block=False).add_done_callback(unless_it_ended)

    def _say(self, frame: ExitActor | StopActor) -> None:
        if not self.is_here():
            self._bound().say(self._node(), frame)

    def _node(self) -> str:
        if self._address.scheme is Scheme.TOPIC:
            raise UnsupportedAddress(f"{self._address} is a topic: there is nobody to stop")
        return self._address.node

    def _bound(self) -> Remoting:
        if self._remoting is None:
            raise NotJoined(f"{self._address} is bound to no node: call resolve() of a system that has joined with it")
        return self._remoting

    def is_here(self) -> bool:
        """Tell whether it is an actor of this node."""
        return self._address.scheme is not Scheme.TOPIC and self._bound().is_me(self._address.node)

    def _local(self) -> Ref[Any] | None:
        return self._bound().local(self.path, self.uid)

    # -- what pykka's proxy looks at -----------------------------------------------------------------------------------

    @property
    def actor_class(self) -> type[A_co]:
        """Nothing that is known here: proxies are for local actors."""
        raise UnsupportedAddress(
            f"{self} is on another node, where its class is: send messages instead of using a proxy"
        )

    def _actor_weakref(self) -> Any:
        return None


def restore(text: str) -> Ref[Any]:
    """Return the ref that was pickled: of the node that reads the pickle, if it is one that does."""
    resolve = resolving.get()
    return RemoteRef(Address.parse(text), None) if resolve is None else resolve(text)
