"""Carrying out outcomes where broker and result store cannot commit together.

The order is what keeps this safe: follow-ups (their ids derive from the parent's), results, chord part, and last the
acknowledgement. Whoever dies in between leaves a message that is delivered again, and does the same once more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

from ..actors.completion import Completion
from .api import Publisher, ResultStore
from .errors import Unroutable, UnsupportedByTransport
from .lane import unix_time
from .letters.burial import undeliverable
from .message import Outcome, Publication

T = TypeVar("T")
U = TypeVar("U")
Step = Callable[[], Completion[Any]]

_DEFAULT_QUEUE = "celery"

logger: logging.Logger = logging.getLogger(__name__)


def commit(
    outcomes: Sequence[Outcome], publisher: Publisher, results: ResultStore | None, more: Sequence[Publication] = ()
) -> Completion[None]:
    """Publish, store and forget what `outcomes` ask for, chord parts excepted; resolves when all of it is durable.

    `more` is published with the follow-ups.
    """
    return in_turn([lambda: publish_follow_ups(outcomes, publisher, more), lambda: store_results(outcomes, results)])


def publish_follow_ups(
    outcomes: Sequence[Outcome], publisher: Publisher, more: Sequence[Publication] = ()
) -> Completion[None]:
    """Publish what follows from `outcomes`, and `more`.

    What no queue is bound for becomes a dead letter: its parent is over, and nobody is there who could be told.
    """
    publications = [*more, *(one for outcome in outcomes for one in outcome.follow_ups)]
    if not publications:
        return Completion.of(None)
    published = publisher.publish(publications)
    if not any(one.exchange for one in publications):
        return published
    return _otherwise(
        published, lambda _: in_turn([lambda one=one: _publish_or_bury(one, publisher) for one in publications])
    )


def _publish_or_bury(publication: Publication, publisher: Publisher) -> Completion[None]:
    return _otherwise(publisher.publish([publication]), lambda error: publisher.publish([bury(publication, error)]))


def bury(publication: Publication, error: Unroutable) -> Publication:
    """Return a follow-up that no queue is bound for as a dead letter, and say so."""
    logger.error("%s is a dead letter of %s: %s", publication.id, _DEFAULT_QUEUE, error)
    return undeliverable(publication, _DEFAULT_QUEUE, str(error), unix_time())


def _otherwise(completion: Completion[None], instead: Callable[[Unroutable], Completion[None]]) -> Completion[None]:
    """Return a completion of what `instead` does where no queue was bound."""
    done: Completion[None] = Completion()

    def judge(first: Completion[None]) -> None:
        error = first.error()
        if isinstance(error, Unroutable):
            instead(error).add_done_callback(pass_on)
        else:
            pass_on(first)

    def pass_on(last: Completion[None]) -> None:
        error = last.error()
        if error is None:
            done.resolve(None)
        else:
            done.fail(error)

    completion.add_done_callback(judge)
    return done


def store_results(outcomes: Sequence[Outcome], results: ResultStore | None) -> Completion[None]:
    """Store the results of `outcomes`, and forget the chords that end with them."""
    return in_turn(_storing(outcomes, results)) if results is not None else Completion.of(None)


def record_chord_part(outcome: Outcome, results: ResultStore | None) -> Completion[None]:
    """Record the chord part of an outcome, if it has one; see `ResultStore.chord_part`."""
    if outcome.chord is None:
        return Completion.of(None)
    if results is None:
        return Completion.failed(UnsupportedByTransport("a chord needs a result store: give the app a backend"))
    return results.chord_part(outcome.chord)


def bind(completion: Completion[T], function: Callable[[T], Completion[U]]) -> Completion[U]:
    """Return a completion of what `function(value)` completes with; errors pass through."""
    bound: Completion[U] = Completion()

    def start(done: Completion[T]) -> None:
        error = done.error()
        if error is None:
            function(done.get()).add_done_callback(pass_on)
        else:
            bound.fail(error)

    def pass_on(done: Completion[U]) -> None:
        error = done.error()
        if error is None:
            bound.resolve(done.get())
        else:
            bound.fail(error)

    completion.add_done_callback(start)
    return bound


def in_turn(steps: Iterable[Step]) -> Completion[None]:
    """Start each step when the one before is done; fails with the error of the first that fails."""
    left = iter(steps)
    done: Completion[None] = Completion()

    def advance(finished: Completion[Any] | None = None) -> None:
        while finished is None or finished.error() is None:
            step = next(left, None)
            if step is None:
                done.resolve(None)
                return
            finished = step()
            if not finished.done():
                finished.add_done_callback(advance)
                return
        done.fail(cast("BaseException", finished.error()))

    advance()
    return done


def all_of(completions: Sequence[Completion[Any]]) -> Completion[None]:
    """Return a completion that resolves when all of `completions` are done, or fails with the first of their errors."""
    return in_turn([lambda one=one: one for one in completions])


def _storing(outcomes: Sequence[Outcome], results: ResultStore) -> Iterable[Step]:
    stored = [one for outcome in outcomes for one in (outcome.result, *outcome.more_results) if one is not None]
    if stored:
        yield lambda: results.store(stored)
    for outcome in outcomes:
        if outcome.ended_chord is not None:
            yield lambda group=outcome.ended_chord: results.delete_chord(group)
