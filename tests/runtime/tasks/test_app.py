"""An app names its tasks, knows them all, and finds where its messages go."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from understudy.runtime import signals
from understudy.runtime.app.app import App
from understudy.runtime.app.proxies import current_app, current_task
from understudy.runtime.app.shared import shared_task
from understudy.runtime.canvas import signature
from understudy.runtime.exceptions import AlreadyRegistered, AppNotFound, NoResultBackend, NotRegistered
from understudy.runtime.task.task import Task

from .pumping import Pump

PATIENCE = 5.0
BUILT_IN = {
    "celery.accumulate",
    "celery.backend_cleanup",
    "celery.chain",
    "celery.chord",
    "celery.chord_unlock",
    "celery.chunks",
    "celery.group",
    "celery.map",
    "celery.starmap",
}


def test_a_task_is_named_by_its_module_and_function(app: App) -> None:
    @app.task
    def named() -> None: ...

    assert named.name == f"{__name__}.named"
    assert app.tasks[named.name] is named


@pytest.mark.parametrize(("main", "name"), [("proj", "proj.f"), (None, "__main__.f")])
def test_a_task_of_the_main_module_is_named_by_its_app(main: str | None, name: str) -> None:
    app = App(main, set_as_current=False)
    for module in ("__main__", "__mp_main__"):
        assert app.gen_task_name("f", module) == name


def test_an_app_may_name_its_tasks_in_its_own_way() -> None:
    class Terse(App):
        def gen_task_name(self, name: str, module: str | None) -> str:
            return name

    app = Terse("x", set_as_current=False)

    @app.task
    def short() -> None: ...

    assert short.name == "short"


def test_every_app_has_the_built_in_tasks(app: App) -> None:
    assert set(app.tasks) >= BUILT_IN
    assert app.tasks.regular().keys() & BUILT_IN == set()


def test_an_unknown_task_is_a_clear_error(app: App) -> None:
    with pytest.raises(NotRegistered, match=r"'no\.task' is not registered"):
        app.tasks["no.task"]
    with pytest.raises(NotRegistered):
        app.tasks.unregister("no.task")


def test_two_tasks_of_one_name_are_refused(app: App) -> None:
    @app.task(name="same")
    def one() -> None: ...

    with pytest.raises(AlreadyRegistered, match="same"):

        @app.task(name="same")
        def other() -> None: ...


def test_a_function_that_is_defined_again_takes_its_own_place(app: App) -> None:
    def define(value: int) -> Task[..., Any]:
        @app.task(name="again")
        def again() -> int:
            return value

        return again

    define(1)
    assert define(2)() == 2
    assert app.tasks["again"]() == 2


def test_any_other_option_is_an_attribute_of_the_task(app: App) -> None:
    @app.task(my_own="value", rate_limit="10/m")
    def custom() -> None: ...

    assert (custom.my_own, custom.rate_limit) == ("value", "10/m")


def test_a_slip_in_an_option_is_refused(app: App) -> None:
    with pytest.raises(TypeError, match="did you mean 'acks_late'"):

        @app.task(ack_late=True)
        def slip() -> None: ...


def test_options_come_from_the_settings_unless_a_task_says_otherwise(app: App) -> None:
    @app.task
    def plain() -> None: ...

    @app.task(acks_late=False)
    def early() -> None: ...

    assert (plain.acks_late, early.acks_late, plain.ignore_result) == (True, False, False)
    app.conf.task_ignore_result = True
    assert plain.ignore_result


def test_a_class_of_tasks_is_registered_by_its_instance(app: App, pump: Pump) -> None:
    class Multiply(Task[..., int]):
        name = "multiply"

        def __init__(self) -> None:
            self.calls = 0

        def run(self, x: int, y: int) -> int:
            self.calls += 1
            return x * y * self.calls

    multiply = app.register_task(Multiply())
    result = multiply.delay(2, 3)
    pump.run()
    assert result.get(timeout=PATIENCE) == 6
    assert app.register_task(type("Other", (Task,), {"__module__": "m"})).name == "m.Other"


def test_annotations_are_laid_on_tasks(app: App) -> None:
    app.conf.task_annotations = [{"*": {"rate_limit": "1/s"}, "proj.two": {"rate_limit": "2/s", "max_retries": 9}}]

    @app.task(name="proj.one")
    def one() -> None: ...

    @app.task(name="proj.two")
    def two() -> None: ...

    assert [app.tasks[name].rate_limit for name in ("proj.one", "proj.two")] == ["1/s", "2/s"]
    assert two.max_retries == 9


def test_an_object_may_annotate_tasks(app: App) -> None:
    class Annotator:
        def annotate_any(self) -> dict[str, Any]:
            return {"rate_limit": "1/s"}

        def annotate(self, task: Task[..., Any]) -> dict[str, Any] | None:
            return {"max_retries": 7} if task.name == "proj.one" else None

    app.conf.task_annotations = [Annotator]

    @app.task(name="proj.one")
    def one() -> None: ...

    assert (app.tasks["proj.one"].rate_limit, one.max_retries) == ("1/s", 7)


def test_a_task_that_is_made_late_is_annotated_too(app: App) -> None:
    app.conf.task_annotations = {"*": {"rate_limit": "1/s"}}
    assert app.tasks

    @app.task
    def late() -> None: ...

    assert late.rate_limit == "1/s"


def test_threads_that_need_the_tasks_first_find_them_all(app: App) -> None:
    seen: list[int] = []
    start = threading.Barrier(8)

    def look() -> None:
        start.wait(PATIENCE)
        seen.append(len(app.tasks))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_a_shared_task_belongs_to_every_app() -> None:
    first = App("first", broker="memory://shared-first")

    @shared_task(bind=True, name="lib.who")
    def who(self: Task[..., Any]) -> str:
        return str(self.app.main)

    second = App("second", broker="memory://shared-second")
    assert first.tasks["lib.who"]() == "first"
    assert who() == "second"
    first.set_current()
    assert who() == "first"
    assert who.s().apply().get() == "first"
    assert second.tasks["lib.who"].name == who.name


def test_the_current_app_is_the_last_one_that_was_made() -> None:
    made = App("made", broker="memory://current")
    App("aside", set_as_current=False)
    assert current_app == made
    assert current_app.main == "made"
    assert signature("x").app is made


def test_without_an_app_there_is_one_with_defaults() -> None:
    assert current_app.main == "default"


def test_inside_a_task_its_own_app_and_task_are_current(app: App, pump: Pump) -> None:
    App("other", broker="memory://other")

    @app.task
    def look() -> list[Any]:
        return [current_app.main, current_task.name if current_task else None]

    result = look.delay()
    pump.run()
    assert result.get(timeout=PATIENCE) == ["proj", look.name]
    assert not current_task


def test_a_task_is_pickled_by_name(app: App) -> None:
    @app.task
    def named() -> None: ...

    assert pickle.loads(pickle.dumps(named)) is named
    app.main = "gone"
    with pytest.raises(AppNotFound, match="proj"):
        pickle.loads(pickle.dumps(named).replace(b"gone", b"proj"))


def test_a_worker_imports_what_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("included", "imported", "package_a/__init__", "package_a/tasks", "package_b/__init__"):
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text("from understudy import shared_task\n@shared_task\ndef task(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    heard: list[Any] = []
    signals.import_modules.connect(lambda **_: heard.append("importing"), weak=False, dispatch_uid="test")
    app = App("x", include=["included"], imports=["imported"], set_as_current=False)
    app.autodiscover_tasks(["package_a", "package_b", "no_such_package"])
    app.import_modules()
    signals.import_modules.disconnect(dispatch_uid="test")
    assert {"included.task", "imported.task", "package_a.tasks.task"} <= app.tasks.keys()
    assert heard == ["importing"]


def test_an_app_without_a_broker_has_a_file_of_its_own(tmp_path: Path, own_home: Path) -> None:
    program = "from understudy import App\nprint(App({name!r}).transport.url)\n"
    urls: list[str] = []
    for folder, name, cwd in [("a", "app", "a"), ("a", "app", "."), ("b", "app", "b"), ("a", "other", "a")]:
        (tmp_path / folder).mkdir(exist_ok=True)
        file = tmp_path / folder / f"{name}.py"
        file.write_text(program.format(name=name))
        run = subprocess.run([sys.executable, file], cwd=tmp_path / cwd, capture_output=True, text=True, check=True)
        urls.append(run.stdout.strip())
    assert urls[0] == urls[1]
    assert len(set(urls)) == 3
    assert all(url.startswith("sqlite:///") for url in urls)


def test_each_broker_has_its_default_result_store(app: App) -> None:
    assert app.connections.keeps_results(app.conf)
    other = App("x", broker="amqp://nowhere", set_as_current=False)
    with pytest.raises(NoResultBackend, match="amqp:// keeps none by itself"):
        other.AsyncResult("1").get()
    other.conf.result_backend = "memory://results"
    assert other.AsyncResult("1").state == "PENDING"


def test_the_end_of_finalising_is_announced(app: App) -> None:
    heard: list[Any] = []
    app.on_after_finalize.connect(lambda sender, **_: heard.append(sender), weak=False)
    assert app.tasks
    app.finalize()
    assert heard == [app]


def test_importing_the_package_costs_little() -> None:
    code = "import sys, understudy; print(len(sys.modules)); print('kombu' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split()[1] == "False"


def test_an_app_that_publishes_does_not_import_kombu() -> None:
    code = (
        "import sys; from understudy import App; app = App('x', broker='memory://')\n"
        "app.task(name='t')(lambda x: x).delay(1)\n"
        "print([name for name in ('kombu', 'celery', 'click', 'rich') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
