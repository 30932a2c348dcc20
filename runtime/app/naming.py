"""Names of tasks: module and function, as Celery has them."""

from __future__ import annotations

_MAIN = ("__main__", "__mp_main__")


def generated_name(main: str | None, name: str, module: str | None) -> str:
    """Return `module.name`; in a program's main module, `<name of the app>.name`."""
    if module is None or module in _MAIN:
        module = main or "__main__"
    return f"{module}.{name}"
