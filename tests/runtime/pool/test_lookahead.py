"""How many jobs may wait behind the running one."""

from __future__ import annotations

from understudy.runtime.pool.lookahead import LookAhead


def after(*durations: float) -> int:
    ahead = LookAhead(stretch=0.002, most=16)
    for seconds in durations:
        ahead.observe(seconds)
    return ahead.allowance()


def test_nothing_is_sent_ahead_before_anything_is_known() -> None:
    assert after() == 0


def test_short_jobs_fill_the_stretch_up_to_the_limit() -> None:
    assert after(0.0001) == 16
    assert after(0.0005) == 4
    assert after(0.0) == 16


def test_long_jobs_are_not_sent_ahead() -> None:
    assert after(0.0021) == 0
    assert after(60.0) == 0


def test_one_long_job_counts_at_once() -> None:
    assert after(*[0.0001] * 100, 0.5) == 0


def test_short_jobs_are_believed_again_after_a_while() -> None:
    assert after(0.5, 0.0001) == 0
    assert after(0.5, *[0.0001] * 100) == 16
