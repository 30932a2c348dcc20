"""URLs of brokers and stores, and how to speak of them without their passwords."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import SystemRandom
from typing import TypeVar
from urllib.parse import unquote

T = TypeVar("T")

_HIDDEN = "**"
_IN_QUERY = re.compile(r"(?<=[?&]password=)[^&#;]+")


def in_order(items: Sequence[T], strategy: str | None) -> list[T]:
    """Return the alternatives of an address in the order in which they are tried: `shuffle`, or as they are named."""
    ordered = list(items)
    if strategy == "shuffle":
        SystemRandom().shuffle(ordered)
    return ordered


def scheme_of(url: str) -> str:
    """Return what stands before `://`, in lower case, or "" where nothing does."""
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator else ""


def without_passwords(url: str) -> str:
    """Return `url`, which may be several joined by `;`, with each password replaced."""
    return ";".join(map(_without_password, url.split(";")))


def scrub(text: str, url: str) -> str:
    """Return `text`, which may be another library's error, without the passwords of `url`."""
    for one in url.split(";"):
        for password in _passwords(one):
            text = text.replace(password, _HIDDEN)
    return text


def _without_password(url: str) -> str:
    head, separator, rest = _IN_QUERY.sub(_HIDDEN, url).partition("://")
    credentials, at, host = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return f"{head}{separator}{user}{colon and ':' + _HIDDEN}{at}{host}"


def _passwords(url: str) -> set[str]:
    credentials = url.partition("://")[2].rpartition("@")[0]
    raw = {credentials.partition(":")[2], *_IN_QUERY.findall(url)} - {""}
    return raw | {unquote(password) for password in raw}
