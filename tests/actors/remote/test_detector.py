"""The failure detector, as a function of what was heard when."""

from __future__ import annotations

from understudy.actors.reasons import NoConnection, NoProc, Shutdown
from understudy.actors.remote.detector import Appeared, Detector, Event, Gone, hear, hear_goodbye, judge

ME = "me@h!000000000000"
ONE = "one@h!000000000001"
REBORN = "one@h!000000000002"
OTHER = "other@h!00000000000f"


class Watcher:
    """A detector, and all that it has said."""

    def __init__(self) -> None:
        self.detector = Detector(ME, interval=1.0)
        self.events: list[Event] = []

    def hear(self, now: float, *nodes: str, booted: float = 1.0) -> list[Event]:
        for node in nodes:
            self.detector, events = hear(self.detector, node, booted, now)
            self.events += events
        return self.events

    def judge(self, now: float) -> list[Event]:
        self.detector, events = judge(self.detector, now)
        self.events += events
        return list(events)

    def run(self, start: int, end: int, *nodes: str) -> list[Event]:
        """Let `nodes` beat each second, and judge after each."""
        return [event for now in range(start, end) for event in (self.hear(now, *nodes) and []) + self.judge(now)]


def test_a_node_that_misses_five_beats_is_gone() -> None:
    watcher = Watcher()
    watcher.run(0, 10, ME, ONE, OTHER)
    assert watcher.events == [Appeared(ONE), Appeared(OTHER)]
    assert watcher.run(10, 15, ME, OTHER) == []
    assert watcher.run(15, 16, ME, OTHER) == [Gone(ONE, NoConnection())]
    assert watcher.run(16, 60, ME, OTHER) == []


def test_a_node_that_was_gone_and_is_heard_again_is_there_again() -> None:
    watcher = Watcher()
    watcher.run(0, 3, ME, ONE)
    watcher.run(3, 20, ME)
    watcher.run(20, 22, ME, ONE)
    assert watcher.events == [Appeared(ONE), Gone(ONE, NoConnection()), Appeared(ONE)]


def test_who_does_not_hear_itself_judges_nobody() -> None:
    watcher = Watcher()
    watcher.run(0, 10, ME, ONE)
    assert watcher.run(10, 1000) == []
    assert watcher.detector.frozen


def test_after_that_silence_counts_again_once_two_intervals_have_passed() -> None:
    watcher = Watcher()
    watcher.run(0, 10, ME, ONE)
    watcher.run(10, 100)
    assert watcher.run(100, 108, ME) == []
    assert watcher.run(108, 109, ME) == [Gone(ONE, NoConnection())]


def test_a_pause_of_this_process_is_nobody_elses_death() -> None:
    watcher = Watcher()
    watcher.run(0, 10, ME, ONE)
    assert watcher.judge(500.0) == []  # the timer is the first that runs after SIGCONT
    watcher.hear(500.1, ONE)
    assert watcher.judge(500.2) == []
    watcher.hear(500.3, ME)
    assert watcher.run(501, 520, ME, ONE) == []


def test_a_new_boot_of_a_name_ends_the_old_one_at_once() -> None:
    watcher = Watcher()
    watcher.run(0, 3, ME, ONE)
    watcher.hear(3, REBORN, booted=2.0)
    assert watcher.events == [Appeared(ONE), Gone(ONE, NoProc()), Appeared(REBORN)]
    watcher.hear(4, ONE, booted=1.0)  # a beat that was on its way
    assert watcher.events[3:] == []
    assert set(watcher.detector.peers) == {REBORN}


def test_a_goodbye_ends_a_node_and_a_late_beat_does_not_bring_it_back() -> None:
    watcher = Watcher()
    watcher.run(0, 3, ME, ONE)
    watcher.detector, events = hear_goodbye(watcher.detector, ONE, 1.0)
    assert events == (Gone(ONE, Shutdown("its node has left")),)
    assert watcher.hear(4, ONE) == [Appeared(ONE)]
    assert watcher.hear(5, REBORN, booted=2.0) == [Appeared(ONE), Appeared(REBORN)]


def test_a_goodbye_of_an_unknown_node_says_nothing() -> None:
    detector, events = hear_goodbye(Detector(ME, 1.0), ONE, 1.0)
    assert (dict(detector.peers), events) == ({}, ())


def test_of_two_intervals_the_longer_one_counts() -> None:
    watcher = Watcher()
    watcher.run(0, 3, ME)
    watcher.detector, _ = hear(watcher.detector, ONE, 1.0, 3.0, interval=4.0)
    watcher.detector, _ = hear(watcher.detector, OTHER, 1.0, 3.0, interval=0.1)
    watcher.run(3, 10, ME)
    assert watcher.events == [Gone(OTHER, NoConnection())]
    watcher.run(10, 25, ME)
    assert watcher.events[1:] == [Gone(ONE, NoConnection())]
