"""An app whose broker is in this process, and what runs its tasks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from understudy.runtime.app import current
from understudy.runtime.app.app import App

from .pumping import Pump


@pytest.fixture
def app(request: pytest.FixtureRequest) -> Iterator[App]:
    """An app named `proj`, with a broker that no other test has."""
    made = App("proj", broker=f"memory://{request.node.name.replace('[', '-').replace(']', '')}")
    yield made
    made.close()


@pytest.fixture
def pump(app: App) -> Iterator[Pump]:
    """What runs the app's tasks."""
    made = Pump(app)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def current_app_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own current app and shared tasks."""
    monkeypatch.setattr(current, "_apps", type(current._apps)())
