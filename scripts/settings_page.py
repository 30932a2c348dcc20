"""Write docs/reference/settings.md from the table of settings: `python scripts/settings_page.py`.

With `--check` nothing is written, and the status says whether the page is up to date.
"""

from __future__ import annotations

import inspect
import re
import sys
from functools import cache
from pathlib import Path

from understudy.runtime.settings import Settings
from understudy.runtime.settings.setting import Setting

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "settings.md"
TASK_OPTIONS = ROOT / "runtime" / "task" / "task.py"

HEAD = """\
# Settings

<!-- Made by scripts/settings_page.py from the table in runtime/settings/. -->

An app has its settings as `app.conf`, by Celery's lower-case names. What is said further up this list has precedence:

1. the command line, where a command has an option for it,
2. the environment: `UNDERSTUDY_<NAME>`, such as `UNDERSTUDY_BROKER_URL`; lists are separated by commas, dicts are JSON,
3. the program: `App("proj", task_acks_late=False)`, `app.conf.task_acks_late = False`,
   `app.config_from_object("proj.settings")`, `app.config_from_envvar("PROJ_SETTINGS")`,
4. the defaults.

A task's own option (`@app.task(acks_late=False)`) has precedence over the setting that gives its default. The names of
older Celery releases (`CELERY_TASK_SERIALIZER`, `BROKER_URL`) are understood. A name that is no setting is an error,
which says the nearest one; so is a value of a wrong type:

```pycon
>>> from understudy import App
>>> App("proj", task_ack_late=True)
Traceback (most recent call last):
    ...
understudy.runtime.exceptions.UnknownSetting: there is no setting 'task_ack_late': did you mean 'task_acks_late'?
```

A setting that is marked **no effect** is accepted and checked, so that a Celery app's settings load, and changes
nothing. A worker warns at its start of those that were changed in vain.
"""


def page() -> str:
    """Return the page."""
    groups = [group for group in Settings.__mro__ if any(isinstance(row, Setting) for row in vars(group).values())]
    return "\n".join([HEAD, *map(section, groups)])


def section(group: type) -> str:
    """Return the part of the page about one group of settings."""
    rows = [row for row in vars(group).values() if isinstance(row, Setting)]
    title = group.__name__.removesuffix("Settings")
    head = [f"## {title}", "", inspect.getdoc(group) or "", "", "| setting | type | default | |", "|---|---|---|---|"]
    return "\n".join([*head, *map(line, rows), ""])


def line(row: Setting) -> str:
    """Return the line of the table about one setting."""
    if bool(row.unused) is has_effect(row.name):
        raise SystemExit(f"{row.name}: is it {'unused' if row.unused else 'used'}? The code says the contrary")
    remark = f"{row.doc} **No effect**: {row.unused}." if row.unused else row.doc
    if row.env:
        remark += f" Also `{'`, `'.join(row.env)}`."
    return f"| `{row.name}` | {cell(row.expected())} | {code(repr(row.default))} | {cell(remark)} |"


def cell(text: str) -> str:
    """Return text that does not end a table's cell."""
    return text.replace("|", "\\|")


def code(text: str) -> str:
    """Return text as code in a table's cell."""
    return f"`{cell(text)}`"


def has_effect(name: str) -> bool:
    """Tell whether anything but its declaration, and a task option that nobody reads, speaks of a setting."""
    option = re.search(rf'(\w+): .* = from_setting\("{name}"', TASK_OPTIONS.read_text())
    wanted = rf"\.{option[1]}\b" if option else rf"\b{name}\b"
    return any(re.search(wanted, source) for source in sources())


@cache
def sources() -> tuple[str, ...]:
    """Return the code that may read settings."""
    return tuple(
        path.read_text()
        for folder in ("runtime", "transports")
        for path in (ROOT / folder).rglob("*.py")
        if path.parent.name != "settings"
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(PAGE.read_text() != page())
    PAGE.write_text(page())
