"""Where an app that names no broker keeps its embedded one."""

from __future__ import annotations

import re
from hashlib import sha256
from inspect import currentframe
from pathlib import Path
from types import FrameType


def embedded_url(main: str | None, definer: str) -> str:
    """Return the URL of an app's own file, in the data directory of the embedded broker.

    definer: the file that makes the app. Its path is in the name, so that a program and its workers meet in the same
    file from whichever directory they start, and two projects' apps of one name do not.
    """
    path = Path(definer)
    place = str(path.resolve()) if path.exists() else definer
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", main or path.stem)
    return f"sqlite:///{name}-{sha256(place.encode()).hexdigest()[:8]}.db"


def defining_file(package: str) -> str:
    """Return the file of the innermost caller that is no part of `package`."""
    frame: FrameType | None = currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith(package):
        frame = frame.f_back
    return frame.f_code.co_filename if frame is not None else ""
