"""URLs are shown, and errors passed on, without passwords."""

from __future__ import annotations

import pytest

from understudy.transports.credentials import check_credentials
from understudy.transports.errors import TransportError
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
    "url",
    [
        "redis://me:k7/q9@host:6379/0",
        "amqp://me:k7?q9@host",
        "amqp://me:k7@x#q9@host",
        "redis://one/0;sentinel://:k7#q9@host/0",
    ],
)
def test_what_ends_a_password_too_early_is_an_error_that_shows_none_of_it(url: str) -> None:
    with pytest.raises(TransportError, match="%2F") as failure:
        check_credentials(url)

    assert not any(part in str(failure.value) for part in ("k7", "q9"))


@pytest.mark.parametrize(
    "url",
    [
        "redis://host:6379/0?client_name=me@here",
        "redis://[::1]:6379/0?client_name=me@here",
        "redis+socket:///tmp/me@here.sock",
        "amqp://me:secret@host:port/a@b",
        "amqp://host:5672/a@b",
        "amqp://host/a@b",
    ],
)
def test_an_at_sign_elsewhere_is_no_credentials(url: str) -> None:
    check_credentials(url)


@pytest.mark.parametrize(
    ("url", "scheme"), [("Redis://x", "redis"), ("sqla+sqlite:///x", "sqla+sqlite"), ("/tmp/x", "")]
)
def test_a_scheme_stands_before_the_address(url: str, scheme: str) -> None:
    assert scheme_of(url) == scheme
