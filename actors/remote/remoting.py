"""`Remoting`: a system as one node among others, over a bus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from ..completion import Completion, check_may_block
from ..errors import MailboxFull
from ..events import DeadLetter
from ..ref import Ref
from .address import Address, Scheme, is_called, name_of, node_of
from .arrivals import Arrivals
from .codec import Codec
from .directory import Directory
from .envelope import Kind, Lane
from .errors import AlreadyJoined, BadAddress, NotDecodable, NotJoined, Undeliverable, UnsupportedAddress
from .frames import Frame, SpawnActor
from .frames import encode as encode_frame
from .messages import Enquire, Letter, NodeJoined, Reply, Subscribe, Unsubscribe
from .options import RemotingOptions
from .ref import RemoteRef
from .wire import wire_name

if TYPE_CHECKING:
    from ..actor import Actor
    from ..supervision.spec import ChildSpec, Restart
    from ..system import System
    from .bus import Bus

A = TypeVar("A", bound="Actor")


@dataclass(slots=True)
class Counts:
    """What has gone wrong so far with this node's mail.

    duplicates: came twice, or out of order, and were dropped. lost: numbers that never came. late: came after their
    deadline. unreadable: were no envelopes, or not understood. undelivered: answers and the like that nobody took.
    """

    duplicates: int = 0
    lost: int = 0
    late: int = 0
    unreadable: int = 0
    undelivered: int = 0


class Remoting:
    """A system's place among nodes; made by `join`. Thread-safe.

    node: its full name, `name@host!boot`. actors: classes that other nodes may have spawned here. transport_children:
    what the bus needs to be run, started first. The parts of it are actors, children of `spec()`; this object only
    leads to them, and keeps what has to survive their restarts. Raises `AlreadyJoined`, `BadAddress`, `NotEncodable`.
    """

    def __init__(
        self,
        system: System,
        bus: Bus,
        name: str,
        host: str,
        *,
        actors: Sequence[type[Actor]] = (),
        options: RemotingOptions | None = None,
        transport_children: Sequence[ChildSpec] = (),
    ) -> None:
        if system.remoting is not None:
            raise AlreadyJoined(f"the system {system.name!r} is the node {system.remoting.node} already: make another")
        self.system = system
        self.bus = bus
        self.node: str = node_of(name, host, _nonce(system))
        self.booted: float = system.clock.time()
        self.options: RemotingOptions = options or RemotingOptions()
        self.transport_children: Sequence[ChildSpec] = transport_children
        self.offered: Mapping[str, type[Actor]] = {wire_name(each): each for each in actors}
        self.codec: Codec = Codec(self._resolve_text, pickles=self.options.pickles, largest=self.options.largest)
        self.counts: Counts = Counts()
        self.directory: Directory = Directory()
        """The nodes that there are; the herald replaces it."""
        self.subscriptions: Mapping[str, tuple[Ref[Any], ...]] = {}
        """Who here listens to which topic; the inbox replaces it."""
        self.arrivals: Mapping[Lane, Arrivals] = _no_arrivals()
        """How far the mail has come: what comes twice is taken once, though an inbox was replaced in between."""
        self.joined: Completion[None] = Completion()
        """Done once this node has heard itself by way of the broker."""
        self.root: str = ""
        """The path of the supervisor, once that has started."""
        self._numbers = count(1)
        self._heard_at: float | None = None
        system.remoting = self

    def __repr__(self) -> str:
        return f"<Remoting {self.node} of {self.system.name}>"

    # -- addresses and refs ------------------------------------------------------------------------------------------

    @overload
    def resolve(self, address: str | Address | Ref[A]) -> Ref[Any]: ...
    @overload
    def resolve(self, address: str | Address | Ref[Any], actor_class: type[A]) -> Ref[A]: ...
    def resolve(self, address: str | Address | Ref[Any], actor_class: type[A] | None = None) -> Ref[Any]:
        """Return a ref to what an address means; nothing is asked of anybody, the actor may be dead.

        actor_class: for type checkers, what the actor is. Of a name it is whoever holds it when something is sent.
        Raises `BadAddress`, and `UnsupportedAddress` for queues and for other systems.
        """
        del actor_class
        if isinstance(address, str):
            address = Address.parse(address)
        elif isinstance(address, Ref):
            address = address.address
        elif not isinstance(address, Address):  # pyright: ignore[reportUnnecessaryIsInstance] - users may be wrong
            raise BadAddress(f"an address is a text, an Address or a ref, not {address!r}")
        if address.scheme is Scheme.QUEUE:
            raise UnsupportedAddress(f"{address} is where tasks go: call a task with that queue, no actor is there")
        if address.scheme is not Scheme.TOPIC and address.system != self.system.name:
            raise UnsupportedAddress(f"{address} is in another system than this one, which is {self.system.name!r}")
        if address.scheme is Scheme.ACTOR and address.node == self.node:
            local = self.local(address.path, address.uid)
            if local is not None:
                return local
        return RemoteRef(address, self)

    def address_of(self, path: str, uid: int) -> Address:
        """Return the address of an actor of this node."""
        return Address.of_actor(self.system.name, self.node, path, uid)

    def local(self, path: str, uid: int = 0) -> Ref[Any] | None:
        """Return the living actor of this node that an address is of; uid 0 is whoever holds the path.

        The guardian has no address: a system is ended from within.
        """
        ref = self.system.find(path) if path else None
        return ref if ref is not None and uid in (0, ref.uid) else None

    def is_me(self, node: str) -> bool:
        """Tell whether this node is meant: by its full name, or by one that it answers to."""
        return node == self.node or is_called(self.node, node)

    def _resolve_text(self, text: str) -> Ref[Any]:
        try:
            return self.resolve(text)
        except (ValueError, UnsupportedAddress) as error:
            raise NotDecodable(str(error)) from error

    def ref_for(self, text: str) -> Ref[Any]:
        """Return a ref for a report; `text` was parsed before, or never was an address."""
        try:
            return self.resolve(text)
        except (ValueError, UnsupportedAddress):
            return self.system.guardian

    # -- nodes -------------------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> tuple[str, ...]:
        """The full names of the other nodes that are there, in the order in which they were heard of."""
        return self.directory.present

    def wait_for(self, name: str, timeout: float | None = 10.0) -> str:
        """Wait until a node of that name, `name` or `name@host`, is there; return its full name.

        timeout: seconds. Raises `Timeout`.
        """
        check_may_block()
        found = self._find(name)
        try:
            return found.get(timeout=timeout)
        except BaseException as error:
            found.fail(error)
            raise

    async def await_for(self, name: str) -> str:
        """Do as `wait_for`, and let the event loop go on meanwhile."""
        return await self._find(name)

    def _find(self, name: str) -> Completion[str]:
        there: Completion[str] = Completion()

        def look(_: object = None) -> None:
            for node in self.directory.called(name):
                there.resolve(node)

        unsubscribe = self.system.events.subscribe(NodeJoined, look)
        there.add_done_callback(lambda _: unsubscribe())
        look()
        return there

    # -- topics and spawning -----------------------------------------------------------------------------------------

    def subscribe(self, topic: str, ref: Ref[Any]) -> None:
        """Let an actor of this node hear what is told to `topic://{topic}`, until it ends. Idempotent.

        Raises `NotJoined`, and `UnsupportedAddress` for what is no topic.
        """
        if not self.tell("inbox-u", Subscribe(_topic_name(topic), ref)):
            raise NotJoined(f"{self!r} is about to start, or has left: nothing can be heard")

    def unsubscribe(self, topic: str, ref: Ref[Any]) -> None:
        """Let it hear the topic no more."""
        self.tell("inbox-u", Unsubscribe(_topic_name(topic), ref))

    def spawn(
        self,
        node: str,
        actor_class: type[A],
        *args: Any,
        name: str,
        restart: Restart | str = "permanent",
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Ref[A]:
        """Start an actor among the guests of another node, which offers its class; return its ref.

        node: a name, or a full one. name: the child's id there. No code travels: the class is named, by its `wire`
        name. A guest that was restarted is another incarnation: `resolve(ref.address.named())` outlives that. Raises
        as `ask` does, and `NotEncodable`.
        """
        check_may_block()
        return self.start(node, actor_class, *args, name=name, restart=restart, timeout=timeout, **kwargs).get()

    def start(
        self,
        node: str,
        actor_class: type[A],
        *args: Any,
        name: str,
        restart: Restart | str = "permanent",
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Completion[Ref[A]]:
        """Do as `spawn`, and return a completion."""
        ctype, arguments = self.codec.encode((list(args), kwargs))
        frame = SpawnActor(wire_name(actor_class), name, str(restart), ctype, arguments)
        return cast("Completion[Ref[A]]", self.request(node, frame, Any, timeout))

    # -- for refs and the parts --------------------------------------------------------------------------------------

    @property
    def nodes_topic(self) -> str:
        """The topic on which the nodes of this system hear each other."""
        return f"{self.system.name}.$nodes"

    def mailbox(self, node: str, lane: Lane) -> str:
        """Return the name that a node's inbox has at the broker."""
        return f"{self.system.name}.{node}.{lane}"

    def next_id(self) -> str:
        """Return an id that no other envelope has."""
        return f"{self.node[-12:]}-{next(self._numbers):x}"

    def heard_itself(self, now: float) -> None:
        """Note that the way to the broker and back is open."""
        if self._heard_at is None:
            self._heard_at = now
            self.joined.resolve(None)

    def knows_everybody(self) -> bool:
        """Tell whether every node that is there must have been heard by now."""
        return self._heard_at is not None and self.system.clock.now() - self._heard_at > 2 * self.options.interval

    def part(self, name: str) -> Ref[Any] | None:
        """Return a part by its name, None while it is being restarted and after the end."""
        return self.system.find(f"{self.root}/{name}")

    def tell(self, part: str, message: Any) -> bool:
        """Tell a part; returns whether it was there."""
        ref = self.part(part)
        if ref is not None:
            ref.tell(message)
        return ref is not None

    def say(self, node: str, frame: Frame) -> None:
        """Say something to another node."""
        self.send(Letter(node, node, Kind.SYSTEM, Lane.SYSTEM, encode_frame(frame)))

    def send(self, letter: Letter) -> None:
        """Send a letter; where nobody can any more it is a dead letter, or forgotten if it is an answer."""
        if not self.tell("switchboard", letter) and letter.ref is not None:
            self.system.dead_letter(DeadLetter(letter.ref, letter.message, "this node has left"))

    def enquire(self, letter: Letter, reply: Any, timeout: float) -> Completion[Any]:
        """Send a letter that wants an answer; the completion has exactly one of the answer and an error."""
        switchboard = self.part("switchboard")
        if switchboard is None:
            return Completion.failed(self._cannot_send(letter))
        promised: Completion[Reply] = switchboard.ask(Enquire(letter, reply, timeout), block=False)
        answer: Completion[Any] = Completion()
        promised.add_done_callback(lambda done: _pass_on(done, answer, letter))
        return answer

    def _cannot_send(self, letter: Letter) -> Exception:
        if self.system.remoting is self and self.root and self.system.find(self.root) is not None:
            return Undeliverable(f"{letter.to} was asked while this node's remoting begins again: nothing was sent")
        return NotJoined(f"{self!r} is about to start, or has left: nothing can be sent")

    def request(
        self, node: str, frame: Frame, reply: Any, timeout: float | None, lane: Lane = Lane.SYSTEM
    ) -> Completion[Any]:
        """Have another node do something, and answer. lane: by which it is sent; each has its own order."""
        patience = self.options.ask_timeout if timeout is None else timeout
        letter = Letter(
            node,
            node,
            Kind.SYSTEM,
            lane,
            encode_frame(frame),
            id=self.next_id(),
            deadline=self.system.clock.time() + patience,
        )
        return self.enquire(letter, reply, patience)

    # -- life --------------------------------------------------------------------------------------------------------

    def started(self, path: str) -> None:
        """Note where the parts are.

        A second start is another boot of the node: the others have been told that the first has ended.
        """
        if self.root:
            self.node = f"{name_of(self.node)}!{_nonce(self.system)}"
            self.booted = max(self.system.clock.time(), self.booted + 0.001)
            self.directory = Directory(lost=self.directory.lost)
            self.arrivals = _no_arrivals()
        self.root = path

    def spec(self) -> ChildSpec:
        """Return the child spec of all that runs for this node."""
        from ..supervision.spec import ChildSpec
        from .tree import RemotingSupervisor  # its parts import this module

        return ChildSpec("remoting", RemotingSupervisor, (self,))

    def leave(self, timeout: float | None = 10.0) -> None:
        """Say goodbye and stop; asks that wait fail. Idempotent. timeout: seconds."""
        self._leave().get(timeout=timeout)

    async def aleave(self) -> None:
        """Do as `leave`, and let the event loop go on meanwhile."""
        await self._leave()

    def _leave(self) -> Completion[bool]:
        if self.system.remoting is self:
            self.system.remoting = None
        root = self.system.find(self.root) if self.root else None
        return Completion.of(False) if root is None else root.stop(block=False)


def _no_arrivals() -> Mapping[Lane, Arrivals]:
    return {lane: Arrivals() for lane in Lane}


def _nonce(system: System) -> str:
    return f"{system.rng.getrandbits(48):012x}"


def _pass_on(done: Completion[Reply], answer: Completion[Any], letter: Letter) -> None:
    error = done.error()
    if error is not None:  # the switchboard's own end, or the full mailbox of somebody in between
        failure = (
            error
            if isinstance(error, MailboxFull)
            else Undeliverable(f"{letter.to} was asked, and this node's remoting ended before an answer came: {error}")
        )
        answer.fail(failure)
        return
    reply = done.get()
    if reply.error is not None:
        answer.fail(reply.error)
    else:
        answer.resolve(reply.value)


def _topic_name(topic: str) -> str:
    """Return a topic's name, which may be given as its address."""
    if "://" not in topic:
        return Address.of_topic(topic).name
    address = Address.parse(topic)
    if address.scheme is not Scheme.TOPIC:
        raise UnsupportedAddress(f"{address} is no topic: only topics can be listened to")
    return address.name
