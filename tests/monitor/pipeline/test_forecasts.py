"""A gate without a model to decide by: the forecast decides where its interval allows it, and can be computed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from spine_kit import Cache, Spine, SumModel, after

from monitor.gate_models.rederive import Recomputed, recompute_decisions
from monitor.model import Floats, Prediction, Reason
from monitor.pipeline.judging import InForce
from monitor.store.database import tables as t

KNOWN = 60
"""Outcomes known before the gate decides."""


def passed(spine: Spine, count: int, at: datetime, first: int = 0) -> list[str]:
    serials = [f"P{first + n:04d}" for n in range(count)]
    spine.parts(dict.fromkeys(serials, at))
    spine.run(spine.pull("parts"), at)
    return serials


def measured(spine: Spine, serials: Sequence[str], middle: float, at: datetime) -> None:
    """Outcomes within 2 of a middle."""
    spine.rows("OUTCOMES", *((serial, middle + n % 5 - 2, at) for n, serial in enumerate(serials)))
    spine.run(spine.pull("outcomes"), at)


def decided(spine: Spine, serials: Sequence[str]) -> list[Any]:
    d = t.decision.c
    query = sa.select(d.verdict, d.reason, d.predicted, d.forecast).where(d.serial.in_(serials)).order_by(d.serial)
    with spine.store.read() as connection:
        return list(connection.execute(query))


def recomputed(spine: Spine) -> list[Recomputed]:
    cache = Cache(lambda _name, _digest: SumModel())
    return list(recompute_decisions(spine.store, lambda _: spine.plant, cache))


def learnt(spine: Spine, middle: float) -> None:
    """Outcomes of parts that passed before any was known, and of others that passed afterwards."""
    spine.used = InForce(None, Reason.NO_MODEL)
    for round_, at in enumerate((0, 20)):
        serials = passed(spine, KNOWN, after(at), first=KNOWN * round_)
        rows = decided(spine, serials)
        assert {(row.verdict, row.reason, row.forecast) for row in rows} == {("hold", "no_model", None)}
        for i in range(0, KNOWN, 30):
            measured(spine, serials[i : i + 30], middle, after(at + 1 + i / 10))


@pytest.mark.parametrize(
    ("middle", "verdict", "reason"),
    [(50.0, "continue", "forecast"), (125.0, "correct", "forecast"), (99.0, "hold", "no_model"),
     (400.0, "hold", "no_model"), (-60.0, "hold", "no_model")],
    ids=["in specification", "in the rework range", "on a border", "far above: never scrapped", "far below"],
)  # fmt: skip
@pytest.mark.slow
def test_a_gate_without_a_model_decides_by_what_the_newest_outcomes_say(
    middle: float, verdict: str, reason: str, spine: Spine
) -> None:
    learnt(spine, middle)
    rows = decided(spine, passed(spine, 2, after(60), first=500))
    assert {(row.verdict, row.reason, row.predicted) for row in rows} == {(verdict, reason, None)}
    for row in rows:
        assert row.forecast["lower"] < middle + 1 < row.forecast["upper"] + 2
        assert (row.forecast["outcomes"], row.forecast["instead_of"]) == (2 * KNOWN, "no_model")
    again = recomputed(spine)
    assert len(again) == 2 * KNOWN + 2
    assert [one for one in again if not one.matches] == []


def test_the_mes_is_told_the_interval_that_decided(spine: Spine) -> None:
    learnt(spine, 50.0)
    (serial,) = passed(spine, 1, after(60), first=500)
    (payload,) = (row for row in spine.all(t.outbox, "payload") if row["serial"] == serial)
    known = decided(spine, [serial])[0].forecast
    assert (payload["recommendation"], payload["reason"], payload["confidence"]) == ("continue", "forecast", 0.9)
    assert [payload[name] for name in ("predicted", "lower", "upper")] == [
        known[name] for name in ("value", "lower", "upper")
    ]


def test_a_plant_may_want_such_parts_held(spine: Spine) -> None:
    gate = spine.plant.gates["form"].model_copy(update={"forecast": False})
    spine.plant = spine.plant.model_copy(update={"gates": {"form": gate}})
    learnt(spine, 50.0)
    rows = decided(spine, passed(spine, 2, after(60), first=500))
    assert {(row.verdict, row.reason, row.forecast) for row in rows} == {("hold", "no_model", None)}


@pytest.mark.parametrize("reason", [Reason.NO_SKILL, Reason.NOT_CALIBRATED])
@pytest.mark.slow
def test_a_model_that_must_not_decide_goes_on_predicting(reason: Reason, spine: Spine) -> None:
    learnt(spine, 50.0)
    spine.used = InForce(SumModel(), None, "w", "1", "digest", withheld=reason)
    (row,) = decided(spine, passed(spine, 1, after(60), first=500))
    assert (row.verdict, row.reason) == ("continue", "forecast")
    assert row.predicted is not None
    assert all(one.matches for one in recomputed(spine))


@pytest.mark.slow
def test_a_model_that_may_decide_does(spine: Spine) -> None:
    learnt(spine, 50.0)
    spine.used = InForce(SumModel(), None, "w", "1", "digest")
    (row,) = decided(spine, passed(spine, 1, after(60), first=500))
    assert (row.reason, row.forecast) == ("in_spec", None)


@pytest.mark.slow
def test_rows_that_arrive_later_change_no_recomputed_decision(spine: Spine) -> None:
    """Outcomes without a passage, whose parts' passages arrive after the decision, with times from before."""
    spine.used = InForce(None, Reason.NO_MODEL)
    serials = [f"P{n:04d}" for n in range(KNOWN)]
    for i in range(0, KNOWN, 30):
        measured(spine, serials[i : i + 30], 50.0, after(10 + i / 10))
    pull = spine.pull("parts")  # keeps its forecast until outcomes arrive
    spine.part("P0500", after(60))
    spine.run(pull, after(60))
    for serial in serials:
        spine.part(serial, after(5), known=after(61))
    spine.part("P0501", after(62))
    spine.run(pull, after(62))
    spine.part("P0502", after(63))
    spine.run(pull, after(63))
    measured(spine, ["P0500"], 50.0, after(64))
    spine.part("P0503", after(65))
    spine.run(pull, after(65))
    reasons = [row.reason for row in decided(spine, ["P0500", "P0501", "P0502", "P0503"])]
    assert reasons == ["forecast"] * 4
    assert all(one.matches for one in recomputed(spine))


