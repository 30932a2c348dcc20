"""Whether a URL's user name and password are written so that nothing of them is taken for something else."""

from __future__ import annotations

import re

from .errors import TransportError
from .urls import without_passwords

_END = re.compile("[/?#]")
_HOST = re.compile(r"(?:[^:\[\]]*|\[[^\]]*\])(?::\d*)?")


def check_credentials(url: str) -> None:
    """Raise `TransportError` where a user name or password has a character in it that ends what it stands in.

    A host is looked for in the rest of it then, and would be named in errors.
    """
    for one in url.split(";"):
        rest = one.partition("://")[2]
        authority = _END.split(rest, 1)[0]
        no_host = "@" in rest and "@" not in authority and not _HOST.fullmatch(authority)
        if no_host or "#" in rest:
            raise TransportError(
                f"{without_passwords(one)} cannot be read: write / ? # in a user name or password as %2F %3F %23"
            )
