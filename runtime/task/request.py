"""`Request`: what a running task knows about the call that started it."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ...transports.message import REVIVALS
from ..publishing.stamps import as_options

if TYPE_CHECKING:
    from ...transports.message import Publication
    from ..execution.casualties import Casualties
    from ..results.result import AsyncResult
    from .task import Task

EMPTY: Mapping[str, Any] = {}
NO_EMBED: Mapping[str, Any] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


class Request:
    """The context of one execution; `Task.request` while the task runs.

    message_headers, properties: those of the message, as they came. args, kwargs: the call's arguments.
    called_directly: the task was called like a function, and there is no message. is_eager: it was called by `apply`.
    children: results of what it has called. follow_ups, casualties, ended_chord: what its outcome is to carry beside
    its own end.
    """

    properties: Mapping[str, Any] = EMPTY
    queue: str = ""
    hostname: str = ""
    redelivered: bool = False
    is_eager: bool = False
    called_directly: bool = False
    entered: bool = False
    """The task's function has been called for this request."""
    outer: Request | None = None
    """The request in which the task was called, if it was called inside another one."""
    children: tuple[AsyncResult[Any], ...] = ()
    follow_ups: tuple[Publication, ...] = ()
    casualties: Casualties | None = None
    ended_chord: str | None = None
    added: int = 0
    """How many tasks it has added to its chord."""

    def __init__(
        self,
        owner: Task[..., Any] | None,
        headers: Mapping[str, Any] = EMPTY,
        args: Any = (),
        kwargs: Mapping[str, Any] = EMPTY,
        embed: Mapping[str, Any] = NO_EMBED,
    ) -> None:
        self.owner = owner
        self.message_headers = headers
        self.args = args
        self.kwargs = kwargs
        self.embed = embed

    def __repr__(self) -> str:
        return f"<Request {self.task}[{self.id}]>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return a header that the caller added; Celery's contexts have them as attributes."""
            try:
                return self.message_headers[name]
            except KeyError:
                raise AttributeError(f"{self!r} has no attribute or header {name!r}") from None

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute or header by name."""
        return getattr(self, name, default)

    @property
    def id(self) -> str:
        """The task's id, or "" where there is no message."""
        return self.message_headers.get("id", "")

    @property
    def task(self) -> str | None:
        """The task's name."""
        return self.message_headers.get("task") or (self.owner.name if self.owner else None)

    @property
    def attempt(self) -> str:
        """What tells the runs of a task apart.

        An id is called again for each retry, by what replaces it, when its dead letter is sent again, and by a caller
        who sends a frozen signature twice: where messages have a tag of their own (Redis), that tells the last.
        """
        told = (self.message_headers.get(REVIVALS), self.properties.get("delivery_tag"))
        return "/".join(
            [f"{self.id}/{self.retries}/{self.replaced_task_nesting}", *(str(one) for one in told if one is not None)]
        )

    @property
    def shadow(self) -> str | None:
        """The name that it goes by in logs, if that is another one."""
        return self.message_headers.get("shadow")

    @property
    def retries(self) -> int:
        """How often it has been tried again."""
        return self.message_headers.get("retries") or 0

    @property
    def eta(self) -> str | None:
        """The earliest moment at which it may run, in ISO 8601."""
        return self.message_headers.get("eta")

    @property
    def expires(self) -> str | None:
        """The moment after which it is not to run, in ISO 8601."""
        return self.message_headers.get("expires")

    @property
    def timelimit(self) -> tuple[float | None, float | None]:
        """The hard and the soft time limit of this call, in seconds."""
        hard, soft = self.message_headers.get("timelimit") or (None, None)
        return hard, soft

    @property
    def time_limit(self) -> float | None:
        """The hard time limit of this call, in seconds."""
        return self.timelimit[0]

    @property
    def soft_time_limit(self) -> float | None:
        """The soft time limit of this call, in seconds."""
        return self.timelimit[1]

    @property
    def root_id(self) -> str | None:
        """Id of the task that the whole workflow began with."""
        return self.message_headers.get("root_id")

    @property
    def parent_id(self) -> str | None:
        """Id of the task that called this one."""
        return self.message_headers.get("parent_id")

    @property
    def group(self) -> str | None:
        """Id of the group that it is a member of."""
        return self.message_headers.get("group")

    @property
    def group_index(self) -> int | None:
        """Its place in that group."""
        return self.message_headers.get("group_index")

    @property
    def ignore_result(self) -> bool:
        """Its result is not stored: by what the message says, else by the task's own option."""
        said = self.message_headers.get("ignore_result")
        if said is None:  # a caller that does not have the task cannot know
            return bool(self.owner and self.owner.ignore_result)
        return bool(said)

    @property
    def origin(self) -> str | None:
        """The process that called it: pid@host."""
        return self.message_headers.get("origin")

    @property
    def argsrepr(self) -> str | None:
        """The positional arguments, as shown to people."""
        return self.message_headers.get("argsrepr")

    @property
    def kwargsrepr(self) -> str | None:
        """The keyword arguments, as shown to people."""
        return self.message_headers.get("kwargsrepr")

    @property
    def replaced_task_nesting(self) -> int:
        """How often it has been replaced by another task."""
        return self.message_headers.get("replaced_task_nesting") or 0

    @property
    def stamped_headers(self) -> list[str] | None:
        """Names of the headers that were stamped on the call."""
        return self.message_headers.get("stamped_headers")

    @property
    def stamps(self) -> Mapping[str, Any]:
        """The stamps by name."""
        return self.message_headers.get("stamps") or EMPTY

    @property
    def utc(self) -> bool:
        """Times of this request are UTC."""
        return True

    @property
    def reply_to(self) -> str | None:
        """Where the caller waits for an answer, if its result store needs to know."""
        return self.properties.get("reply_to")

    @property
    def correlation_id(self) -> str | None:
        """The task's id, as the broker knows it."""
        return self.properties.get("correlation_id")

    @property
    def delivery_info(self) -> dict[str, Any]:
        """Where the message was found: exchange, routing_key, priority, redelivered."""
        known = self.properties.get("delivery_info") or EMPTY
        return {
            "exchange": known.get("exchange", ""),
            "routing_key": known.get("routing_key") or self.queue,
            "priority": self.properties.get("priority"),
            "redelivered": self.redelivered,
        }

    @property
    def headers(self) -> dict[str, Any] | None:
        """The caller's own headers, which `apply_async(headers=...)` takes; None where there are none."""
        own = self._own_headers()
        own.pop(REVIVALS, None)
        return own or None

    def _own_headers(self) -> dict[str, Any]:
        return {name: value for name, value in self.message_headers.items() if name not in STANDARD_HEADERS}

    def execution_options(self) -> dict[str, Any]:
        """Return the options that would call the task again just as it was called."""
        hard, soft = self.timelimit
        options: dict[str, Any] = {
            "task_id": self.id,
            "root_id": self.root_id,
            "parent_id": self.parent_id,
            "group_id": self.group,
            "group_index": self.group_index,
            "shadow": self.shadow,
            "chord": self.chord,
            "chain": self.chain,
            "link": self.callbacks,
            "link_error": self.errbacks,
            "expires": self.expires,
            "time_limit": hard,
            "soft_time_limit": soft,
            "headers": self._own_headers(),
            "retries": self.retries,
            "reply_to": self.reply_to,
            "priority": self.properties.get("priority"),
            "ignore_result": self.ignore_result,
            "replaced_task_nesting": self.replaced_task_nesting,
            **as_options(self.stamped_headers, self.stamps),
        }
        return {name: value for name, value in options.items() if value not in (None, EMPTY)}

    as_execution_options = execution_options

    @property
    def callbacks(self) -> list[dict[str, Any]] | None:
        """Signatures to call with its result."""
        return self.embed.get("callbacks")

    @property
    def errbacks(self) -> list[dict[str, Any]] | None:
        """Signatures to call when it fails."""
        return self.embed.get("errbacks")

    @property
    def chain(self) -> list[dict[str, Any]] | None:
        """What is left of its chain, the next one last."""
        return self.embed.get("chain")

    @property
    def chord(self) -> dict[str, Any] | None:
        """The body of the chord whose header it is in."""
        return self.embed.get("chord")


STANDARD_HEADERS = frozenset(
    {
        "lang",
        "task",
        "id",
        "shadow",
        "eta",
        "expires",
        "group",
        "group_index",
        "retries",
        "timelimit",
        "root_id",
        "parent_id",
        "argsrepr",
        "kwargsrepr",
        "origin",
        "ignore_result",
        "replaced_task_nesting",
        "stamped_headers",
        "stamps",
        "compression",
    }
)
_current: ContextVar[Request | None] = ContextVar("understudy_request", default=None)


def current_request() -> Request | None:
    """Return the innermost request that is running here, or None outside of tasks."""
    return _current.get()


def calling_request() -> Request | None:
    """Return the innermost request that has an id: the parent of what is called from here."""
    request = _current.get()
    while request is not None and request.called_directly:
        request = request.outer
    return request


class running:  # noqa: N801 - reads as a word: `with running(request):`
    """Make `request` the current one within the block."""

    __slots__ = ("_request", "_token")

    def __init__(self, request: Request) -> None:
        self._request = request

    def __enter__(self) -> Request:
        self._request.outer = _current.get()
        self._token = _current.set(self._request)
        return self._request

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
