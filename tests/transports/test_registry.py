"""From a scheme to its transport, or to an error that helps."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from understudy.transports.errors import UnknownScheme
from understudy.transports.registry import connect


def test_a_scheme_that_nobody_serves_names_those_that_are_served_once_each() -> None:
    with pytest.raises(UnknownScheme, match="'nonsense': known are ") as caught:
        connect("nonsense://")

    known = re.findall(r"[\w+]+", str(caught.value).partition("known are ")[2])
    assert {"amqp", "memory", "redis", "sqlite", "sqs"} <= set(known)
    assert len({name.lower() for name in known}) == len(known)


def test_a_slip_in_a_scheme_is_named() -> None:
    with pytest.raises(UnknownScheme, match=r"did you mean redis://\?"):
        connect("redsi://")


@pytest.mark.parametrize("scheme", ["redis", "rediss", "sentinel"])
def test_a_package_that_is_not_installed_is_named_with_what_installs_it(scheme: str) -> None:
    code = f"""
import sys
sys.modules["redis"] = None  # as if it were not installed
from understudy.transports.errors import UnsupportedByTransport
from understudy.transports.registry import connect
try:
    connect("{scheme}://")
except UnsupportedByTransport as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == f"{scheme}:// needs the package redis: pip install 'understudy[redis]'\n"
