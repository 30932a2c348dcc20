"""URLs are shown, and errors passed on, without passwords."""

from __future__ import annotations

import pytest

from understudy.transports.urls import scheme_of, scrub, without_passwords


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:secret@host/0", "redis://:**@host/0"),
        ("amqp://me:secret@host:5672//", "amqp://me:**@host:5672//"),
        ("amqp://me:se%2Fcret@host//", "amqp://me:**@host//"),
        ("amqp://me:se@cr:et@host//", "amqp://me:**@host//"),
        ("amqp://me@host//", "amqp://me@host//"),
        ("amqp://me:secret@one;amqp://me:secret@other", "amqp://me:**@one;amqp://me:**@other"),
        ("redis://host/0?password=secret&db=1", "redis://host/0?password=**&db=1"),
        ("sqlite:///file.db", "sqlite:///file.db"),
    ],
)
def test_a_url_is_shown_without_its_passwords(url: str, shown: str) -> None:
    assert without_passwords(url) == shown


@pytest.mark.parametrize("url", ["amqp://me:se%40cret@host", "redis://host?password=se%40cret"])
def test_a_password_is_taken_out_of_what_others_say(url: str) -> None:
    assert scrub("no user me with se@cret, or se%40cret", url) == "no user me with **, or **"


@pytest.mark.parametrize(
    ("url", "scheme"), [("Redis://x", "redis"), ("sqla+sqlite:///x", "sqla+sqlite"), ("/tmp/x", "")]
)
def test_a_scheme_stands_before_the_address(url: str, scheme: str) -> None:
    assert scheme_of(url) == scheme
