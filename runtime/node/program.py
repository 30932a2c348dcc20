"""What a pool process of a node runs: finds the app again and makes its executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..app.app import App
    from ..pool.program import Executor

LOADER = f"{__name__}:load"


class AppProgram:
    """Makes the executor of an app in a new pool process."""

    def __init__(self, app: App) -> None:
        self._app = app

    def before_fork(self) -> None:
        """Let the app get ready, in the forkserver, to be copied."""
        from .. import signals

        signals.worker_before_create_process.send(sender=self._app)

    def __call__(self, hostname: str) -> Executor:
        from .. import signals
        from ..execution.executor import Executor
        from ..log_output import set_up_pool_process

        set_up_pool_process(self._app.conf)
        signals.worker_process_init.send(sender=None)
        return Executor(self._app, hostname)


class SoloProgram:
    """Makes the executor of an app whose tasks run in the node's own process."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, hostname: str) -> Executor:
        from .. import signals
        from ..execution.executor import Executor
        from ..log_output import set_up_solo_pool

        set_up_solo_pool(self._app.conf)
        signals.worker_process_init.send(sender=None)
        return Executor(self._app, hostname)


def load(address: str) -> AppProgram:
    """Import the app at `module:attribute` with the modules of its tasks, and return what makes an executor for it."""
    from ..app.finding import find_app, import_tasks

    app = find_app(address).app
    import_tasks(app, address)
    return AppProgram(app)
