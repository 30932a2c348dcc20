"""`setting`: one row of the settings table."""

from __future__ import annotations

import types
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from ..exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from .settings import Settings

T = TypeVar("T")

_LISTS = (list, tuple, set, frozenset)


def setting(
    default: T,
    doc: str,
    *,
    old: str = "",
    env: str = "",
    check: Callable[[Any], bool] | None = None,
    unused: str = "",
) -> T:
    """Declare a setting in a group's class body; its annotation is its type.

    default: what it is unless someone says otherwise. doc: one sentence for the reference page. old: names of earlier
    Celery releases, separated by spaces. env: environment variables beside UNDERSTUDY_<NAME>. check: what else a value
    has to satisfy. unused: why it has no effect, where it is there only so that a Celery app's settings load.
    """
    return cast("T", Setting(default, doc, tuple(old.split()), tuple(env.split()), check, unused))


class Setting:
    """A row of the table; as a descriptor it reads and writes the value of one `Settings`."""

    name: str
    owner: type

    def __init__(
        self,
        default: Any,
        doc: str,
        old: tuple[str, ...],
        env: tuple[str, ...],
        check: Callable[[Any], bool] | None,
        unused: str = "",
    ) -> None:
        self.default = default
        self.doc = doc
        self.old = old
        self.env = env
        self.check = check
        self.unused = unused

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner = owner
        self.name = name

    def __get__(self, settings: Settings | None, owner: type | None = None) -> Any:
        if settings is None:
            return self
        try:
            return settings.effective[self.name]
        except KeyError:
            return self.default

    def __set__(self, settings: Settings, value: Any) -> None:
        settings.update({self.name: value})

    @property
    def type(self) -> Any:
        """The annotation: a class, or a union of classes and generics of them."""
        return get_type_hints(self.owner)[self.name]

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables that set it, the first one first."""
        return (f"UNDERSTUDY_{self.name.upper()}", *self.env)

    def start(self) -> Any:
        """Return the default, as an object of the caller's own."""
        return copy(self.default)

    def validate(self, value: Any) -> Any:
        """Return `value` if it is of the setting's type; raises `ImproperlyConfigured`."""
        if not any(_is_a(value, kind) for kind in _members(self.type)) or (self.check and not self.check(value)):
            raise ImproperlyConfigured(f"{self.name} = {value!r}: expected {self.expected()}. {self.doc}")
        return value

    def parse(self, text: str, source: str) -> Any:
        """Return what `text`, from the environment or the command line, means; raises `ImproperlyConfigured`."""
        for kind in _members(self.type):
            try:
                return self.validate(_parse(text, kind))
            except (ValueError, ImproperlyConfigured):  # msgspec's errors are ValueErrors
                continue
        raise ImproperlyConfigured(f"{source}={text!r}: expected {self.expected()} for {self.name}. {self.doc}")

    def expected(self) -> str:
        """Name the types that it takes, for people."""
        return " or ".join("None" if kind is types.NoneType else _plain_name(kind) for kind in _members(self.type))


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _plain_name(kind: Any) -> str:
    return str(getattr(get_origin(kind) or kind, "__name__", kind))


def _is_a(value: Any, kind: Any) -> bool:
    base = get_origin(kind) or kind
    if base is Any:
        return True
    if base is bool or isinstance(value, bool):
        return base is bool and value in (True, False)
    if base is float:
        return isinstance(value, (int, float))
    if base is list:
        return isinstance(value, _LISTS)
    return callable(value) if base is Callable else isinstance(value, base)


def _parse(text: str, kind: Any) -> Any:
    base = get_origin(kind) or kind
    if base is str:
        return text
    if base is types.NoneType:
        return msgspec.convert(text.lower(), None, strict=False) if text else None
    if base is bool:
        return msgspec.convert(
            {"yes": "1", "on": "1", "no": "0", "off": "0"}.get(text.lower(), text), bool, strict=False
        )
    if base is list and not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if base in (list, dict):
        return msgspec.json.decode(text)
    return cast("Any", msgspec.convert(text, base, strict=False))
