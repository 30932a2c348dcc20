"""What the script's blows explain."""

from __future__ import annotations

from understudy.runtime.demo.faults import SCRIPT, Blow, Part, Rerun, reruns
from understudy.runtime.demo.history import Execution, History


def history(*executions: Execution) -> History:
    made = History()
    made.executions.extend(executions)
    return made


def blow(part: Part = Part.PROCESS, at: float = 2.0, victims: tuple[int, ...] = (7,), held: str = "a.py") -> Blow:
    return Blow(part, at, frozenset(victims), held=frozenset({held}), since=at)


def test_the_script_goes_from_the_smallest_part_to_everything() -> None:
    assert [fault.part for fault in SCRIPT] == list(Part)
    assert [fault.share for fault in SCRIPT] == sorted(fault.share for fault in SCRIPT)


def test_a_file_that_ran_once_needs_no_explanation() -> None:
    assert reruns(history(Execution("a.py", "one", 7, 1.0, 1.5)), [blow()]) == []


def test_a_file_ran_twice_because_its_process_was_killed_meanwhile() -> None:
    twice = history(Execution("a.py", "one", 7, 1.0), Execution("a.py", "two", 8, 2.1, 2.2))
    assert reruns(twice, [blow()]) == [Rerun("a.py", (Part.PROCESS,))]


def test_a_file_ran_twice_because_its_node_was_killed_before_the_result_was_stored() -> None:
    twice = history(Execution("a.py", "one", 7, 1.0, 1.9), Execution("a.py", "two", 8, 2.1, 2.2))
    assert reruns(twice, [blow(Part.NODE)]) == [Rerun("a.py", (Part.NODE,))]


def test_a_blow_explains_nothing_that_it_did_not_hit() -> None:
    twice = history(Execution("a.py", "one", 7, 1.0), Execution("a.py", "two", 8, 3.1, 3.2))
    assert reruns(twice, [blow(victims=(9,)), blow(at=4.0)]) == [Rerun("a.py", (None,))]


def test_each_further_execution_has_its_own_cause() -> None:
    thrice = history(
        Execution("a.py", "one", 7, 1.0), Execution("a.py", "two", 8, 2.1), Execution("a.py", "one", 9, 4.1, 4.2)
    )
    blows = [blow(), blow(Part.EVERYTHING, at=4.0, victims=(8,))]
    assert reruns(thrice, blows) == [Rerun("a.py", (Part.PROCESS, Part.EVERYTHING))]


def test_recovery_is_when_something_that_the_dead_held_is_finished_after_all() -> None:
    struck = blow()
    began = Execution("a.py", "two", 8, 2.1)
    past = history(Execution("a.py", "one", 7, 1.0), Execution("b.py", "two", 8, 2.01, 2.05), began)
    assert struck.recover(past) is None
    assert struck.seconds is None
    began.finished = 2.5
    assert struck.recover(past) is began
    assert struck.seconds == 0.5


def test_where_the_dead_held_nothing_any_task_begun_since_is_recovery() -> None:
    struck = Blow(Part.WRITER, 2.0, frozenset({5}), since=2.2)
    past = history(Execution("a.py", "one", 7, 2.1, 2.3), Execution("b.py", "one", 7, 2.4, 2.5))
    recovered = struck.recover(past)
    assert recovered is not None
    assert recovered.file == "b.py"


def test_nothing_counts_as_recovery_before_it_is_known_since_when() -> None:
    struck = Blow(Part.WRITER, 2.0, frozenset({5}))
    assert struck.recover(history(Execution("a.py", "one", 7, 2.1, 2.3))) is None


def test_a_process_that_died_before_explains_no_later_execution_by_a_later_blow() -> None:
    twice = history(Execution("a.py", "one", 7, 1.0), Execution("a.py", "two", 8, 2.1, 2.2))
    assert reruns(twice, [blow(at=2.0), blow(Part.NODE, at=3.0)]) == [Rerun("a.py", (Part.PROCESS,))]
