"""Settings of the app as a whole."""

from __future__ import annotations

from .setting import setting


class GeneralSettings:
    """What belongs to no single part."""

    accept_content: list[str] = setting(
        ["json"], "Serializers (or content types) of messages that a worker reads; everything else is refused."
    )
    result_accept_content: list[str] | None = setting(
        None, "The same for results; by default what accept_content says."
    )
    enable_utc: bool = setting(True, "Times on the wire are UTC; a naive eta is read as UTC.")
    timezone: str | None = setting(
        None, "The app's time zone, by its IANA name; by default UTC, or local without enable_utc."
    )
    imports: list[str] = setting([], "Modules that a worker imports at start.", old="CELERY_IMPORTS")
    include: list[str] = setting([], "Modules that a worker imports at start, beside `imports`.", old="CELERY_INCLUDE")
