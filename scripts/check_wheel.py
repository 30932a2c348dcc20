"""Build the sdist and the wheel, install the wheel into an empty environment, and check what users would get.

The wheel is built from the sdist, so that both are covered. Checked: it imports, the command runs, the marker for type
checkers is there, no test or stray folder is in it, and pyright finds every public name fully typed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command; end this program, with the command's output, where it fails."""
    done = subprocess.run(command, cwd=cwd, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")


def build(directory: Path) -> Path:
    """Build sdist and wheel, and return the wheel."""
    run(sys.executable, "-m", "build", "--outdir", directory, ROOT)
    (wheel,) = directory.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    """See to it that the wheel holds the package, its marker and its metadata, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    strays = {top for top in tops if top != "understudy" and not top.endswith(".dist-info")}
    if strays:
        sys.exit(f"{wheel.name} holds more than the package: {sorted(strays)}")
    for needed in ("understudy/py.typed", "understudy/actors/__init__.py", "understudy/runtime/__init__.py"):
        if needed not in names:
            sys.exit(f"{wheel.name} lacks {needed}")


def check_types(binaries: Path, directory: Path) -> None:
    """See to it that every public symbol has a type that all checkers agree on."""
    # Pyright heeds no --pythonpath here: it asks the first python of the PATH.
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [sys.executable, "-m", "pyright", "--verifytypes", "understudy", "--ignoreexternal", "--outputjson"]
    done = subprocess.run(command, cwd=directory, env=environment, check=False, stdout=subprocess.PIPE, text=True)
    report = json.loads(done.stdout).get("typeCompleteness", {"symbols": []})
    faults = [
        f"{symbol['name']}: {diagnostic['message'].splitlines()[0]}"
        for symbol in report["symbols"]
        if symbol["isExported"] and (symbol["isTypeAmbiguous"] or not symbol["isTypeKnown"])
        for diagnostic in symbol["diagnostics"]
    ]
    causes = [fault for fault in faults if "partially unknown" not in fault]  # the rest follows from them
    if done.returncode:
        sys.exit("\n".join(["pyright --verifytypes:", *(causes or faults or [done.stdout])]))


def main() -> None:
    """Run the checks."""
    with tempfile.TemporaryDirectory(prefix="understudy-wheel-") as name:
        directory = Path(name)
        wheel = build(directory / "dist")
        check_contents(wheel)
        empty = directory / "venv"
        venv.create(empty, with_pip=True)
        python = empty / "bin" / "python"
        run(python, "-m", "pip", "install", "-q", wheel)
        run(python, "-W", "error", "-c", "import understudy", cwd=directory)
        run(empty / "bin" / "understudy", "--version", cwd=directory)
        run(python, "-m", "understudy", "--version", cwd=directory)
        check_types(python.parent, directory)
        print(f"{wheel.name}: installs, imports, runs, and is fully typed")


if __name__ == "__main__":
    main()
