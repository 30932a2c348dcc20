"""Who sets up the log of a process, and with what."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from understudy.runtime import signals
from understudy.runtime.log_output import LogOptions, set_up, set_up_pool_process
from understudy.runtime.log_output.options import VARIABLE, published_options
from understudy.runtime.settings import Settings


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """The root logger, without handlers; afterwards it is what it was."""
    monkeypatch.delenv(VARIABLE, raising=False)
    logger = logging.getLogger()
    level, handlers = logger.level, logger.handlers[:]
    logger.handlers.clear()
    yield logger
    for handler in logger.handlers:
        handler.close()
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_records_of_every_logger_go_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    set_up(Settings({}), LogOptions("INFO", str(path)))
    logging.getLogger("somebody.else").info("hello")
    logging.getLogger("somebody.else").debug("not this")
    assert path.read_text().endswith(": INFO/MainProcess] hello\n")


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    set_up(Settings({}), LogOptions("INFO", str(path)))
    logging.getLogger("x").info("first")
    path.rename(tmp_path / "log.1")
    logging.getLogger("x").info("second")
    assert path.read_text().endswith("second\n")


def test_handlers_are_replaced_unless_the_root_logger_is_to_be_left(root: logging.Logger) -> None:
    own = logging.NullHandler()
    root.addHandler(own)
    set_up(Settings({"UNDERSTUDY_WORKER_HIJACK_ROOT_LOGGER": "no"}), LogOptions())
    assert own in root.handlers
    set_up(Settings({}), LogOptions())
    assert own not in root.handlers


def test_receivers_of_setup_logging_see_to_all_of_it(root: logging.Logger) -> None:
    told: dict[str, Any] = {}
    before = root.handlers[:]

    def receive(**values: Any) -> None:
        told.update(values)

    signals.setup_logging.connect(receive)
    try:
        set_up(Settings({}), LogOptions("INFO", "/a/file"))
    finally:
        signals.setup_logging.disconnect(receive)
    assert (told["loglevel"], told["logfile"], told["colorize"]) == (logging.INFO, "/a/file", False)
    assert root.handlers == before


def test_a_pool_process_without_a_command_line_above_it_is_left_alone(root: logging.Logger) -> None:
    before = root.handlers[:]
    set_up_pool_process(Settings({}))
    assert root.handlers == before


def test_options_reach_pool_processes_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")  # so that it is restored
    options = LogOptions("DEBUG", "/a/file", color=False)
    options.publish()
    assert published_options() == options
