"""Sets up the log of this process."""

from __future__ import annotations

import logging
import os
import sys
from logging.handlers import WatchedFileHandler
from typing import TYPE_CHECKING, Any, cast

from .. import signals
from ..log import TASK_LOGGER
from .lines import LineFormatter
from .options import LogOptions, published_options
from .stream import LogStream

if TYPE_CHECKING:
    from io import TextIOBase

    from ..settings import Settings

REDIRECTED = "understudy.redirected"


def set_up(conf: Settings, options: LogOptions, process: str = "MainProcess") -> None:
    """Send every record of this process to where `options` say.

    Receivers of the signal `setup_logging` see to all of it themselves; those of `after_setup_logger` and
    `after_setup_task_logger` may add to it. Raises `OSError` where the log file cannot be opened.
    """
    said = {
        "loglevel": _number(options.level),
        "logfile": options.file,
        "format": conf.worker_log_format,
        "colorize": options.colored(),
    }
    if signals.setup_logging.send(sender=None, **said):
        return
    root, tasks = logging.getLogger(), logging.getLogger(TASK_LOGGER)
    if conf.worker_hijack_root_logger:
        root.handlers.clear()
    root.addHandler(_handler(conf, options, process))
    root.setLevel(options.level)
    signals.after_setup_logger.send(sender=None, logger=root, **said)
    signals.after_setup_task_logger.send(sender=None, logger=tasks, **said)


def set_up_pool_process(conf: Settings) -> None:
    """Set up a pool process as the command line that started its node said; does nothing without one."""
    options = published_options()
    if options is not None:
        set_up(conf, options, f"Pool-{os.getpid()}")
        redirect_output(conf)


def set_up_solo_pool(conf: Settings) -> None:
    """Let tasks that run in the node's own process print to the log that the command line has set up, if it has."""
    if published_options() is not None:
        redirect_output(conf)


def redirect_output(conf: Settings) -> None:
    """Let what tasks print go to the log, unless the settings say otherwise."""
    if conf.worker_redirect_stdouts:
        logger, level = logging.getLogger(REDIRECTED), _number(conf.worker_redirect_stdouts_level)
        sys.stdout = _redirected(logger, level, sys.__stdout__)
        sys.stderr = _redirected(logger, level, sys.__stderr__)


def _redirected(logger: logging.Logger, level: int, stream: object) -> Any:
    return LogStream(logger, level, cast("TextIOBase", stream))


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level]


def _handler(conf: Settings, options: LogOptions, process: str) -> logging.Handler:
    if options.file is not None:
        handler: logging.Handler = WatchedFileHandler(options.file, encoding="utf-8")
    else:
        handler = logging.StreamHandler(sys.__stderr__)
    colored = options.colored()
    handler.setFormatter(LineFormatter(conf.worker_log_format, conf.worker_task_log_format, process, colored=colored))
    return handler
