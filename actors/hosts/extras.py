"""Libraries that only those need who use them already."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any


def library(name: str) -> Any:
    """Import a library; raises `ModuleNotFoundError` that says how to install it."""
    package = name.partition(".")[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # eventlet asks everybody to leave it: whoever comes here knows
            import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        advice = f"its host needs the package {package}: pip install 'understudy[{package}]'"
        raise ModuleNotFoundError(advice, name=package) from error
    return import_module(name)
