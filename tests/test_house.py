"""The house rules that a machine can hold: which way imports run, what a module may touch, what it may need."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("actors", "transports", "runtime")
SOURCES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
PACKAGES = [path for path in SOURCES if path.name == "__init__.py"]
DOOR = [path for folder in ("understudy", "understudy/utils") for path in (ROOT / folder).glob("*.py")]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, absolute dotted name) of all that a module imports, under `if TYPE_CHECKING` too."""
    package = ("understudy", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own, with warnings as errors; its output is kept."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_imports_run_down_the_house_only() -> None:
    upward: list[str] = []
    for path in SOURCES:
        floor = FLOORS.index(path.relative_to(ROOT).parts[0])
        above = tuple(f"understudy.{name}" for name in FLOORS[floor + 1 :])
        upward += [f"{name_of(path)}:{line} {name}" for line, name in imports(path) if above and name.startswith(above)]
    assert upward == []


def test_modules_reach_each_other_by_relative_imports() -> None:
    absolute = [
        f"{name_of(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "understudy"
    ]
    assert absolute == []


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in SOURCES}
    assert [name_of(folder) for folder in sorted(folders) if folder / "__init__.py" not in PACKAGES] == []


def test_a_package_that_exports_says_what() -> None:
    assert [name_of(path) for path in PACKAGES + DOOR if exports(path) and "__all__" not in assigned(path)] == []


def exports(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    imported = any(isinstance(node, ast.ImportFrom) and node.module != "__future__" for node in tree.body)
    return imported and path.name != "__main__.py"


def assigned(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def test_messages_are_frozen_and_slotted() -> None:
    loose = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        if path.name == "messages.py"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not is_closed(node)
    ]
    assert loose == []


def is_closed(node: ast.ClassDef) -> bool:
    """Tell whether a class is a frozen, slotted dataclass, or none and has its slots written out."""
    decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
    if "dataclass" in decorators:
        return "frozen=True" in decorators and "slots=True" in decorators
    return "__slots__" in ast.unparse(node)


def test_clocks_randomness_and_threads_come_from_the_context() -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "TID251", *FLOORS]
    checked = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_exceptions_from_the_lint_rules_name_files_that_are_there() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = settings["tool"]["ruff"]["lint"]["per-file-ignores"]
    assert [pattern for pattern in patterns for one in expanded(pattern) if not any(ROOT.glob(one))] == []


def expanded(pattern: str) -> list[str]:
    """Write out the braces of a glob, which pathlib does not know."""
    before, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    choices, _, after = rest.partition("}")
    return [f"{before}{choice}{after}" for choice in choices.split(",")]


def test_importing_starts_no_thread_and_leaves_logging_and_signals_alone() -> None:
    done = python(
        "import logging, signal, threading\n"
        "handlers = [signal.getsignal(number) for number in signal.valid_signals()]\n"
        "from understudy import *\n"
        "import understudy.runtime, understudy.transports, understudy.actors\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert not logging.getLogger().handlers\n"
        "assert handlers == [signal.getsignal(number) for number in signal.valid_signals()]\n"
    )
    assert done.returncode == 0, done.stderr


def test_public_names_are_there_and_are_listed_once() -> None:
    done = python(
        "import understudy\n"
        "assert sorted(understudy._HOMES) == sorted(understudy.__all__) == sorted(set(understudy.__all__))\n"
        "assert set(understudy.__all__) <= set(dir(understudy))\n"
        "for name in understudy.__all__: getattr(understudy, name)\n"
        "assert not hasattr(understudy, 'no_such_name')\n"
    )
    assert done.returncode == 0, done.stderr


def test_the_kernels_public_names_are_there_whichever_is_used_first() -> None:
    done = python(
        "import sys\n"
        "import understudy.actors as first\n"
        "assert sorted(first._HOMES) == sorted(first.__all__) == sorted(set(first.__all__))\n"
        "assert set(first.__all__) <= set(dir(first))\n"
        "assert not hasattr(first, 'no_such_name')\n"
        "for name in first.__all__:\n"
        "    for module in [each for each in sys.modules if each.startswith('understudy')]: del sys.modules[module]\n"
        "    import understudy.actors as fresh\n"
        "    getattr(fresh, name)\n"
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_kernel_loads_no_event_loop_and_none_of_its_parts() -> None:
    done = python(
        "import sys, understudy.actors as actors\n"
        "assert not [name for name in sys.modules if name.startswith('understudy.actors.')]\n"
        "actors.System, actors.Supervisor\n"
        "assert not {'asyncio', 'gevent', 'eventlet'} & set(sys.modules)\n"
    )
    assert done.returncode == 0, done.stderr


def test_making_an_app_and_a_task_loads_no_event_loop() -> None:
    done = python(
        "import sys, understudy\n"
        "@understudy.App('shop').task\n"
        "def add(a, b): return a + b\n"
        "assert not {'asyncio', 'gevent', 'eventlet'} & set(sys.modules)\n"
    )
    assert done.returncode == 0, done.stderr


def test_importing_needs_no_extra() -> None:
    extras = ["redis", "gevent", "eventlet", "yaml", "pydantic", "sqlalchemy", "zstandard", "brotli", "celery"]
    done = python(
        f"import json, sys; from understudy import *; print(json.dumps(sorted(set(sys.modules) & set({extras}))))"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_every_module_imports_where_posix_is_missing() -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in SOURCES]
    done = python(
        WITHOUT_POSIX + "".join(f"import understudy.{module}\n" for module in modules if "__main__" not in module)
    )
    assert done.returncode == 0, done.stderr


WITHOUT_POSIX = """
import asyncio, cloudpickle, click, concurrent.futures, kombu, logging.handlers, msgpack, msgspec, multiprocessing
import os, pykka, rich.console, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, threading, webbrowser
import kombu.serialization, multiprocessing.connection, rich.progress, rich.table, rich.live
for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty"):
    sys.modules[name] = None
gone = {
    os: ("fork", "register_at_fork", "pidfd_open", "memfd_create", "getuid", "geteuid", "killpg", "setsid", "WNOHANG"),
    signal: ("SIGKILL", "SIGSTOP", "SIGCONT", "SIGQUIT", "SIGHUP", "SIGCHLD", "SIGUSR1", "pidfd_send_signal"),
    socket: ("AF_UNIX", "SOCK_SEQPACKET", "SO_PEERCRED", "SCM_RIGHTS", "send_fds", "recv_fds"),
}
for module, names in gone.items():
    for name in names:
        delattr(module, name)
"""


def test_no_file_mentions_where_it_was_written() -> None:
    local = str(ROOT).encode()
    folders = (*FLOORS, "understudy", "tests", "examples", "benchmarks", "docs", "scripts", ".ci")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and not path.name.startswith(".coverage")]
    tracked = [path for path in files if not {"__pycache__", ".venvs"} & set(path.parts)]
    assert [name_of(path) for path in tracked if local in path.read_bytes()] == []
