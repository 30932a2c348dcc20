"""Whatever is wrong with what was typed is said in one line, with an exit code, and without a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .shell import Done, Shell

MODULES = {
    "noapp.py": "value = 1\n",
    "broken.py": "import os\nimport there_is_no_such_module\n",
    "wrong.py": "\n\nvalue = 1 / 0\n",
    "syntax.py": "def f(:\n",
    "leaves.py": "import sys\nsys.exit(5)\n",
    "function.py": "def app():\n    pass\n",
    "stock.py": "import celery\napp = celery.Celery('x')\n",
    "setting.py": "from understudy import App\napp = App('x', task_defualt_queue='mail')\n",
    "lazy.py": "from understudy import App\napp = App('x', include=['wrong'])\n",
}

APPS = [
    ("nowhere", "there is no module 'nowhere' in "),
    ("proj.nowhere", "there is no module 'proj.nowhere' in "),
    ("proj:nothing", "the module 'proj' has no 'nothing'; it has app"),
    ("proj:add", "proj:add is a task of <App proj>, no app"),
    ("nowhere/proj.py", "there is no file nowhere/proj.py"),
    ("noapp", "there is no app in the module 'noapp'"),
    ("function", "function:app is of type function, no app"),
    ("stock", "stock:app is an app of Celery's own package: import it `from understudy import Celery`"),
    ("broken", "ModuleNotFoundError: No module named 'there_is_no_such_module' ({}/broken.py:2)"),
    ("wrong", "ZeroDivisionError: division by zero ({}/wrong.py:3)"),
    ("syntax", "SyntaxError: invalid syntax ({}/syntax.py:1)"),
    ("leaves", "SystemExit: 5 ({}/leaves.py:2)"),
    ("setting", "there is no setting 'task_defualt_queue': did you mean 'task_default_queue'? ({}/setting.py:2)"),
    ("", "names no module"),
]


USAGE = [
    (("nonsense",), "there is no command 'nonsense'"),
    (("wroker",), "did you mean 'worker'?"),
    (("--nonsense", "worker"), "No such option"),
    (("worker",), "no app is named"),
    (("purge",), "neither an app nor a broker is named"),
    (("worker", "-A", "proj"), "-A goes before the command: understudy -A ... worker"),
    (("-A", "proj", "--workdir", "/nowhere", "worker"), "'/nowhere' does not exist"),
    (("-A", "proj", "-b", "nonsense", "worker"), "'nonsense' is no URL"),
    (("-A", "proj", "-b", "nonsense://", "worker"), "no transport serves the scheme 'nonsense'"),
    (("-A", "proj", "-b", "sqlite://", "worker"), "names no file"),
    (("-A", "lazy", "worker"), "ZeroDivisionError: division by zero ({}/wrong.py:3)"),
    (("-A", "proj", "worker", "-c", "0"), "'0': at least one task has to run at a time"),
    (("-A", "proj", "worker", "-c", "many"), "'many' is neither a number nor 'auto'"),
    (("-A", "proj", "worker", "-c", "-1"), "'-1' is neither"),
    (("-A", "proj", "worker", "-Q", ""), "a queue has to have a name"),
    (("-A", "proj", "worker", "-Q", "a,,b"), "a queue has to have a name"),
    (("-A", "proj", "worker", "-X", "celery"), "no queue is left"),
    (("-A", "proj", "worker", "-P", "gevents"), "there is no pool 'gevents'"),
    (("-A", "proj", "worker", "-P", "solo", "-c", "2"), "-P solo runs one task at a time"),
    (("-A", "proj", "worker", "-l", "LOUD"), "'LOUD' is not one of"),
    (("-A", "proj", "worker", "-n", "two words"), "neither spaces nor slashes"),
    (("-A", "proj", "worker", "-n", "a@%x"), "%x means nothing here"),
    (("-A", "proj", "worker", "-f", "/nowhere/x.log"), "the log cannot be written there: No such file or directory"),
    (("-A", "proj", "worker", "--grace", "-1"), "'-1': it has to be 0 or more seconds"),
    (("-A", "proj", "call", "proj.ad"), "the app has no task 'proj.ad': did you mean 'proj.add'?"),
    (("-A", "proj", "call", "proj.add", "-a", "[1, 2"), "'[1, 2' is no JSON"),
    (("-A", "proj", "call", "proj.add", "-a", "{}"), "'{{}}' is another kind of JSON"),
    (("-A", "proj", "call", "proj.add", "-k", "[]"), "'[]' is another kind of JSON"),
    (("-A", "proj", "call", "proj.add", "-a", "[1]"), "missing a required argument: 'y'"),
    (("-A", "proj", "call", "proj.add", "--eta", "soon"), "'soon' is no time in ISO 8601"),
    (("-A", "proj", "call", "proj.add", "--expires", "soon"), "'soon' is no time in ISO 8601"),
    (("-A", "proj", "call", "proj.add", "--countdown", "nan"), "'nan': it has to be 0 or more seconds"),
    (("-A", "proj", "call", "proj.add", "--countdown", "1", "--eta", "2030-01-01"), "--countdown and --eta"),
    (("-A", "proj", "call", "proj.add", "--priority", "10"), "10 is not in the range 0<=x<=9"),
    (("-A", "proj", "result", "x", "--task", "proj.nothing"), "task 'proj.nothing' is not registered"),
    (("-A", "proj", "dead", "retry"), "say which: one or more ids, or --all"),
    (("-A", "proj", "dead", "retry", "x", "--all"), "say which: one or more ids, or --all"),
    (("-A", "proj", "dead", "list", "--limit", "0"), "0 is not in the range x>=1"),
    (("-A", "proj", "--result-backend", "disabled", "result", "x"), "no results are stored"),
]


ALL = [*((("-A", name, "worker"), expected) for name, expected in APPS), *USAGE]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A project with modules in which everything is wrong that can be."""
    shell = Shell(tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("home"))
    for name, text in MODULES.items():
        shell.write(name, text)
    return shell


