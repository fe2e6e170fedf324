"""Missing inputs: what a model fills, what it does not look at, and that the gate holds beyond it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inference_parts import INPUTS, POINTS, make_parts, settings, shape_of

from inference import packaging
from inference.models.gaps import learn_gaps
from inference.models.kind import TrainingData
from inference.models.shapes.network import ShapeSizes, alignment
from inference.policy.gate import preconditions
from inference.training import TrainedModel, train
from monitor.errors import ModelError
from monitor.model import Floats, PartInput, PartKey, Reason

NAN = np.nan
ROWS = np.array([[1.0, NAN, 5.0, NAN, 7.0], [2.0, NAN, 5.0, NAN, 7.0 + 1e-12], [9.0, 4.0, 5.0, NAN, 7.0]])


def gappy(share: float = 0.05, seed: int = 0) -> tuple[Floats, Floats, list[str]]:
    """Parts of which some inputs are missing at random, one nearly always, and one never changes."""
    rows, target, serials, _ = make_parts(400, seed)
    rows[np.random.default_rng(seed).random(rows.shape) < share] = NAN
    rows[::3, 3], rows[1::3, 3], rows[:, 35] = NAN, NAN, 12.0
    return rows, target, serials


@pytest.fixture(scope="module")
def with_gaps() -> TrainedModel:
    return train(TrainingData(*gappy()), settings(max_missing=0.1))


def test_gaps_are_filled_by_medians_and_what_says_nothing_is_ignored() -> None:
    gaps = learn_gaps(ROWS, 0.5)
    assert gaps.fill == (2.0, 4.0, 5.0, 0.0, 7.0)
    assert gaps.ignored == (False, True, True, True, True), "mostly missing, constant, never there, wobbling"
    np.testing.assert_array_equal(gaps.filled(np.array([[NAN, 8, 8, 8, 8]])), [[2.0, 4.0, 5.0, 0.0, 7.0]])
    assert gaps.needed("abcde") == ("a",)


@given(st.integers(0, 20), st.floats(0.01, 0.9))
@pytest.mark.slow
def test_a_row_is_acceptable_while_no_more_is_missing_than_allowed(missing: int, most: float) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 20))
    gaps = learn_gaps(rows, most)
    row = rows[:1].copy()
    row[0, :missing] = NAN
    assert gaps.acceptable(row)[0] == (missing <= most * 20)


@pytest.mark.slow
def test_a_model_with_gaps_has_skill_and_ignores_what_is_mostly_missing_or_constant(with_gaps: TrainedModel) -> None:
    gaps = shape_of(with_gaps).gaps
    assert gaps is not None
    assert with_gaps.metrics.skill > 0.3
    assert with_gaps.metrics.rows == int(gaps.acceptable(gappy()[0]).sum()) < 400
    assert [name for name, no in zip(INPUTS, gaps.ignored, strict=True) if no] == ["p03", "c5"]


@pytest.mark.slow
def test_a_packaged_model_fills_bit_for_bit_what_the_trained_one_filled(
    with_gaps: TrainedModel, tmp_path: Path
) -> None:
    fresh = shape_of(with_gaps)
    assert fresh.gaps is not None
    digest = packaging.save(with_gaps, tmp_path / "m")
    model = packaging.load(tmp_path / "m", digest)
    rows = gappy(seed=5)[0][:40]
    assert fresh.regression is not None
    expected = fresh.regression.predict(fresh.gaps.filled(rows))[0].tolist()
    assert [p.value for p in model.predict(rows)] == expected
    assert [model.predict(row[None])[0].value for row in rows] == expected, "split in any way"
    assert (model.max_missing, set(INPUTS) - set(model.needed)) == (0.1, {"p03", "c5"})


def test_what_is_ignored_changes_nothing(with_gaps: TrainedModel, tmp_path: Path) -> None:
    model = packaging.load(tmp_path / "m", packaging.save(with_gaps, tmp_path / "m"))
    rows = make_parts(20, 9)[0]
    other = rows.copy()
    other[:, 3], other[:, 35] = 1e6, NAN
    assert model.predict(rows) == model.predict(other)


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        pytest.param((), None, id="nothing missing"),
        pytest.param(("p03", "c5"), None, id="what the model does without"),
        pytest.param(INPUTS[4:7], None, id="3 of 38 needed ones, 3.8 allowed"),
        pytest.param(INPUTS[4:8], Reason.INCOMPLETE_INPUT, id="4 of 38 needed ones"),
        pytest.param(INPUTS, Reason.INCOMPLETE_INPUT, id="everything missing"),
    ],
)
def test_the_gate_holds_a_part_that_lacks_more_than_the_model_may_fill(
    with_gaps: TrainedModel, tmp_path: Path, missing: tuple[str, ...], reason: Reason | None
) -> None:
    model = packaging.load(tmp_path / "m", packaging.save(with_gaps, tmp_path / "m"))
    values = dict(zip(INPUTS, make_parts(1)[0][0], strict=True))
    for name in missing[::2]:
        values[name] = NAN
    for name in missing[1::2]:
        del values[name]
    part = PartInput(PartKey("S", "x", 1), datetime(2026, 1, 1, tzinfo=UTC), values)
    assert preconditions(model, None, part) is reason


def test_without_max_missing_a_gap_is_refused_and_a_package_says_of_no_gaps(
    package: tuple[Path, str],
) -> None:
    with pytest.raises(ModelError, match="missing or infinite"):
        train(TrainingData(*gappy()), settings(3))
    assert packaging.verify(*package).own["gaps"] is None
    model = packaging.load(*package)
    assert (model.max_missing, model.needed) == (0.0, model.inputs)


def test_a_vector_has_neither_offset_nor_tilt() -> None:
    sizes = ShapeSizes(4, 2)
    row = np.array([[1.0, 2000.0, 3.0, 4.0, 50.0, 60.0]])
    np.testing.assert_array_equal(row @ alignment(sizes, line=False), [[1.0, 2000.0, 3.0, 4.0, 0.0, 0.0, 50.0, 60.0]])


@pytest.mark.slow
def test_a_vector_of_unlike_units_is_learnt_where_a_line_would_drown_the_small_ones() -> None:
    rows, target, serials, _ = make_parts(600, 4)
    units = 10.0 ** np.random.default_rng(1).integers(-3, 4, POINTS)
    rows[:, :POINTS] *= units
    data = TrainingData(rows, target, serials)
    skill = {line: train(data, settings(line=line)).metrics.skill for line in (False, True)}
    assert skill[False] > skill[True]
