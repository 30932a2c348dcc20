"""What a call may say beside the task's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, TypedDict

SignatureLike = Mapping[str, Any]
"""A signature, or its form as a dict, as it comes from a message."""


class RetryOptions(TypedDict, total=False):
    """Options of `Task.retry`: those of a call but for its moment.

    expires: seconds, or a moment. priority: 0 to 9, 9 first. link, link_error: called after it, with its result or when
    it fails. headers: the caller's own. time_limit, soft_time_limit: seconds. retry, retry_policy: of the publishing.
    add_to_parent: whether a task that calls it has it among its children.
    """

    task_id: str | None
    expires: float | timedelta | datetime | str | None
    queue: Any
    exchange: Any
    exchange_type: str | None
    routing_key: str | None
    priority: int | None
    serializer: str | None
    compression: str | None
    delivery_mode: int | str | None
    ignore_result: bool | None
    link: SignatureLike | list[Any] | None
    link_error: SignatureLike | list[Any] | None
    headers: Mapping[str, Any] | None
    shadow: str | None
    time_limit: float | None
    soft_time_limit: float | None
    retry: bool | None
    retry_policy: Mapping[str, Any] | None
    reply_to: str | None
    root_id: str | None
    parent_id: str | None
    group_id: str | None
    group_index: int | None
    chord: SignatureLike | None
    chain: list[Any] | None
    retries: int
    add_to_parent: bool
    argsrepr: str | None
    kwargsrepr: str | None
    replaced_task_nesting: int
    stamped_headers: list[str] | None


class CallOptions(RetryOptions, total=False):
    """Options of `apply_async` and of signatures, by Celery's names.

    countdown: seconds until it may run; eta: the moment instead.
    """

    countdown: float | None
    eta: datetime | str | None


KNOWN = CallOptions.__optional_keys__


def check_options(options: Mapping[str, Any]) -> None:
    """Raise `TypeError` for an option that no call has; `stamped_headers` says which are stamps."""
    if not options.keys() <= KNOWN:
        for name in sorted(options.keys() - KNOWN - {*(options.get("stamped_headers") or ())}):
            nearest = get_close_matches(name, KNOWN, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else "the caller's own values go into headers={...}"
            raise TypeError(f"a call has no option {name!r}: {hint}")
