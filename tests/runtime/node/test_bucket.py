"""How many tasks with a rate limit may begin, and when."""

from __future__ import annotations

import random

from understudy.runtime.node.bucket import Bucket


def test_the_first_comes_at_once_and_the_others_one_interval_apart() -> None:
    count, bucket = Bucket(0.1).take(5, 10.0)
    assert count == 1
    assert bucket.take(4, 10.0, waited=True)[0] == 0
    assert bucket.take(4, bucket.next_at, waited=True)[0] == 1
    assert bucket.next_at == 10.1


def test_an_idle_bucket_saves_nothing_up() -> None:
    _, bucket = Bucket(0.1).take(1, 10.0)
    assert bucket.take(100, 1000.0)[0] == 1


def test_what_a_late_timer_missed_is_made_up_for() -> None:
    _, bucket = Bucket(0.001).take(10, 10.0)
    count, bucket = bucket.take(100, 10.0105, waited=True)
    assert count == 10
    assert round(bucket.next_at, 6) == 10.011


def test_a_node_that_stood_still_makes_up_for_a_moment_only() -> None:
    _, bucket = Bucket(0.01).take(10, 10.0)
    assert bucket.take(10_000, 1000.0, waited=True)[0] == 11


def test_nobody_gets_more_than_he_wants() -> None:
    _, bucket = Bucket(0.001).take(1, 10.0)
    assert bucket.take(2, 10.05, waited=True)[0] == 2
    assert bucket.take(0, 10.05, waited=True) == (0, bucket)


def test_however_late_the_timers_are_the_rate_holds() -> None:
    for seed in range(20):
        rng = random.Random(seed)
        bucket, now, begun = Bucket(0.02), 0.0, 0
        while now < 100:
            count, bucket = bucket.take(1_000_000, now, waited=begun > 0)
            begun += count
            now = max(now, bucket.next_at) + rng.random() * 0.05
        assert 0 <= now / 0.02 + 1 - begun < 5, f"seed {seed}"
