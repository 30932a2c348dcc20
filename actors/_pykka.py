"""All contact with pykka's private names; tests/actors/test_pykka_canary.py fails when one of them goes away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pykka
from pykka import _future
from pykka._introspection import AttrInfo, get_attr_directly, introspect_attrs
from pykka.messages import (
    ProxyCall,
    ProxyGetAttr,
    ProxySetAttr,
    _ActorStop,  # pyright: ignore[reportPrivateUsage]
)

if TYPE_CHECKING:

    class PykkaActor:
        """pykka's actor, as far as types go: without its hooks, whose results say more here."""

else:
    PykkaActor = pykka.Actor

PROXY_MESSAGES = (ProxyCall, ProxyGetAttr, ProxySetAttr)
ActorStop = _ActorStop


def unset_hook_result() -> Any:
    """Return the value that pykka's `Future` keeps before its get hook ran."""
    return _future._Unset()  # pyright: ignore[reportPrivateUsage]


def handle_proxy(actor: Any, message: Any) -> Any:
    """Carry out what a pykka proxy asks of `actor`."""
    if isinstance(message, ProxyCall):
        return get_attr_directly(actor, message.attr_path)(*message.args, **message.kwargs)
    if isinstance(message, ProxyGetAttr):
        return get_attr_directly(actor, message.attr_path)
    return setattr(get_attr_directly(actor, message.attr_path[:-1]), message.attr_path[-1], message.value)


def look_into(actor: object) -> dict[tuple[str, ...], AttrInfo]:
    """Return what a pykka proxy finds in `actor`."""
    nobody: Any = object()  # in place of the proxy, which is not to find itself
    found: dict[tuple[str, ...], AttrInfo] = introspect_attrs(root=actor, proxy=nobody)
    return found
