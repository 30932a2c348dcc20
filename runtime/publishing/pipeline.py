"""`Publishing`: the one way from a call to a queue."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from .. import signals
from .confirm import RetryPolicy, apublish, publish
from .gathering import Gathering, current_gathering, gathering
from .message import Draft, compose, seal
from .options import check_options
from .origin import Origin
from .plan import Plan

if TYPE_CHECKING:
    from ..app.app import App
    from ..task.task import Task


class Publishing:
    """Makes and sends an app's messages: plan, compose, signal, seal, send, confirm."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._plans: dict[str, Plan] = {}
        self.origin: Origin = Origin()

    def plan(self, name: str, task: Task[..., Any] | None = None) -> Plan:
        """Return the plan of a task by the settings as they are now."""
        plan = self._plans.get(name)
        if plan is None or plan.version != self._app.conf.version or plan.task is not task:
            plan = self._plans[name] = Plan(self._app, name, task)
        return plan

    def send(self, plan: Plan, task_id: str, args: Any, kwargs: Any, options: Mapping[str, Any]) -> None:
        """Send one call, or hand it to the gathering that is open.

        Raises `TypeError` for unknown options, `EncodeError` for arguments that the serializer has no form for, and
        `BrokerUnavailable`, in bounded time, when the broker has not confirmed it.
        """
        draft = self._draft(plan, task_id, args, kwargs, options)
        listener = self._app.connections.listener(self._app.conf)
        if listener is not None and not draft.headers["ignore_result"]:
            listener.listen(self.origin.reply_to).get()
        publication = seal(draft)
        gathered = current_gathering()
        if gathered is not None:
            gathered.publications.append(publication)
        else:
            publish(self._app.publisher, (publication,), _policy(plan, options))
        if signals.after_task_publish:
            _announce_sent(draft)

    async def asend(self, plan: Plan, task_id: str, args: Any, kwargs: Any, options: Mapping[str, Any]) -> None:
        """Do what `send` does without blocking the event loop."""
        draft = self._draft(plan, task_id, args, kwargs, options)
        listener = self._app.connections.listener(self._app.conf)
        if listener is not None and not draft.headers["ignore_result"]:
            await listener.listen(self.origin.reply_to)
        publication = seal(draft)
        gathered = current_gathering()
        if gathered is not None:
            gathered.publications.append(publication)
        else:
            await apublish(self._app.publisher, (publication,), _policy(plan, options))
        if signals.after_task_publish:
            _announce_sent(draft)

    @contextmanager
    def batch(self) -> Generator[None]:
        """Send what is called within the block at its end, in one batch; within another batch, with that one."""
        if current_gathering() is not None:
            yield
            return
        with gathering() as gathered:
            yield
        self.flush(gathered)

    def flush(self, gathered: Gathering) -> None:
        """Send what was gathered."""
        self.tell_sizes(gathered)
        if gathered.publications:
            publish(self._app.publisher, gathered.publications, RetryPolicy.of(self._app.conf))

    @asynccontextmanager
    async def abatch(self) -> AsyncGenerator[None]:
        """Do what `batch` does without blocking the event loop."""
        if current_gathering() is not None:
            yield
            return
        with gathering() as gathered:
            yield
        for group_id, size in self._sizes_to_tell(gathered):
            await self._app.results.set_chord_size(group_id, size)
        if gathered.publications:
            await apublish(self._app.publisher, gathered.publications, RetryPolicy.of(self._app.conf))

    def tell_sizes(self, gathered: Gathering) -> None:
        """Tell the result store how many parts each chord has that is about to be sent."""
        for group_id, size in self._sizes_to_tell(gathered):
            self._app.results.set_chord_size(group_id, size).get()

    def _sizes_to_tell(self, gathered: Gathering) -> list[tuple[str, int]]:
        """Return the sizes that the parts will not tell: those of a store that stock Celery's workers may use too.

        Raises `NoResultBackend` for a chord where there is no store to count its parts.
        """
        app = self._app
        if not gathered.chord_sizes or (app.results and not app.connections.is_shared(app.conf)):
            return []
        return gathered.chord_sizes

    def _draft(self, plan: Plan, task_id: str, args: Any, kwargs: Any, options: Mapping[str, Any]) -> Draft:
        if options:
            check_options(options)
        draft = compose(plan, self.origin, task_id, args, kwargs, options, self._app.derived.zone)
        if signals.before_task_publish:
            _announce(plan, draft)
        return draft


def _policy(plan: Plan, options: Mapping[str, Any]) -> RetryPolicy:
    retry, changes = options.get("retry"), options.get("retry_policy")
    return plan.retry if retry is None and changes is None else plan.retry.with_options(retry=retry, changes=changes)


def _announce(plan: Plan, draft: Draft) -> None:
    signals.before_task_publish.send(
        sender=plan.name,
        body=(draft.args, draft.kwargs, draft.embed),
        exchange=draft.exchange,
        routing_key=draft.routing_key,
        headers=draft.headers,
        properties=draft.properties,
        declare=[],
        retry_policy=plan.retry,
    )


def _announce_sent(draft: Draft) -> None:
    signals.after_task_publish.send(
        sender=draft.headers["task"],
        body=(draft.args, draft.kwargs, draft.embed),
        exchange=draft.exchange,
        routing_key=draft.routing_key,
        headers=draft.headers,
    )
