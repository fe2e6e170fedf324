"""Which rows have enough inputs, wherever a model predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from inference.policy.gate import judge, preconditions
from inference.predicting import enough_inputs, judges_pictures, order_columns, predict_rows
from monitor.model import Floats, PartInput, PartKey, Prediction, Reason, ReworkBand, Spec, Window
from monitor.pictures import Picture, keep
from monitor.plant.gates import GateConfig
from monitor.ports import GateModel
from monitor.store.rows.parts import PartStep
from monitor.windows.parts import predicted

AT = datetime(2026, 3, 1, tzinfo=UTC)
NAN = float("nan")


@dataclass(frozen=True)
class Filling:
    """Needs a and b, may do without half of what it needs, does not look at c; predicts the sum of what is there."""

    inputs: tuple[str, ...] = ("press.a", "press.b", "press.c")
    needed: tuple[str, ...] = ("press.a", "press.b")
    max_missing: float = 0.5
    digest: str = "d"
    skill: float = 0.5
    coverage: float = 0.9

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        return [Prediction(v, v - 1, v + 1, 0.1, 1.0) for v in np.nansum(rows, axis=1).tolist()]


ROWS = {
    "whole": ([1.0, 2.0, 3.0], True),
    "half of what is needed": ([1.0, NAN, 3.0], True),
    "nothing that is needed": ([NAN, NAN, 3.0], False),
    "without what it does not look at": ([1.0, 2.0, NAN], True),
    "an infinite value is a missing one": ([float("inf"), NAN, 3.0], False),
}


@pytest.mark.parametrize(("row", "may"), ROWS.values(), ids=ROWS)
def test_the_rule(row: list[float], may: bool) -> None:
    assert enough_inputs(Filling(), np.array([row])).tolist() == [may]
    assert [answer is not None for answer in predict_rows(Filling(), np.array([row]))] == [may]


@pytest.mark.parametrize(("row", "may"), ROWS.values(), ids=ROWS)
def test_the_gate_goes_by_it(row: list[float], may: bool) -> None:
    part = PartInput(PartKey("s", "press", 1), AT, dict(zip(Filling.inputs, row, strict=True)))
    assert preconditions(Filling(), None, part) is (None if may else Reason.INCOMPLETE_INPUT)


def test_the_drift_of_predictions_goes_by_it() -> None:
    """The parts that a gate decides on are the parts whose predictions may drift."""
    rows = [row for row, _ in ROWS.values() if not np.isinf(row).any()]
    history = [
        PartStep(
            i, f"s{i}", "press", 1, 0, AT, "press-1", "", "",
            {name: value for name, value in zip("abc", row, strict=True) if value == value}, "", "mes", AT,
        )
        for i, row in enumerate(rows)
    ]  # fmt: skip
    places = np.arange(len(rows), dtype=np.int64)
    window = Window("press", "press", (), np.empty((len(rows), 0)), places, places)
    gate = GateConfig.model_validate({"step": "press", "characteristic": "leak", "model": "m", "profile": [*"abcd"]})
    np.testing.assert_array_equal(
        predicted(history, {"press": timedelta(days=1)}, gate, Filling(), window, {}), [6.0, 4.0, NAN, 3.0]
    )


def test_columns_are_brought_into_the_order_of_the_model() -> None:
    rows = order_columns(Filling(), ("press.c", "press.x", "press.a"), np.array([[3.0, 9.0, 1.0]]))
    np.testing.assert_array_equal(rows, [[1.0, NAN, 3.0]])


@dataclass(frozen=True)
class Looking(Filling):
    """Predicts the mean of a picture."""

    inputs: tuple[str, ...] = ("image",)
    needed: tuple[str, ...] = ("image",)

    def predict(self, rows: Sequence[Picture]) -> Sequence[Prediction]:  # type: ignore[override]
        return [Prediction(float(row.mean()), 0, 255, 0.1, 1.0) for row in rows]


GREY = [np.full((4, 6), grey, dtype=np.uint8) for grey in (10, 20)]
ROW = np.array([[1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("model", "items", "said"),
    [
        (Looking(), GREY, [10.0, 20.0]),
        (Looking(), [], []),
        (Looking(), ROW, [None]),
        (Filling(), ROW, [6.0]),
        (Filling(), GREY, [None, None]),
    ],
    ids=["pictures", "none", "a row for pictures", "a row", "pictures for rows"],
)
def test_a_model_predicts_what_it_takes_and_nothing_else(
    model: GateModel, items: Floats | list[Picture], said: list[float | None]
) -> None:
    found = predict_rows(model, items)
    assert [None if one is None else one.value for one in found] == said
    assert enough_inputs(model, items).tolist() == [one is not None for one in said]
    assert judges_pictures(model) is isinstance(model, Looking)


def test_a_part_without_its_picture_is_held_and_costs_no_other() -> None:
    parts = [PartInput(PartKey(f"P{i}", "press", 1), AT, {}, (i,), None if i == 1 else keep(GREY[0])) for i in range(3)]
    found = judge(Looking(), None, parts, lambda at: Spec(0.0, 255.0), ReworkBand())  # type: ignore[arg-type]
    assert [decision.reason for _, decision in found] == [Reason.IN_SPEC, Reason.INCOMPLETE_INPUT, Reason.IN_SPEC]
    assert preconditions(Looking(), None, parts[1]) is Reason.INCOMPLETE_INPUT  # type: ignore[arg-type]
    assert preconditions(Looking(), None, parts[0]) is None  # type: ignore[arg-type]
