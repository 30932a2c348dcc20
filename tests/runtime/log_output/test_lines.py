"""Lines of the log, and output that becomes lines."""

from __future__ import annotations

import io
import logging

import pytest

from understudy import App, Task
from understudy.runtime.log import TASK_LOGGER
from understudy.runtime.log_output.lines import LineFormatter
from understudy.runtime.log_output.stream import LogStream
from understudy.runtime.task.request import Request, running


def record(name: str, level: int = logging.INFO, message: str = "said") -> logging.LogRecord:
    return logging.LogRecord(name, level, "file.py", 1, message, (), None)


@pytest.fixture
def formatter() -> LineFormatter:
    return LineFormatter(
        "%(processName)s: %(message)s", "%(task_name)s[%(task_id)s]: %(message)s", "Main", colored=False
    )


@pytest.fixture
def task() -> Task[[], None]:
    app = App("lines", broker="memory://", set_as_current=False)

    @app.task(name="lines.work")
    def work() -> None: ...

    return work


def test_a_line_names_its_process(formatter: LineFormatter) -> None:
    assert formatter.format(record("understudy.runtime.node")) == "Main: said"


def test_what_a_task_logs_names_the_task_whoever_logs_it(formatter: LineFormatter, task: Task[[], None]) -> None:
    with running(Request(task, {"id": "one", "task": "lines.work"})):
        assert formatter.format(record("a.library")) == "lines.work[one]: said"
        assert formatter.format(record(TASK_LOGGER)) == "Main: said"


def test_colours_show_the_level() -> None:
    colored = LineFormatter("%(message)s", "%(message)s", "Main", colored=True)
    assert colored.format(record("x", logging.INFO)) == "said"
    assert colored.format(record("x", logging.ERROR)) == "\033[31msaid\033[0m"


class Kept(logging.Handler):
    """A handler that keeps messages, and prints to the stream that it is the sink of."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        self.stream: LogStream | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        if self.stream is not None:
            self.stream.write("from the handler\n")


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def logger(kept: Kept) -> logging.Logger:
    logger = logging.Logger("redirected")  # noqa: LOG001 - of this test alone
    logger.addHandler(kept)
    return logger


def test_printed_lines_are_logged_one_by_one_without_the_blank_ones(logger: logging.Logger, kept: Kept) -> None:
    stream = LogStream(logger, logging.WARNING, io.StringIO())
    print("one\n\n  two  ", file=stream)
    assert kept.messages == ["one", "  two"]


def test_what_a_handler_prints_does_not_come_back_to_it(logger: logging.Logger, kept: Kept) -> None:
    fallback = io.StringIO()
    kept.stream = LogStream(logger, logging.WARNING, fallback)
    print("one", file=kept.stream)
    assert kept.messages == ["one"]
    assert fallback.getvalue() == "from the handler\n"
