"""What an intake holds: an acknowledgement of several never covers what is not done."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from understudy.actors.completion import Completion
from understudy.transports.amqp_broker.channel import Channel
from understudy.transports.amqp_broker.consumers import Consumer, Consumers
from understudy.transports.amqp_broker.holding import Held, Holding
from understudy.transports.amqp_broker.protocol import methods as amqp
from understudy.transports.amqp_broker.protocol.connection import Delivered, Said
from understudy.transports.amqp_broker.protocol.frames import Cutter
from understudy.transports.amqp_broker.protocol.properties import encode_properties

PROPERTIES = encode_properties({"headers": {"id": "one", "task": "t"}})


class Asked(Channel):
    """A channel that notes what was asked of it, and answers when it is told to."""

    def __init__(self) -> None:
        self.number = 1
        self.asked: list[tuple[amqp.Method, Completion[Said]]] = []

    def request(self, method: amqp.Method) -> Completion[Said]:
        self.asked.append((method, Completion()))
        return self.asked[-1][1]

    def names(self) -> list[str]:
        return [type(method).__name__ for method, _ in self.asked]

    def answer(self, kind: type[amqp.Method]) -> None:
        for method, completion in list(self.asked):
            if isinstance(method, kind):
                completion.resolve(Said(1, amqp.QosOk()))


def delivered(number: int, consumer: str = "0-1") -> Delivered:
    return Delivered(1, consumer, number, False, "", "q", PROPERTIES, b"body")


def consumer_of(limit: int) -> Consumer:
    return Consumer("q", "0-1", limit, Completion())


def carry_out(unsettled: set[int], frames: bytes) -> set[int]:
    """Do what a broker does with such frames; returns what it settled, which has to be held by us."""
    cutter = Cutter()
    settled: set[int] = set()
    for _, _, payload in cutter.feed(frames):
        method = amqp.decode_method(payload)
        assert isinstance(method, amqp.Ack | amqp.Nack)
        number = method.delivery_tag
        assert number in unsettled
        covered = {one for one in unsettled if one <= number} if method.multiple else {number}
        unsettled -= covered
        settled |= covered
    return settled


@given(st.lists(st.tuples(st.sampled_from(["come", "done", "back"]), st.integers(0, 2**30)), max_size=60))
def test_exactly_what_is_done_is_acknowledged(steps: list[tuple[str, int]]) -> None:
    holding, channel, consumer = Holding(), Asked(), consumer_of(1000)
    at_broker: set[int] = set()
    held: list[Held] = []
    for number, (step, choice) in enumerate(steps, 1):
        if step == "come":
            holding.take_in(delivered(number), consumer)
            at_broker.add(number)
            held.append(holding.arrived[-1])
            continue
        chosen = [one for place, one in enumerate(held) if choice >> (place % 30) & 1]
        end = holding.acknowledge if step == "done" else holding.give_back
        wanted = {one.number for one in chosen}
        assert carry_out(at_broker, end(channel, chosen)) == wanted
        held = [one for one in held if one not in chosen]
        assert consumer.held == len(held) == len(at_broker)


def test_a_row_of_messages_is_acknowledged_by_one_frame() -> None:
    holding, channel = Holding(), Asked()
    for number in range(1, 101):
        holding.take_in(delivered(number), consumer_of(100))

    frames = holding.acknowledge(channel, list(holding.arrived))

    assert len(list(Cutter().feed(frames))) == 1


def test_what_is_settled_already_is_not_settled_again() -> None:
    holding, channel = Holding(), Asked()
    holding.take_in(delivered(1), consumer_of(1))
    (held,) = holding.arrived

    assert holding.acknowledge(channel, [held, held]) != b""
    assert holding.acknowledge(channel, [held]) == holding.give_back(channel, [held]) == b""


def test_a_message_of_an_earlier_channel_is_not_settled_on_another() -> None:
    holding, channel = Holding(), Asked()
    holding.take_in(delivered(1), consumer_of(1))
    (before,) = holding.arrived
    holding.clear()
    holding.take_in(delivered(1), consumer_of(1))

    assert holding.acknowledge(channel, [before]) == b""


def test_a_consumer_is_not_cancelled_before_it_has_begun() -> None:
    channel = Asked()
    consumers = Consumers(channel, ["q"])
    consumers.want(5, patient=True)

    (ended,) = consumers.rest()
    assert channel.names() == ["Qos", "Consume"]

    channel.answer(amqp.Consume)
    assert channel.names() == ["Qos", "Consume", "Cancel"]
    assert not ended.done()
    channel.answer(amqp.Cancel)
    assert ended.done()


def test_a_steady_demand_keeps_its_consumer() -> None:
    channel, holding = Asked(), Holding()
    consumers = Consumers(channel, ["q"])
    consumers.want(10, patient=True)
    for number in range(1, 8):
        holding.take_in(delivered(number), consumers.of("0-1"))
        assert consumers.want(10 - number, patient=True)
    holding.acknowledge(channel, list(holding.arrived))
    assert consumers.want(10, patient=True)

    assert channel.names() == ["Qos", "Consume"]


def test_a_demand_that_grows_gets_another_consumer_once_it_has_waited() -> None:
    channel = Asked()
    consumers = Consumers(channel, ["q"])
    consumers.want(1, patient=True)
    channel.answer(amqp.Consume)

    assert not consumers.want(100, patient=True)
    assert consumers.want(100, patient=False)

    assert channel.names() == ["Qos", "Consume", "Qos", "Consume", "Cancel"]


def test_a_demand_that_shrinks_is_followed_at_once() -> None:
    channel = Asked()
    consumers = Consumers(channel, ["q"])
    consumers.want(1000, patient=True)
    channel.answer(amqp.Consume)

    assert consumers.want(1, patient=True)

    assert channel.asked[2][0] == amqp.Qos(0, 1, False)


def test_a_message_that_comes_after_its_consumers_end_still_counts() -> None:
    channel, holding = Asked(), Holding()
    consumers = Consumers(channel, ["q"])
    late = consumers.of("0-9")
    holding.take_in(delivered(1, "0-9"), late)
    holding.take_in(delivered(2), consumers.of("0-1"))
    second = holding.arrived[-1]

    assert late.queue == "q"
    assert carry_out({1, 2}, holding.acknowledge(channel, [second])) == {2}
