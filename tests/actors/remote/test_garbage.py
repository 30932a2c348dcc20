"""What nobody can read harms nobody: mutated mail, and frames that make no sense."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from understudy.actors.remote import Parcel
from understudy.actors.remote.envelope import VERSION, Envelope, Kind, Lane, encode
from understudy.actors.remote.frames import ExitActor, Reason, SpawnActor, StopActor, Watch
from understudy.actors.remote.frames import encode as encode_frame
from understudy.testing import Simulation, simulate

from .world import Add, Counter, Fail, Node, Note, Observer, Shop, World
from .world import Watch as WatchMessage


def record_mail(world: World) -> list[Parcel]:
    """Keep whatever is posted."""
    mailroom, kept = world.bus.mailroom, []
    post = mailroom.post

    def recording(parcels: Any, now: float) -> Any:
        kept.extend(parcels)
        return post(parcels, now)

    mailroom.post = recording  # type: ignore[method-assign]
    return kept


def mutated(body: bytes, rng: Random) -> bytes:
    """Change, drop or add some bytes."""
    data = bytearray(body)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data))
        match rng.randrange(3):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at]
            case _:
                data.insert(at, rng.randrange(256))
    return bytes(data)


def uptime(node: Node) -> dict[str, int]:
    """The incarnations of a node's parts: none of them changes where nothing crashes."""
    return {path: node.system.get(path).uid for path in node.system.paths() if path.startswith("/remoting")}


@pytest.mark.parametrize("seed", range(4))
def test_mutated_mail_crashes_no_part_of_a_node(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    def body(simulation: Simulation) -> None:
        world, rng = World(simulation), Random(seed)
        one, other = world.pair()
        mail = record_mail(world)
        other.spawn(Shop, name="shop")
        one.spawn(Observer, name="observer")
        counter: Any = one.system.resolve(other.name_of("/shop/counter"), Counter)
        one.system.get("/observer").ask(WatchMessage(counter))
        counter.ask(Add(3)), counter.tell(Note("x"))
        with pytest.raises(Exception, match="told to"):
            counter.ask(Fail())
        world.run(3.0)
        parts = [uptime(one), uptime(other)]
        for parcel in [parcel for parcel in mail for _ in range(20)]:
            world.bus.mailroom.post([Parcel(parcel.to, mutated(parcel.body, rng), parcel.topic)], simulation.now)
        world.bus.hand_out()
        world.run(3.0)
        assert [uptime(one), uptime(other)] == parts
        fresh = world.join("fresh")  # what the others believe of each other may be anything by now
        assert fresh.system.resolve(other.name_of("/shop/counter"), Counter).ask(Add(), timeout=5.0)

    simulate(body, seed, settle=None)


def test_orders_that_make_no_sense_are_refused_or_ignored() -> None:
    def body(simulation: Simulation) -> None:
        world = World(simulation)
        one, other = world.pair()
        parts = uptime(other)
        shutdown = Reason("Shutdown")
        frames = [
            StopActor("", 0, shutdown),
            StopActor("/no/such", 7, shutdown),
            ExitActor("/no/such", 0, Reason("NeverHeardOf", "?")),
            SpawnActor("Nothing", "a/b#c", "always", "yaml", b""),
            Watch(1, "", 0),
            Watch(-1, "//", 2**40),
        ]
        mailbox = other.remoting.mailbox(other.remoting.node, Lane.SYSTEM)
        for number, frame in enumerate(frames):
            order = Envelope(
                v=VERSION,
                id=f"x-{number}",
                to=other.remoting.node,
                sender="nobody@nowhere!000000000000",
                kind=Kind.SYSTEM,
                seq=0,
                rto=one.remoting.node,
                body=encode_frame(frame),
            )
            world.bus.mailroom.post([Parcel(mailbox, encode(order))], simulation.now)
        world.bus.hand_out()
        world.run(3.0)
        assert uptime(other) == parts

    simulate(body, settle=None)
