"""A model's intervals follow its outcomes; every decision records by how much, so that it can be computed again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from spine_kit import Cache, Spine, SumModel, after

from monitor.gate_models.rederive import recompute_decisions
from monitor.pipeline.forecasts import known_parts
from monitor.pipeline.judging import InForce
from monitor.store.database import tables as t
from monitor.store.rows.known_outcomes import known_outcomes
from monitor.store.rows.readings import last_arrival

SAID = 40.0
"""What the model says of each part, to within 1."""


def passed(spine: Spine, serials: Sequence[str], at: int, digest: str = "sum") -> list[Any]:
    """The decisions on parts with a model in force."""
    spine.used = InForce(SumModel(digest=digest), None, "w", "1", digest)
    for serial in serials:
        spine.part(serial, after(at))
    spine.run(spine.pull("parts"), after(at))
    d = t.decision.c
    query = sa.select(d.lower, d.upper, d.reason, d.adapted).where(d.serial.in_(serials))
    with spine.store.read() as connection:
        return list(connection.execute(query))


def measured(spine: Spine, serials: Sequence[str], value: float, at: int) -> None:
    spine.rows("OUTCOMES", *((serial, value, after(at)) for serial in serials))
    spine.run(spine.pull("outcomes"), after(at))


def names(first: int, count: int = 40) -> list[str]:
    return [f"P{first + n:04d}" for n in range(count)]


def mismatches(spine: Spine) -> list[str]:
    cache = Cache(lambda _name, _digest: SumModel())
    return [one.key[0] for one in recompute_decisions(spine.store, lambda _: spine.plant, cache) if not one.matches]


@pytest.mark.parametrize(("off", "wider"), [(2.5, True), (0.0, False)], ids=["all outside", "all inside"])
def test_intervals_widen_where_outcomes_lie_outside(off: float, wider: bool, spine: Spine) -> None:
    first = passed(spine, names(0), 1)
    assert {(row.lower, row.upper, row.adapted) for row in first} == {(SAID - 1, SAID + 1, None)}
    measured(spine, names(0), SAID + off, 10)
    (second,) = {(row.lower, row.upper) for row in passed(spine, names(100, 1), 11)}
    half = (second[1] - second[0]) / 2
    assert (half > 1.2) if wider else (half < 0.95)
    (told,) = passed(spine, names(200, 1), 12)
    assert (told.adapted["outcomes"], told.adapted["scale"]) == (40, pytest.approx(half))
    measured(spine, names(100, 1), SAID + off, 13)
    (again,) = passed(spine, names(300, 1), 14)
    assert again.adapted["outcomes"] == 41
    assert mismatches(spine) == []


def test_a_new_version_does_not_answer_for_the_old_one(spine: Spine) -> None:
    passed(spine, names(0), 1)
    measured(spine, names(0), SAID + 2.5, 10)
    (row,) = passed(spine, names(100, 1), 11, digest="other")
    assert (row.lower, row.upper, row.adapted) == (SAID - 1, SAID + 1, None)


@pytest.mark.slow
def test_what_is_read_step_by_step_is_what_is_read_at_once(spine: Spine) -> None:
    """Late passages, second visits, corrected outcomes, parts that were never seen."""
    rng, known, gate = np.random.default_rng(8), None, spine.plant.gates["form"]
    for at in range(1, 16):
        late = at - int(rng.integers(0, 3))
        for serial in dict.fromkeys(f"P{n:04d}" for n in rng.integers(0, 15, 4).tolist()):
            spine.part(serial, after(late + rng.random()), known=after(at))
        spine.run(spine.pull("parts"), after(at))
        measured(spine, [f"P{n:04d}" for n in sorted(set(rng.integers(0, 15, 3).tolist()))], 40.0 + at, at)
        with spine.store.read() as connection:
            known, whole = (
                known_parts(connection, gate, after(at), last_arrival(connection), before) for before in (known, None)
            )
        assert known == whole
    assert known is not None
    assert len(known.outcomes) > 10
    assert max(map(len, known.passages.values())) > 2


def test_outcomes_that_were_changed_behind_its_back_are_noticed(spine: Spine) -> None:
    passed(spine, names(0), 1)
    measured(spine, names(0), SAID + 2.5, 10)
    passed(spine, names(100, 2), 11)
    with spine.store.write() as connection:
        connection.execute(t.outcome.update().values(value=SAID))
    assert mismatches(spine) == names(100, 2)


def test_parts_that_were_measured_again_and_again_are_read_whole(spine: Spine) -> None:
    """However many revisions an outcome has, the newest parts are those asked for."""
    for at in range(1, 8):
        measured(spine, ["OLD", "NEW"] if at == 1 else ["NEW"], 40.0 + at, at)
    with spine.store.read() as connection:
        found = known_outcomes(connection, "width", after(9), last_arrival(connection), 2)
    assert [(one.serial, one.value) for one in found] == [("OLD", 41.0), ("NEW", 47.0)]
