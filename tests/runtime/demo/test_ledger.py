"""The ledger, and the history that is read from it."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

from understudy.runtime.demo.history import History
from understudy.runtime.demo.ledger import Entry, Reader, record

LINES = 500


def write_many(ledger: Path, writer: int) -> None:
    for number in range(LINES):
        record(ledger, Entry(float(number), "began", f"{writer}/{number}.py", "one", os.getpid()))


def test_lines_of_many_processes_stay_whole_and_in_each_ones_order(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    spawning = multiprocessing.get_context("spawn")
    writers = [spawning.Process(target=write_many, args=(ledger, writer)) for writer in range(3)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
    files = [entry.file for entry in Reader(ledger).read()]
    for writer in range(3):
        assert [name for name in files if name.startswith(f"{writer}/")] == [f"{writer}/{n}.py" for n in range(LINES)]


def test_a_line_is_read_once_and_only_when_it_is_whole(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    reader = Reader(ledger)
    assert reader.read() == []
    entry = Entry(1.0, "began", "a.py", "one", 7)
    record(ledger, entry)
    whole = ledger.read_bytes()
    with ledger.open("ab") as file:
        file.write(whole[:9])
    assert reader.read() == [entry]
    with ledger.open("ab") as file:
        file.write(whole[9:])
    assert reader.read() == [entry]
    assert reader.read() == []


def test_a_process_holds_what_it_began_and_has_not_finished() -> None:
    history = History()
    history.add([Entry(1.0, "began", "a.py", "one", 7), Entry(2.0, "began", "b.py", "two", 8)])
    assert history.held_by(7) == "a.py"
    history.add([Entry(3.0, "finished", "a.py", "one", 7)])
    assert (history.held_by(7), history.held_by(8), history.held_by(9)) == (None, "b.py", None)
    assert history.finished == {"a.py"}
    assert history.processes("one") == [7]


def test_each_execution_of_a_file_is_counted() -> None:
    history = History()
    history.add(
        [
            Entry(1.0, "began", "a.py", "one", 7),
            Entry(2.0, "began", "a.py", "two", 8),
            Entry(3.0, "finished", "a.py", "two", 8),
        ]
    )
    first, second = history.by_file()["a.py"]
    assert (first.finished, second.finished) == (None, 3.0)
