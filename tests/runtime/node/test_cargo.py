"""How many bytes a queue's group may have in hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from understudy.runtime.node.cargo import Cargo, size_of
from understudy.transports.message import Delivery

LIMIT, SLOTS = 1000, 2


def delivery(tag: int, size: int) -> Delivery:
    return Delivery(tag, "q", b"", bytes(size))


@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans(), st.integers(0, 5))))
def test_what_is_in_hand_is_within_the_limit_or_one_for_each_slot(steps: list[tuple[int, bool, int]]) -> None:
    cargo, room, held = Cargo(LIMIT, SLOTS), 0, list[Delivery]()
    for tag, (size, asked, settled) in enumerate(steps, 1):
        room += cargo.more(asked=asked)
        assert room > 0 or held
        if room > 0:  # as an intake takes one more as long as there is room
            before = sum(map(size_of, held))
            assert before < LIMIT or len(held) < SLOTS
            held.append(delivery(tag, size))
            cargo.load(held[-1])
            room -= size
        for one in held[:settled]:
            cargo.unload(one.tag)
        del held[:settled]
        assert cargo.is_full == (room <= 0)


@given(st.lists(st.integers(1, 3000), min_size=1))
def test_there_is_always_room_for_a_slot_that_has_nothing_to_do(sizes: list[int]) -> None:
    cargo, room = Cargo(LIMIT, SLOTS), 0
    for tag, size in enumerate(sizes, 1):
        room += cargo.more(asked=False)
        assert room > 0
        cargo.load(delivery(tag, size))
        room -= size
        if tag >= SLOTS:
            cargo.unload(tag - SLOTS + 1)


def test_small_messages_cost_no_word_of_their_own() -> None:
    cargo = Cargo(LIMIT, SLOTS)
    assert cargo.more(asked=True) == LIMIT
    for tag in range(1, 100):
        cargo.load(delivery(tag, 1))
        cargo.unload(tag)
        assert cargo.more(asked=False) == 0
    assert cargo.more(asked=True) == 99
