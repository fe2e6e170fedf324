"""Gauge studies: components that are there are found, intervals hold, and what is no crossed study is told."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.spc.anova import anova, crossed
from detectors.spc.gauge import NAMES, gauge
from monitor.errors import UsageError
from monitor.model import Floats


def measured(rng: np.random.Generator, parts: int = 10, operators: int = 3, trials: int = 3,
             operator: float = 0.3, both: float = 0.0, error: float = 0.2) -> Floats:  # fmt: skip
    part = rng.normal(size=(parts, 1, 1))
    by = operator * rng.normal(size=(1, operators, 1)) + both * rng.normal(size=(parts, operators, 1))
    return np.asarray(part + by + error * rng.normal(size=(parts, operators, trials)))


@pytest.mark.parametrize("both", [0.0, 0.4])
@pytest.mark.slow
def test_components_and_intervals_are_right_over_many_studies(both: float) -> None:
    """150 studies of 10 parts, 6 operators and 3 trials, of which the variances are known."""
    rng = np.random.default_rng(11)
    true = {"repeatability": 0.04, "operator": 0.09, "interaction": both**2, "part": 1.0}
    true |= {"gauge": 0.13 + both**2, "total": 1.13 + both**2}
    found = [gauge(measured(rng, operators=6, both=both)) for _ in range(150)]
    for name, value in true.items():
        estimates = [study.variances[name] for study in found]
        if name in ("repeatability", "part", "total"):
            assert np.mean([e.value for e in estimates]) == pytest.approx(value, rel=0.12), name
        if value > 0:
            assert 0.90 <= np.mean([e.low <= value <= e.high for e in estimates]) <= 0.995, name
    share = 100 * np.sqrt(true["gauge"] / true["total"])
    assert 0.90 <= np.mean([s.study["gauge"].low <= share <= s.study["gauge"].high for s in found]) <= 0.995
    pooled = np.mean([study.pooled for study in found])
    assert pooled == pytest.approx(0.75, abs=0.08) if both == 0 else pooled == 0


def test_a_study_moves_with_the_unit_and_not_with_the_zero() -> None:
    values = measured(np.random.default_rng(1))
    plain, moved = gauge(values, 2.0), gauge(10 * values - 3, 20.0)
    for name in NAMES:
        assert moved.variances[name].value == pytest.approx(100 * plain.variances[name].value)
        assert moved.study[name].low == pytest.approx(plain.study[name].low)
        assert moved.tolerance[name].value == pytest.approx(plain.tolerance[name].value)
    assert moved.categories.value == pytest.approx(plain.categories.value)


def test_shares_add_up() -> None:
    found = gauge(measured(np.random.default_rng(2), both=0.4))
    value = {name: found.variances[name].value for name in NAMES}
    assert value["reproducibility"] == pytest.approx(value["operator"] + value["interaction"])
    assert value["total"] == pytest.approx(value["gauge"] + value["part"])
    assert found.study["total"].value == 100
    assert found.categories.value == np.floor(np.sqrt(2 * value["part"] / value["gauge"]))


def test_sums_of_squares_add_up_whatever_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(3)
    values = measured(rng, 4, 3, 2)
    rows = [(f"p{i}", "ABC"[j], values[i, j, k]) for i in range(4) for j in range(3) for k in range(2)]
    found = anova(values)
    total = sum(getattr(found, name).squares for name in ("part", "operator", "interaction", "repeatability"))
    assert total == pytest.approx(float(np.square(values - values.mean()).sum()))
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    parts, operators, measurements = zip(*shuffled, strict=True)
    again = anova(crossed(parts, operators, np.array(measurements)))
    assert (again.part.squares, again.repeatability.squares) == pytest.approx(
        (found.part.squares, found.repeatability.squares)
    )


def test_a_gauge_that_repeats_itself_exactly() -> None:
    values = np.repeat(np.random.default_rng(4).normal(size=(5, 1, 1)), 2, axis=1).repeat(2, axis=2)
    found = gauge(values)
    assert found.variances["gauge"].value == 0
    assert np.isinf(found.categories.value)


ROWS = [(part, operator) for part in "abc" for operator in "xy" for _ in range(2)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (ROWS[:-1], "operator 'y' has 1 measurements of part 'c' and others have 2"),
        (ROWS[::2], "measured each part once"),
        ([row for row in ROWS if row[0] == "a"], "there is one part; expected at least two"),
        ([row for row in ROWS if row[1] == "x"], "there is one operator; expected at least two"),
        ([row for row in ROWS if row != ("b", "x")], "operator 'x' has 0 measurements of part 'b'"),
    ],
    ids=["one missing", "no repeats", "one part", "one operator", "a pair missing"],
)
def test_what_is_no_crossed_study_is_told(rows: list[tuple[str, str]], words: str) -> None:
    parts, operators = zip(*rows, strict=True)
    with pytest.raises(UsageError, match=words):
        crossed(parts, operators, np.arange(len(rows), dtype=np.float64))


def test_a_missing_value_is_a_missing_measurement_and_equal_ones_are_no_study() -> None:
    parts, operators = zip(*ROWS, strict=True)
    with pytest.raises(UsageError, match="operator 'x' has 1 measurements of part 'a'"):
        crossed(parts, operators, np.r_[np.nan, np.arange(len(ROWS) - 1.0)])
    with pytest.raises(UsageError, match="all measurements are equal"):
        gauge(crossed(parts, operators, np.ones(len(ROWS))))
