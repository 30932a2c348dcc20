"""An app's client side in the test process, on the fleet's broker."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from .fleet import Fleet


@pytest.fixture
def chaos_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The app's module, imported anew for this test's broker and ledger."""
    for name, value in Fleet(tmp_path).environment.items():
        monkeypatch.setenv(name, value)
    module = importlib.reload(importlib.import_module("tests.chaos.app"))
    yield module
    module.app.close()
