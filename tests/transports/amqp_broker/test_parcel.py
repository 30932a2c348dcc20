"""Parcels: what is sent is what the adapter sends, by the short way and by the long one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.transports.amqp_broker.parcel import head_of, parcel_of, parcel_of_letter
from understudy.transports.errors import MalformedMessage
from understudy.transports.letters.letter import letter_of
from understudy.transports.message import Head, Publication, encode_head

TEXTS = st.text(max_size=20)
HEADS = st.builds(
    Head,
    st.dictionaries(TEXTS, st.none() | TEXTS | st.integers(-5, 2**40) | st.lists(TEXTS, max_size=2), max_size=5),
    st.fixed_dictionaries(
        {},
        optional={
            "correlation_id": st.none() | TEXTS,
            "reply_to": st.none() | TEXTS,
            "delivery_mode": st.sampled_from([1, 2]),
            "delivery_info": st.just({}),
            "expiration": st.just("1000"),
            "message_id": TEXTS,
        },
    ),
)


@given(HEADS, st.sampled_from(["", "news"]), st.sampled_from([None, 5.0]), st.sampled_from([None, 9.0]))
def test_the_short_way_leads_where_the_long_one_does(
    head: Head, exchange: str, eta: float | None, expires: float | None
) -> None:
    publication = Publication("one", "celery", encode_head(head), b"body", exchange, 3, eta, expires)

    assert parcel_of(publication, 1.0) == parcel_of_letter(letter_of(publication, 1.0))


@given(HEADS)
def test_a_head_comes_back_as_it_was_sent(head: Head) -> None:
    parcel = parcel_of(Publication("one", "celery", encode_head(head), b"body"), 1.0)

    found = head_of(parcel.properties, "", "celery", redelivered=False)

    assert (found.headers, found.content_type, found.content_encoding) == (head.headers, "application/json", "utf-8")
    assert found.properties["delivery_mode"] == head.properties.get("delivery_mode", 2)


@pytest.mark.parametrize(
    "head",
    [b"no json", encode_head(Head({"x" * 300: 1}, {})), encode_head(Head({}, {"reply_to": "x" * 300}))],
    ids=["no head", "long name", "long property"],
)
def test_what_does_not_fit_is_one_clear_error(head: bytes) -> None:
    with pytest.raises(MalformedMessage, match="task one cannot be sent"):
        parcel_of(Publication("one", "celery", head, b"body"), 1.0)


@pytest.mark.parametrize("properties", [b"", b"\xff", b"\xff\xfe" + b"x" * 20])
def test_a_message_whose_properties_nobody_can_read_has_no_headers(properties: bytes) -> None:
    head = head_of(properties, "", "celery", redelivered=True)

    where: dict[str, Any] = {"exchange": "", "routing_key": "celery", "redelivered": True}
    assert (head.headers, head.properties) == ({}, {"delivery_info": where})
