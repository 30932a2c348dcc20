"""From after and before to an order of start."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from understudy.actors import BadSpec, DuplicateId
from understudy.runtime.components.components import FLOORS
from understudy.runtime.components.errors import ComponentsWait, UnknownPart
from understudy.runtime.components.plan import Placement, Plan, plan

T, R, P, Q, S = FLOORS


@pytest.mark.parametrize(
    ("added", "floors", "services"),
    [
        ([], FLOORS, ()),
        ([Placement("a"), Placement("b")], FLOORS, ("a", "b")),
        ([Placement("a", after=(P,))], FLOORS, ("a",)),
        ([Placement("a", before=(Q,))], (T, R, P, "a", Q, S), ()),
        ([Placement("a", after=(R,), before=(P,))], (T, R, "a", P, Q, S), ()),
        ([Placement("a", before=(T,))], ("a", *FLOORS), ()),
        ([Placement("b", after=("a",)), Placement("a")], FLOORS, ("a", "b")),
        ([Placement("b", before=("a",)), Placement("a", before=(Q,))], (T, R, P, "b", "a", Q, S), ()),
        ([Placement("b", after=("a",)), Placement("a", before=(Q,))], (T, R, P, "a", Q, S), ("b",)),
        ([Placement("b", after=("a",), before=(S,)), Placement("a")], (T, R, P, Q, "a", "b", S), ()),
        ([Placement("a", after=(S,)), Placement("b", after=("a",))], (*FLOORS, "a", "b"), ()),
        ([Placement("a", before=("b",)), Placement("b"), Placement("c", before=("a",))], FLOORS, ("c", "a", "b")),
    ],
)
def test_each_comes_after_those_it_names_and_as_late_as_it_may(
    added: Sequence[Placement], floors: Sequence[str], services: Sequence[str]
) -> None:
    assert plan(FLOORS, added) == Plan(tuple(floors), tuple(services))


@pytest.mark.parametrize(
    ("added", "error", "why"),
    [
        ([Placement("a", after=("pol",))], UnknownPart, "'a' is to start after 'pol'.*did you mean 'pool'"),
        ([Placement("a", before=("xyz",))], UnknownPart, "'a' is to start before 'xyz': there are a, pool, queues"),
        ([Placement("a"), Placement("a")], DuplicateId, "a part or a component 'a' already"),
        ([Placement("pool")], DuplicateId, "a part or a component 'pool' already"),
        ([Placement("a", after=("a",))], ComponentsWait, "wait for each other: a -> a"),
        ([Placement("a", after=("b",)), Placement("b", after=("a",))], ComponentsWait, "each other: a -> b -> a"),
        ([Placement("a", after=(Q,), before=(P,))], ComponentsWait, "each other: pool -> a -> queues -> pool"),
    ],
)
def test_what_cannot_be_kept_is_refused(added: Sequence[Placement], error: type[BadSpec], why: str) -> None:
    with pytest.raises(error, match=why):
        plan(FLOORS, added)


def test_a_long_chain_of_components_is_ordered() -> None:
    chain = [Placement(f"c{n}", after=(f"c{n + 1}",) if n < 300 else ()) for n in range(301)]
    assert plan(FLOORS, chain).services == tuple(f"c{n}" for n in reversed(range(301)))
