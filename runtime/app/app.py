"""`App`: tasks, settings and connections of one program."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from threading import RLock  # noqa: TID251 - an app is used by whichever threads a program has
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar, overload

from .. import signals
from ..exceptions import ImproperlyConfigured
from ..execution.coroutines import Coroutines
from ..publishing.gathering import next_id
from ..publishing.pipeline import Publishing
from ..results.group import GroupResult, ResultSet
from ..results.result import AsyncResult
from ..settings import Settings
from ..settings.sources import read_object, read_variable
from ..signals import Signal
from ..task.request import Request, calling_request
from ..task.task import Task
from ..times import utc_now
from . import current
from .annotations import annotate
from .builtins import define_builtins
from .connections import Connections
from .definition import BoundDecorator, Decorator, check_rate, make_task
from .derived import Derived
from .home import defining_file, embedded_url
from .imports import Packages, import_related
from .naming import generated_name
from .registry import Registry

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ...transports.api import Publisher, ResultStore, Transport
    from ..canvas.signature import Signature
    from ..components.components import Components
    from ..publishing.plan import Plan
    from ..task.task import AsyncTask

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE = __name__.partition(".runtime")[0]


class App:
    """A program's tasks, with where their messages and results go.

    main: its name; tasks of the main module are named by it. broker, backend: URLs; without a broker the app has an
    embedded one in a file of its own. include: modules that a worker imports. changes, and further keywords: settings.
    set_as_current: shared tasks and signatures without an app use it. Thread-safe once it is set up.
    """

    def __init__(  # noqa: PLR0913 - Celery's signature
        self,
        main: str | None = None,
        *,
        broker: str | list[str] | None = None,
        backend: str | None = None,
        include: Sequence[str] | None = None,
        set_as_current: bool = True,
        changes: Mapping[str, Any] | None = None,
        config_source: object = None,
        namespace: str | None = None,
        task_cls: type[Task[..., Any]] | None = None,
        strict_typing: bool = True,
        **settings: Any,
    ) -> None:
        self.main = main
        self.strict_typing = strict_typing
        self.task_class: type[Task[..., Any]] = task_cls or Task
        self.on_configure: Signal = Signal("on_configure", "app")
        self.on_after_configure: Signal = Signal("on_after_configure", "app")
        self.on_after_finalize: Signal = Signal("on_after_finalize", "app")
        self.finalized: bool = False
        self.coroutines: Coroutines = Coroutines()
        self.publishing: Publishing = Publishing(self)
        self.connections: Connections = Connections(embedded_url(main, defining_file(_PACKAGE)))
        self._registry = Registry()
        self._conf = Settings()
        self._derived: Derived | None = None
        self._sources: list[Callable[[], Mapping[str, Any]]] = []
        self._discoveries: list[tuple[Packages, str | None]] = []
        self._finalizing = RLock()
        self._begun = False
        self._components: Components | None = None
        given = {"broker_url": broker, "result_backend": backend, "include": include}
        self._given = {name: value for name, value in given.items() if value is not None}
        self._given.update({**(changes or {}), **settings})
        self._conf.update(self._given)
        if config_source is not None:
            self.config_from_object(config_source, namespace=namespace)
        current.enrol(self)
        if set_as_current:
            current.set_current(self)

    def __repr__(self) -> str:
        return f"<App {self.main or 'without a name'}>"

    # Settings

    @property
    def conf(self) -> Settings:
        """The app's settings; sources that were named are read at the first look."""
        if self._sources:
            self._configure()
        return self._conf

    def config_from_object(
        self, obj: object, *, silent: bool = False, force: bool = False, namespace: str | None = None
    ) -> None:
        """Take settings from an object, module, mapping, or the name of one, when they are first needed.

        namespace: read only names with that prefix. force: read it now. silent: it may be missing.
        """
        self._sources.append(lambda: _read(obj, namespace, silent=silent))
        if force:
            self._configure()

    def config_from_envvar(self, variable_name: str, *, silent: bool = False, force: bool = False) -> None:
        """Take settings from the module that an environment variable names."""
        self._sources.append(lambda: _read_variable(variable_name, silent=silent))
        if force:
            self._configure()

    # Tasks

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(self, /, *, bind: Literal[True], **options: Any) -> BoundDecorator: ...

    @overload
    def task(self, /, *, bind: Literal[False] = False, **options: Any) -> Decorator: ...

    def task(self, function: Any = None, /, **options: Any) -> Any:
        """Make a task of a function; a decorator, with or without options.

        name: by default `module.function`. bind: the function gets the task itself as its first argument. base: a
        subclass of `Task`. Every other option is an attribute of the task; see `Task`.
        """
        if function is not None:
            return self.define(function)

        def decorate(decorated: Callable[..., Any]) -> Task[..., Any]:
            return self.define(decorated, **options)

        return decorate

    def define(self, function: Callable[..., Any], **options: Any) -> Task[..., Any]:
        """Make a task of a function, or return the one that was made of it before."""
        return self._registered(make_task(self, function, options))

    def register_task(self, task: Task[..., Any] | type[Task[..., Any]], **options: Any) -> Task[..., Any]:
        """Add an instance of a task class, or the class, to the app."""
        instance = task(**options) if isinstance(task, type) else task
        kind = type(instance)
        kind.app = self
        kind.name = kind.name or self.gen_task_name(kind.__name__, kind.__module__)
        kind.on_bound(self)
        return self._registered(instance)

    def gen_task_name(self, name: str, module: str | None) -> str:
        """Return the name of a task that says none; for subclasses to override."""
        return generated_name(self.main, name, module)

    @property
    def tasks(self) -> Registry:
        """Every task by name, the built-in and the shared ones too."""
        if not self.finalized:
            self.finalize()
        return self._registry

    def finalize(self) -> None:
        """Add built-in and shared tasks and annotations; done by itself when the tasks are first needed."""
        with self._finalizing:  # other threads wait; what is called from here comes back
            if self.finalized or self._begun:
                return
            self._begun = True
            define_builtins(self)
            for definition in current.shared_definitions():
                definition(self)
            annotate(self._registry.values(), self.conf.task_annotations)
            self.finalized = True
        self.on_after_finalize.send(sender=self, app=self)

    @property
    def Task(self) -> type[Task[..., Any]]:  # noqa: N802 - Celery's name
        """The class of the app's tasks."""
        return self.task_class

    @Task.setter
    def Task(self, task_class: type[Task[..., Any]]) -> None:  # noqa: N802
        self.task_class = task_class

    # Calling

    def send_task(
        self, name: str, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[Any]:
        """Call a task by name, whether this program has it or not."""
        plan, task_id = self._plan(name), options.get("task_id") or next_id()
        self.publishing.send(plan, task_id, args or (), kwargs or {}, options)
        return self._sent(plan, task_id, options)

    async def asend_task(
        self, name: str, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[Any]:
        """Do what `send_task` does without blocking the event loop."""
        plan, task_id = self._plan(name), options.get("task_id") or next_id()
        await self.publishing.asend(plan, task_id, args or (), kwargs or {}, options)
        return self._sent(plan, task_id, options)

    def call(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
    ) -> AsyncResult[Any]:
        """Call a task by name, as its own `apply_async` would where this program has it."""
        task = self.tasks.get(name)
        return task.apply_async(args, kwargs, **options) if task else self.send_task(name, args, kwargs, **options)

    async def acall(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
    ) -> AsyncResult[Any]:
        """Do what `call` does without blocking the event loop."""
        task = self.tasks.get(name)
        if task is not None:
            return await task.aapply_async(args, kwargs, **options)
        return await self.asend_task(name, args, kwargs, **options)

    def signature(self, task: Any, *args: Any, **kwargs: Any) -> Signature[Any]:
        """Return a signature that calls tasks of this app; see `canvas.signature`."""
        from ..canvas import signature

        return signature(task, *args, app=self, **kwargs)

    def add_child(self, result: AsyncResult[Any]) -> None:
        """Note that the task which is running here has called another."""
        request = calling_request()
        if request is not None and request.owner is not None and request.owner.trail:
            request.children = (*request.children, result)

    # Results

    def AsyncResult(self, id: str) -> AsyncResult[Any]:  # noqa: A002, N802 - Celery's names
        """Return the result of the task with that id."""
        return AsyncResult(id, app=self)

    def GroupResult(self, id: str, results: Iterable[AsyncResult[Any]] = ()) -> GroupResult:  # noqa: A002, N802
        """Return the results of a group."""
        return GroupResult(id, results, app=self)

    def ResultSet(self, results: Iterable[AsyncResult[Any]] = ()) -> ResultSet:  # noqa: N802 - Celery's name
        """Return results that are looked at together."""
        return ResultSet(results, app=self)

    @property
    def results(self) -> ResultStore:
        """The result store; raises `NoResultBackend` where there is none."""
        return self.connections.results(self.conf)

    backend = results

    def store_state(self, request: Request, state: str, value: Any) -> None:
        """Store a task's state, and wait until it is."""
        self.results.store([self.derived.writer.result(request, state, value)]).get()

    # Connections

    @property
    def transport(self) -> Transport:
        """The transport to the broker."""
        return self.connections.transport(self.conf, self.conf.broker_read_url)

    @property
    def publisher(self) -> Publisher:
        """What puts messages into the broker's queues."""
        return self.connections.publisher(self.conf)

    def close(self) -> None:
        """Close the app's connections, and the event loop of this thread; they open again when they are needed."""
        self.connections.close()
        self.coroutines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Nodes

    @property
    def components(self) -> Components:
        """What the nodes that run this app have beside, and instead of, their own parts."""
        if self._components is None:
            from ..components.components import Components  # publishing needs no supervisors

            self._components = Components()
        return self._components

    # Modules

    def autodiscover_tasks(
        self, packages: Packages, related_name: str | None = "tasks", *, force: bool = False
    ) -> None:
        """Import `package.tasks` of each package when a worker starts, or at once with `force`."""
        if force:
            import_related(packages, related_name)
        else:
            self._discoveries.append((packages, related_name))

    def import_modules(self) -> None:
        """Import what a worker needs: `include`, `imports` and what was discovered."""
        signals.import_modules.send(sender=self)
        for name in (*self.conf.imports, *self.conf.include):
            import_module(name)
        for packages, related_name in self._discoveries:
            import_related(packages, related_name)
        self.finalize()

    def set_current(self) -> None:
        """Make this the current app."""
        current.set_current(self)

    set_default = set_current

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return utc_now()

    @property
    def derived(self) -> Derived:
        """What follows from the settings as they are now."""
        conf = self.conf
        if self._derived is None or self._derived.version != conf.version:
            self._derived = Derived(self)
        return self._derived

    def _registered(self, task: Task[..., Any]) -> Task[..., Any]:
        check_rate(task)
        self._registry.register(task)
        if self.finalized:
            annotate((task,), self.conf.task_annotations)
        return task

    def _configure(self) -> None:
        sources, self._sources = self._sources, []
        self.on_configure.send(sender=self, app=self)
        for source in sources:
            self._conf.update({**source(), **self._given})
        self.on_after_configure.send(sender=self, app=self)

    def _plan(self, name: str) -> Plan:
        return self.publishing.plan(name, self.tasks.get(name))

    def _sent(self, plan: Plan, task_id: str, options: Mapping[str, Any]) -> AsyncResult[Any]:
        result = self.AsyncResult(task_id)
        if plan.ignores_result(options):
            result.ignored = True
        if options.get("add_to_parent", True):
            self.add_child(result)
        return result


def _read(obj: object, namespace: str | None, *, silent: bool) -> Mapping[str, Any]:
    try:
        return read_object(obj, namespace)
    except ImproperlyConfigured:
        if silent:
            return {}
        raise


def _read_variable(name: str, *, silent: bool) -> Mapping[str, Any]:
    if silent and not os.environ.get(name):
        return {}
    return _read(read_variable(name), None, silent=silent)
