"""The private names of pykka that the kernel leans on: this fails before users notice."""

from __future__ import annotations

import inspect
from importlib.metadata import version

import pykka
from pykka import _future, _introspection, messages


def test_pykka_is_of_the_series_that_the_kernel_is_built_on() -> None:
    major, minor = map(int, version("pykka").split(".")[:2])
    assert (4, 4) <= (major, minor) < (5, 0)


def test_the_names_that_the_kernel_imports_are_there() -> None:
    assert issubclass(messages._ActorStop, tuple)
    assert callable(_introspection.get_attr_directly)
    assert inspect.isclass(_future._Unset)


def test_a_future_keeps_its_hook_under_the_names_that_completion_sets() -> None:
    future: pykka.Future[int] = pykka.Future()
    assert future._get_hook is None
    assert isinstance(future._get_hook_result, _future._Unset)


def test_a_proxy_looks_at_no_more_of_a_ref_than_ours_has() -> None:
    source = inspect.getsource(pykka._proxy)
    used = {name for name in [*dir(pykka.ActorRef), "_actor_weakref"] if f"actor_ref.{name}" in source}
    assert used <= {"ask", "tell", "is_alive", "proxy", "_actor_weakref"}


def test_proxies_send_the_messages_that_the_kernel_takes() -> None:
    assert messages.ProxyCall(("f",), (1,), {}).attr_path == ("f",)
    assert messages.ProxyGetAttr(("x",)).attr_path == ("x",)
    assert messages.ProxySetAttr(("x",), 1).value == 1


def test_an_actor_of_pykka_has_the_hooks_that_ours_overrides() -> None:
    for name in ("on_start", "on_stop", "on_failure", "on_receive", "stop", "actor_ref"):
        assert hasattr(pykka.Actor, name), name
    assert set(pykka.Actor.__abstractmethods__) == {"_create_actor_inbox", "_create_future", "_start_actor_loop"}