@pytest.fixture(scope="module")
def answers(project: Shell) -> dict[tuple[str, ...], Done]:
    """What the commands of `ALL` had to say."""
    command_lines = [arguments for arguments, _ in ALL]
    return dict(zip(command_lines, project.run_all(command_lines), strict=True))


@pytest.mark.parametrize(("arguments", "expected"), ALL, ids=lambda value: " ".join(value) if value is tuple else None)
def test_what_cannot_be_done_is_a_misuse(
    arguments: tuple[str, ...], expected: str, project: Shell, answers: dict[tuple[str, ...], Done]
) -> None:
    done = answers[arguments]
    assert expected.format(project.directory) in done.error
    assert (done.code, done.out) == (2, "")


OTHERS = [
    (("-q", "-A", "proj", "-b", "memory://", "worker"), 1, "run it with the solo pool"),
    (
        ("-A", "proj", "-b", "redis://:secret@localhost:1", "call", "proj.fail", "-a", "[1]"),
        3,
        "redis://:**@localhost:1",
    ),
    (("-A", "proj", "-b", "sqlite:///{}/letter.db", "worker"), 3, "it is no SQLite database"),
    (("-A", "proj", "-b", "sqlite:///{}/letter.db", "purge", "-f"), 3, "it is no SQLite database"),
    (("-A", "proj", "-b", "sqlite:///{}/letter.db", "call", "proj.fail", "-a", "[1]"), 3, "it is no SQLite database"),
]


@pytest.fixture(scope="module")
def other_answers(project: Shell) -> list[Done]:
    """What the commands of `OTHERS` had to say."""
    project.write("letter.db", "This is a letter, and no database. " * 200)
    return project.run_all([[word.format(project.directory) for word in words] for words, _, _ in OTHERS])


@pytest.mark.parametrize("number", range(len(OTHERS)))
def test_what_fails_says_so_in_one_line(number: int, other_answers: list[Done]) -> None:
    _, code, expected = OTHERS[number]
    done = other_answers[number]
    assert expected in done.error
    assert (done.code, done.out) == (code, "")


def test_a_command_of_its_own_process_does_the_same(shell: Shell) -> None:
    done = shell.run("-A", "nowhere", "worker")
    assert done.error == f"-A nowhere: there is no module 'nowhere' in {shell.directory} or on Python's path"
    assert done.code == 2


def test_debug_shows_where_an_error_comes_from(shell: Shell) -> None:
    shell.write("wrong.py", MODULES["wrong.py"])
    done = shell.run("--debug", "-A", "wrong", "worker")
    assert "value = 1 / 0" in done.err
    assert done.err.splitlines()[-1].startswith("Error: cannot import the app 'wrong'")


def test_a_reader_that_goes_away_is_no_error(shell: Shell) -> None:
    done = subprocess.run(
        f"{sys.executable} -m understudy --help | true", shell=True, cwd=shell.directory, env=shell.environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
