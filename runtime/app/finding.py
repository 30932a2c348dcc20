"""Finds the app that `-A` names, by Celery's rules."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ..exceptions import AppNotFound
from ..pool.errors import AppImportFailed
from ..pool.program import app_spec, import_report
from ..task.task import Task
from .app import App

ATTRIBUTES = ("app", "celery")
"""What an app is usually called in its module."""


class FoundApp(NamedTuple):
    """An app, and the module:attribute at which other processes find it."""

    app: App
    address: str


def find_app(name: str) -> FoundApp:
    """Return the app that `name` means: `module:attribute`, `module.attribute`, or a module or a file that has one.

    In a module it is called `app` or `celery`, or is in the submodule `celery`, or is the first app there under any
    name. Raises `AppNotFound`, or `AppImportFailed` where the module itself raises something.
    """
    return _Search(name).run()


def import_tasks(app: App, name: str) -> None:
    """Import the modules with the tasks of an app, which `name` led to; raises `AppImportFailed`."""
    with _blamed_on(name):
        app.import_modules()


@contextmanager
def _blamed_on(name: str) -> Generator[None]:
    """Turn whatever the user's own code raises, SystemExit included, into one error that says where."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise AppImportFailed(import_report(app_spec("", name), error)) from error


class _Search:
    """The search for what one `-A` names."""

    def __init__(self, name: str) -> None:
        self._name = name

    def run(self) -> FoundApp:
        module_name, colon, attribute = self._name.partition(":")
        if not module_name:
            raise self._failed("it names no module")
        if module_name.endswith(".py"):
            module_name = self._module_of(Path(module_name))
        if self._exists(module_name):
            module = self._import(module_name)
            return self._in_attribute(module, attribute) if attribute else self._in_module(module)
        parent, _, last = module_name.rpartition(".")
        if not colon and parent and self._exists(parent) and hasattr(self._import(parent), last):
            return self._in_attribute(self._import(parent), last)
        raise self._failed(f"there is no module {module_name!r} in {Path.cwd()} or on Python's path")

    def _module_of(self, file: Path) -> str:
        """Make a file's directory one that modules are imported from; pool processes have the same ones."""
        if not file.is_file():
            raise self._failed(f"there is no file {file}")
        directory = str(file.resolve().parent)
        if directory not in sys.path:
            sys.path.insert(0, directory)
        return file.stem

    def _in_attribute(self, module: ModuleType, attribute: str) -> FoundApp:
        found: object = module
        for part in attribute.split("."):
            if not hasattr(found, part):
                raise self._failed(f"the module {module.__name__!r} has no {attribute!r}{_others(module)}")
            found = getattr(found, part)
        if isinstance(found, App):
            return FoundApp(found, f"{module.__name__}:{attribute}")
        if isinstance(found, ModuleType):
            return self._in_module(found)
        raise self._failed(f"{module.__name__}:{attribute} is {_described(found)}")

    def _in_module(self, module: ModuleType) -> FoundApp:
        usual = {attribute: vars(module).get(attribute) for attribute in ATTRIBUTES}
        submodule = f"{module.__name__}.celery"
        if not any(isinstance(found, App) for found in usual.values()) and self._exists(submodule):
            return self._in_module(self._import(submodule))
        for attribute, found in {**usual, **vars(module)}.items():
            if isinstance(found, App):
                return FoundApp(found, f"{module.__name__}:{attribute}")
        for attribute, found in usual.items():
            if found is not None and not isinstance(found, ModuleType):
                raise self._failed(f"{module.__name__}:{attribute} is {_described(found)}")
        raise self._failed(f"there is no app in the module {module.__name__!r} ({_place(module)})")

    def _exists(self, module_name: str) -> bool:
        """Tell whether there is such a module; its parents are imported on the way."""
        parent = module_name.rpartition(".")[0]
        if module_name in sys.modules:
            return True
        if parent and not (self._exists(parent) and hasattr(self._import(parent), "__path__")):
            return False
        return all(part.isidentifier() for part in module_name.split(".")) and find_spec(module_name) is not None

    def _import(self, module_name: str) -> ModuleType:
        with _blamed_on(self._name):
            return import_module(module_name)

    def _failed(self, why: str) -> AppNotFound:
        return AppNotFound(f"-A {self._name}: {why}")


def _others(module: ModuleType) -> str:
    names = [attribute for attribute, found in vars(module).items() if isinstance(found, App)]
    return f"; it has {', '.join(names)}" if names else ""


def _described(found: object) -> str:
    if any(kind.__module__.startswith("celery.") for kind in type(found).__mro__):
        return "an app of Celery's own package: import it `from understudy import Celery` to run it here"
    if isinstance(found, Task):
        return f"a task of {found.app!r}, no app"
    return "a class, no app" if isinstance(found, type) else f"of type {type(found).__name__}, no app"


def _place(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "a namespace package")
