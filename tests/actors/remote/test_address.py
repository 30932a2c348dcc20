"""Addresses: strict, and values."""

from __future__ import annotations

import copy
import pickle

import pytest

from understudy.actors.remote import Address, BadAddress, Scheme

BOOT = "0123456789ab"
GOOD = [
    f"actor://shop/till@host!{BOOT}/shop/till#17",
    f"actor://shop/celery@web-1.example.org!{BOOT}/node/services/a%20b#1",
    "name://shop/till/shop/till",
    "name://shop/till@host/%C3%A4%25",
    "queue://celery",
    "topic://prices/eu",
]
BAD = {
    "": "has to be",
    "shop/till": "has to be",
    "http://shop/till": "has to be",
    "actor://shop": "node",
    f"actor:///till@host!{BOOT}/x#1": "no system",
    "actor://shop/till@host/x#1": "boot",
    f"actor://shop/till!{BOOT}/x#1": "boot",
    "actor://shop/till@host!xyz/x#1": "boot",
    f"actor://shop/till@host!{BOOT}/x": "incarnation",
    f"actor://shop/till@host!{BOOT}/x#0": "incarnation",
    f"actor://shop/till@host!{BOOT}/x#one": "incarnation",
    f"actor://shop/till@host!{BOOT}#1": "path",
    f"actor://shop/till@host!{BOOT}/x//y#1": "path",
    "name://shop/till": "path",
    "name://shop/till/": "path",
    "name://shop/ti ll/x": "letters",
    f"name://shop/till@host!{BOOT}/x": "name@host",
    "name://shop/till/x#1": "no incarnation",
    "name://shop/till/%ff": "UTF-8",
    "queue://": "no queue",
    "topic://": "no topic",
}


@pytest.mark.parametrize("text", GOOD)
def test_an_address_reads_as_it_is_written(text: str) -> None:
    address = Address.parse(text)
    assert str(address) == text
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_address_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(BadAddress, match=BAD[text]) as caught:
        Address.parse(text)
    assert repr(text) in str(caught.value)


def test_an_address_is_made_of_parts_as_strictly() -> None:
    with pytest.raises(BadAddress):
        Address(Scheme.NAME, "shop", "till", "no-slash")
    with pytest.raises(BadAddress):
        Address.of_name("sh/op", "till", "/x")
    assert str(Address.of_actor("my shop", f"a@b!{BOOT}", "/x y", 3)) == f"actor://my%20shop/a@b!{BOOT}/x%20y#3"


def test_addresses_are_values() -> None:
    one, same = (Address.parse(GOOD[0]) for _ in range(2))
    assert {one, same} == {one}
    assert pickle.loads(pickle.dumps(one)) == one == copy.deepcopy(one)
    assert one != Address.parse(GOOD[1])


def test_an_incarnation_has_a_name_that_outlives_it() -> None:
    assert str(Address.parse(GOOD[0]).named()) == "name://shop/till@host/shop/till"