@pytest.mark.slow
def test_outcomes_that_are_gone_or_changed_are_noticed(spine: Spine) -> None:
    learnt(spine, 50.0)
    passed(spine, 1, after(60), first=500)
    with spine.store.write() as connection:
        connection.execute(t.outcome.update().where(t.outcome.c.serial == "P0119").values(value=80.0))
    (wrong,) = (one for one in recomputed(spine) if not one.matches)
    assert wrong.key[0] == "P0500"
    assert wrong.recomputed[1] == "its outcomes are gone or changed"


def call_far(spine: Spine, serials: Sequence[str]) -> None:
    """The model calls these parts out of distribution."""
    with spine.store.write() as connection:
        wanted = t.decision.c.serial.in_(serials)
        connection.execute(t.decision.update().where(wanted).values(distance=2.0, distance_limit=1.0))


@pytest.mark.parametrize(
    ("unlike", "decision"),
    [(50, ("continue", "forecast")), (20, ("hold", "out_of_distribution"))],
    ids=["most newest parts", "some newest parts"],
)
@pytest.mark.slow
def test_parts_out_of_distribution_are_decided_on_once_the_outcomes_are_of_such_parts(
    unlike: int, decision: tuple[str, str], spine: Spine
) -> None:
    learnt(spine, 50.0)
    call_far(spine, [f"P{2 * KNOWN - 1 - n:04d}" for n in range(unlike)])
    spine.used = InForce(Unfamiliar(), None, "w", "1", "digest")
    (row,) = decided(spine, passed(spine, 1, after(60), first=500))
    assert (row.verdict, row.reason) == decision
    again = list(recompute_decisions(spine.store, lambda _: spine.plant, Cache(lambda _name, _digest: Unfamiliar())))
    assert all(one.matches for one in again if one.key[0] == "P0500")


class Unfamiliar(SumModel):
    """Calls every part out of distribution."""

    def predict(self, rows: Floats) -> list[Prediction]:
        return [replace(one, distance=3.0, distance_limit=1.0) for one in super().predict(rows)]
