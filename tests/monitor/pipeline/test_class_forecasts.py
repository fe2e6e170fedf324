"""A gate of classes without a model: the rates of the newest outcomes decide, and can be computed again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from spine_kit import Cache, Spine, SumModel, after

from monitor.gate_models.rederive import Recomputed, recompute_decisions
from monitor.model import Reason
from monitor.pipeline.judging import InForce
from monitor.store.database import tables as t
from monitor.store.database.database import Store

CHANGES = {
    'characteristics: {width: {specs: [{since: "2020-01-01T00:00:00Z", lower: 0, upper: 100}]}}':
        "characteristics: {width: {classes: {none: {value: 0, means: continue}, dent: {value: 1, means: correct}, "
        "crack: {value: 2, means: scrap}}}}",
    "profile: [a, b, c, d], rework: {above: 50},": "kind: classifier, covariates: [a, b, c, d],",
}  # fmt: skip
D = t.decision.c


@pytest.fixture
def spine(tmp_path: Path, store: Store) -> Any:
    made = Spine(tmp_path, store, CHANGES)
    made.used = InForce(None, Reason.NO_MODEL)
    yield made
    made.close()


def passed(spine: Spine, count: int, at: datetime, first: int) -> list[str]:
    serials = [f"P{first + n:04d}" for n in range(count)]
    for serial in serials:
        spine.part(serial, at)
    spine.run(spine.pull("parts"), at)
    return serials


def found(spine: Spine, serials: Sequence[str], often: int, at: datetime) -> None:
    """Outcomes: the class `often`, but each 25th is another one."""
    spine.rows("OUTCOMES", *((s, often if n % 25 else (often + 1) % 3, at) for n, s in enumerate(serials)))
    spine.run(spine.pull("outcomes"), at)


def decided(spine: Spine, serials: Sequence[str]) -> list[Any]:
    query = sa.select(D.verdict, D.reason, D.predicted, D.forecast).where(D.serial.in_(serials)).order_by(D.serial)
    with spine.store.read() as connection:
        return list(connection.execute(query))


def recomputed(spine: Spine) -> list[Recomputed]:
    cache = Cache(lambda _name, _digest: SumModel())
    return list(recompute_decisions(spine.store, lambda _: spine.plant, cache))


@pytest.mark.parametrize(
    ("often", "verdict", "reason"),
    [(0, "continue", "forecast"), (1, "correct", "forecast"), (2, "hold", "no_model")],
    ids=["good", "to be corrected", "scrap: never by a forecast"],
)
@pytest.mark.slow
def test_the_rates_decide(often: int, verdict: str, reason: str, spine: Spine) -> None:
    serials = passed(spine, 100, after(0), 0)
    assert {(row.reason, row.forecast) for row in decided(spine, serials)} == {("no_model", None)}
    found(spine, serials, often, after(10))
    (row,) = decided(spine, passed(spine, 1, after(20), 500))
    assert (row.verdict, row.reason, row.predicted) == (verdict, reason, None)
    record = row.forecast
    assert sum(record["rates"]) == pytest.approx(1)
    assert record["rates"][often] > 0.9
    assert record["value"] == record["lower"] == record["upper"] == pytest.approx(1 - record["rates"][0])
    assert (record["outcomes"], record["instead_of"]) == (100, "no_model")
    assert [one for one in recomputed(spine) if not one.matches] == []


def test_changed_outcomes_are_noticed(spine: Spine) -> None:
    serials = passed(spine, 100, after(0), 0)
    found(spine, serials, 0, after(10))
    passed(spine, 1, after(20), 500)
    with spine.store.write() as connection:
        connection.execute(t.outcome.update().where(t.outcome.c.serial == serials[-1]).values(value=1.0))
    (wrong,) = (one for one in recomputed(spine) if not one.matches)
    assert wrong.recomputed[1] == "its outcomes are gone or changed"


def test_outcomes_of_no_class_that_are_stored_already_do_not_count(spine: Spine) -> None:
    """The plant file knew the class when they were taken in."""
    serials = passed(spine, 100, after(0), 0)
    found(spine, serials, 0, after(10))
    with spine.store.write() as connection:
        connection.execute(t.outcome.update().where(t.outcome.c.serial.in_(serials[:60])).values(value=9.0))
    (row,) = decided(spine, passed(spine, 1, after(20), 500))
    assert row.forecast["outcomes"] == 40
    assert row.reason == "forecast"
