"""`Settings`: the values of one app, over the table that the groups declare."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from ..exceptions import ImproperlyConfigured, UnknownSetting
from .broker import BrokerSettings
from .general import GeneralSettings
from .result import ResultSettings
from .setting import Setting
from .task import TaskSettings
from .worker import WorkerSettings

_OLD_PREFIXES = {"broker": "", "task": "CELERY_", "worker": "CELERYD_", "result": "CELERY_RESULT_"}


class Settings(GeneralSettings, BrokerSettings, TaskSettings, ResultSettings, WorkerSettings):
    """An app's settings: attributes, or items, by Celery's lower-case names (older names are understood too).

    Command line (`override`) comes before environment (UNDERSTUDY_<NAME>), that before what the program says, that
    before the defaults. `version` grows with every change. Setting an unknown name raises `UnknownSetting`; a value of
    the wrong type raises `ImproperlyConfigured`.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.version: int = 0
        self.effective: dict[str, Any] = {}
        self._program: dict[str, Any] = {}
        self._overrides = dict(_from_environment(os.environ if environment is None else environment))
        self._merge()

    def __repr__(self) -> str:
        changed = ", ".join(f"{name}={_shown(name, value)}" for name, value in sorted(self.changed().items()))
        return f"<Settings {changed or 'defaults'}>"

    if not TYPE_CHECKING:  # a type checker knows the names of today, and finds slips

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):  # copy and pickle ask for protocols
                raise AttributeError(name)
            return getattr(self, current_name(name))

        def __setattr__(self, name: str, value: Any) -> None:
            if name in ("version", "effective", "_program", "_overrides"):
                object.__setattr__(self, name, value)
            else:
                self.update({name: value})

    def __getitem__(self, name: str) -> Any:
        return getattr(self, current_name(name))

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __contains__(self, name: object) -> bool:
        return name in table() or name in _old_names()

    def __iter__(self) -> Iterator[str]:
        return iter(table())

    def __len__(self) -> int:
        return len(table())

    def keys(self) -> Iterator[str]:
        """Yield every setting's name."""
        return iter(table())

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield every setting's name and value."""
        return ((name, self[name]) for name in table())

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting's value, or `default` where there is no such setting."""
        try:
            return self[name]
        except UnknownSetting:
            return default

    def update(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Set several settings; all of them or, on an error, none."""
        self._program.update(validated({**(values or {}), **more}))
        self._merge()

    def override(self, texts: Mapping[str, str]) -> None:
        """Set several settings from the command line, where values are text; nothing overrules them."""
        rows = {current_name(name): text for name, text in texts.items()}
        self._overrides.update({name: table()[name].parse(text, name) for name, text in rows.items()})
        self._merge()

    def changed(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults."""
        return {name: value for name, value in self.effective.items() if value != table()[name].default}

    def without_effect(self) -> dict[str, str]:
        """Return the settings that somebody has changed in vain, each with the reason."""
        return {name: table()[name].unused for name in self.changed() if table()[name].unused}

    def _merge(self) -> None:
        kept = {name: value for name, value in self.effective.items() if name not in self._program}
        self.effective = {**_containers(), **kept, **self._program, **self._overrides}
        self.version += 1


@cache
def table() -> dict[str, Setting]:
    """Return every row of the settings table by name, in the order of declaration."""
    groups = [group for group in Settings.__mro__ if group is not object and group is not Settings]
    return {name: row for group in groups for name, row in vars(group).items() if isinstance(row, Setting)}


def current_name(name: str) -> str:
    """Return today's name for `name`, which may be a name of an older release; raises `UnknownSetting`."""
    if name in table():
        return name
    known = _old_names()
    if name in known:
        return known[name]
    nearest = get_close_matches(name.lower().removeprefix("celery_"), table(), n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else "see the settings reference for those there are."
    raise UnknownSetting(f"there is no setting {name!r}: {hint}")


def validated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` under today's names; raises `UnknownSetting` or `ImproperlyConfigured`."""
    return {(current := current_name(name)): table()[current].validate(value) for name, value in values.items()}


def looks_like_a_setting(name: str) -> bool:
    """Tell whether `name`, found among a module's own names, must be meant as a setting."""
    return name in table() or name in _old_names() or bool(_settings_pattern().match(name.lower()))


@cache
def _settings_pattern() -> re.Pattern[str]:
    return re.compile(rf"(celery_|celeryd_)|({'|'.join(_OLD_PREFIXES)})_")


@cache
def _old_names() -> dict[str, str]:
    """Map the names of older Celery releases, and those with a CELERY_ namespace, to today's."""
    names = {f"CELERY_{name.upper()}": name for name in table()}
    for name, row in table().items():
        group, _, suffix = name.partition("_")
        if group in _OLD_PREFIXES and not row.old:
            prefix = _OLD_PREFIXES[group] or "BROKER_"
            names[prefix + suffix.upper()] = name
        names.update(dict.fromkeys(row.old, name))
    return names


@cache
def _containers_rows() -> tuple[Setting, ...]:
    return tuple(row for row in table().values() if isinstance(row.default, (dict, list)))


def _containers() -> dict[str, Any]:
    """Return fresh containers for settings that programs may change in place."""
    return {row.name: row.start() for row in _containers_rows()}


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    known = set[str]()
    for row in table().values():
        for variable in reversed(row.variables):
            known.add(variable)
            if variable in environment:
                yield row.name, row.parse(environment[variable], variable)
    for variable in environment.keys() - known:
        name = variable.removeprefix("UNDERSTUDY_").lower()
        if variable.startswith("UNDERSTUDY_") and looks_like_a_setting(name):
            nearest = get_close_matches(name, table(), n=1)
            hint = f": did you mean UNDERSTUDY_{nearest[0].upper()}?" if nearest else ""
            raise ImproperlyConfigured(f"the environment variable {variable} sets no setting that there is{hint}")


def _shown(name: str, value: Any) -> str:
    has_urls = name.startswith(("broker", "result", "database"))
    return re.sub(r"://[^@/]*@", "://***@", repr(value)) if has_urls else repr(value)
