"""What a task logs says which task it was."""

from __future__ import annotations

import logging

import pytest

from understudy.runtime.app.app import App
from understudy.runtime.log import TaskContext, TaskFormatter, get_task_logger

from .pumping import Pump

FORMAT = "%(task_name)s[%(task_id)s]: %(message)s"


class Kept(logging.Handler):
    """Keeps formatted records."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def kept() -> Kept:
    return Kept(TaskFormatter(FORMAT))


def test_records_of_a_task_logger_carry_its_id_and_name(app: App, pump: Pump, kept: Kept) -> None:
    logger = get_task_logger("proj.tasks")
    kept.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)

    @app.task(name="proj.speak")
    def speak() -> None:
        logger.info("hello")

    speak.apply_async(task_id="one")
    pump.run()
    logger.info("outside")
    logger.removeHandler(kept)
    assert kept.lines == ["proj.speak[one]: hello", "???[???]: outside"]


def test_records_of_other_libraries_get_them_from_the_formatter_or_a_filter(app: App, pump: Pump, kept: Kept) -> None:
    library = logging.getLogger("a.library")
    filtered = Kept(logging.Formatter(FORMAT))
    filtered.addFilter(TaskContext())
    library.addHandler(kept)
    library.addHandler(filtered)
    library.propagate = False

    @app.task(name="proj.speak")
    def speak() -> None:
        library.warning("hello")

    speak.apply_async(task_id="one")
    pump.run()
    assert kept.lines == filtered.lines == ["proj.speak[one]: hello"]


def test_task_loggers_hang_below_one_logger() -> None:
    assert get_task_logger("some.module").parent is logging.getLogger("understudy.task")
    again = get_task_logger("some.module")
    assert sum(isinstance(known, TaskContext) for known in again.filters) == 1


def test_the_root_logger_is_left_alone() -> None:
    before = (logging.root.handlers[:], logging.root.filters[:], logging.root.level)
    get_task_logger("another.module")
    assert (logging.root.handlers, logging.root.filters, logging.root.level) == before
    with pytest.raises(ValueError, match="get_task_logger"):
        get_task_logger("root")


def test_an_expected_error_is_logged_without_its_traceback(
    app: App, pump: Pump, caplog: pytest.LogCaptureFixture
) -> None:
    @app.task(throws=(LookupError,))
    def fail(expected: bool) -> None:
        raise LookupError("gone") if expected else OSError("broken")

    caplog.set_level(logging.INFO, "understudy.task")
    fail.delay(True)
    fail.delay(False)
    pump.run()
    expected, unexpected = (record for record in caplog.records if "raised" in record.message)
    assert (expected.levelname, "Traceback" in expected.message) == ("INFO", False)
    assert (unexpected.levelname, "Traceback" in unexpected.message) == ("ERROR", True)
