"""Hosts whose library is not installed say how to get it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
@pytest.mark.parametrize("missing", ["greenlet", "the library"])
def test_a_host_says_which_extra_it_needs(library: str, missing: str) -> None:
    absent = library if missing == "the library" else missing
    program = f"import sys; sys.modules[{absent!r}] = None; import understudy.actors.hosts.{library}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"pip install 'understudy[{'gevent' if missing == 'greenlet' else library}]'" in done.stderr
