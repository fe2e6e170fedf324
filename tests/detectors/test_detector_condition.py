"""The charts of a machine's condition: each finds its own kind of fault, names the sensor, and is quiet otherwise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from detector_streams import ar1, shifted, spread, uncoupled

from detectors.condition.levels import PAGE
from detectors.condition.reference import LEAST_ROWS, learn
from detectors.condition.scoring import Scores, score, start
from monitor.model import Floats

REFERENCE, FAULT, ROWS = 1000, 1300, 2100


def scored(rows: Floats, reference: int = REFERENCE) -> Scores:
    """Scores of all rows by the first ones, which are scored, too."""
    learnt = learn(rows[:reference])
    return score(learnt, start(learnt), rows)[1]


def first_above(values: Floats, limit: float, begin: int = REFERENCE) -> int | None:
    rows = np.flatnonzero(values[begin:] > limit)
    return int(rows[0]) + begin if len(rows) else None


def worn(rows: Floats) -> Floats:
    """One sensor drifts away from the others, by less than all of them move together."""
    changed = ar1(int(abs(rows[0, 0]) * 1e6), len(rows), 0.3, common=0.95)
    changed[:, 2] += 1.2 * np.clip(np.arange(len(rows)) - FAULT, 0, 300) / 300
    return changed


def level(scores: Scores) -> Floats:
    return np.asarray(scores.level.max(axis=1))


def balance(scores: Scores) -> Floats:
    return np.asarray(scores.balance.max(axis=1))


def residual(scores: Scores) -> Floats:
    return scores.residual


def scatter(scores: Scores) -> Floats:
    return scores.scatter


FAULTS = {
    "a level that moves, by LEVEL": (lambda v: shifted(v, FAULT, 2.0, [2]), level, PAGE, 60),
    "a level that moves, by the balances": (lambda v: shifted(v, FAULT, 2.0, [2]), balance, PAGE, 30),
    "slow wear below the swing of the load, by the balances": (worn, balance, PAGE, 400),
    "one that scatters more, by the residuals": (lambda v: spread(v, FAULT, 3.0, [4]), residual, PAGE, 30),
    "one that leaves the others, by the residuals": (lambda v: uncoupled(v, FAULT, 6, 9, 0.3), residual, 1.0, 120),
    "all scatter a little more, by the scatter": (lambda v: spread(v, FAULT, 1.25, range(8)), scatter, PAGE, 120),
    "one that leaves the others, by the scatter": (lambda v: uncoupled(v, FAULT, 6, 9, 0.3), scatter, PAGE, 200),
}


@pytest.mark.parametrize("seed", [3000, 3001])
@pytest.mark.parametrize(("fault", "chart", "limit", "within"), FAULTS.values(), ids=FAULTS)
def test_each_chart_finds_its_fault_and_not_before(
    fault: Callable[[Floats], Floats], chart: Callable[[Scores], Floats], limit: float, within: int, seed: int
) -> None:
    found = first_above(chart(scored(fault(ar1(seed, ROWS, 0.3)))), limit)
    assert found is not None
    assert FAULT <= found < FAULT + within


def test_wear_below_the_swing_of_the_load_is_not_for_the_levels() -> None:
    scores = scored(worn(ar1(3002, ROWS, 0.3)))
    assert first_above(level(scores), PAGE) is None
    assert first_above(balance(scores), PAGE) is not None


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
@pytest.mark.slow
def test_healthy_machines_call_nobody(phi: float) -> None:
    """A false call in 86,400 rows is allowed by the settings; these are 25,000."""
    called, flagged = 0, 0.0
    for seed in range(3010, 3015):
        scores = scored(ar1(seed, 6000, phi)).scores[REFERENCE:]
        called, flagged = called + bool((scores > PAGE).any()), flagged + float((scores > 1.0).mean()) / 5
    assert called <= 1
    assert flagged < 0.01


NAMED = {
    "a level": (lambda v: shifted(v, FAULT, 3.0, [2]), 2),
    "wear": (worn, 2),
    "a scatter": (lambda v: spread(v, FAULT, 4.0, [4]), 4),
}


@pytest.mark.parametrize(("fault", "sensor"), NAMED.values(), ids=NAMED)
@pytest.mark.slow
def test_contributions_name_the_sensor(fault: Callable[[Floats], Floats], sensor: int) -> None:
    scores = scored(fault(ar1(3000, ROWS, 0.3)))
    flagged = np.flatnonzero(scores.scores > 1.0)
    rows = [row for row in flagged[flagged >= FAULT].tolist() if scores.scatter[row] < scores.scores[row]]
    named = [int(scores.contributions(row).argmax()) for row in rows]
    assert len(rows) > 20
    assert named.count(sensor) > 0.8 * len(rows)


def test_contributions_are_no_higher_than_the_score() -> None:
    scores = scored(shifted(ar1(3005, ROWS, 0.3), FAULT, 3.0, [2]))
    for row in range(REFERENCE, ROWS, 7):
        assert scores.contributions(row).max() <= scores.scores[row]


@pytest.mark.parametrize("sample", [12.0, 1e9, -1e12, np.inf, np.nan])
def test_one_wild_sample_is_not_flagged(sample: float) -> None:
    rows = ar1(3006, 1600, 0.3)
    assert first_above(scored(rows).scores, 1.0) is None
    rows[FAULT, 3] = sample
    assert first_above(scored(rows).scores, 1.0) is None


@pytest.mark.parametrize("common", [0.3, 0.6, 0.97])
@pytest.mark.parametrize("dead", [[2], [2, 5], [0, 1, 2, 3]])
def test_dead_sensors_neither_alarm_nor_hide_a_shift_of_another(dead: list[int], common: float) -> None:
    rows = ar1(3008, 2600, 0.3, common=common)
    rows[FAULT:, dead] = np.nan
    assert first_above(scored(rows).scores, PAGE) is None
    found = scored(shifted(rows, 2000, 3.0, [6]))
    row = first_above(found.scores, PAGE)
    assert row is not None
    assert 2000 <= row < 2060
    assert found.contributions(row).argmax() == 6


def test_sensors_that_die_and_come_back_again_and_again_call_nobody() -> None:
    rows, rng = ar1(3012, 6000, 0.3, common=0.9), np.random.default_rng(3012)
    for row in range(FAULT, 6000, 60):
        rows[row : row + rng.integers(1, 60), rng.integers(0, 8)] = np.nan
    assert first_above(scored(rows).scores, PAGE) is None


def test_a_sensor_that_comes_back_shifted_is_found() -> None:
    rows = ar1(3008, 2200, 0.3)
    rows[FAULT:1800, 2] = np.nan
    back = shifted(rows, 1800, 3.0, [2])
    assert first_above(scored(rows).scores, PAGE) is None
    row = first_above(scored(back).scores, PAGE)
    assert row is not None
    assert 1800 <= row < 1840


@pytest.mark.parametrize("rows", [60, 80, 100])
def test_the_shortest_references_judge(rows: int) -> None:
    values = ar1(3009, rows + 400, 0.3)
    assert first_above(scored(values, rows).scores, PAGE, rows) is None
    assert first_above(scored(shifted(values, rows + 200, 8.0, [1]), rows).scores, PAGE, rows) is not None


def test_a_reference_that_is_too_short_or_has_a_sensor_without_values_is_refused() -> None:
    values = ar1(3010, 100, 0.3)
    with pytest.raises(ValueError, match="a reference needs 40 rows"):
        learn(values[: LEAST_ROWS - 1])
    values[:, 3] = np.nan
    with pytest.raises(ValueError, match="a value of each sensor"):
        learn(values)


def test_a_sensor_that_never_moved_is_found_when_it_does() -> None:
    rows = ar1(3011, ROWS, 0.3)
    rows[:, 7] = 4.25
    assert first_above(scored(rows).scores, PAGE) is None
    found = scored(shifted(rows, FAULT, 1e-3, [7]))
    row = first_above(found.scores, PAGE - 1e-9)
    assert row is not None
    assert FAULT <= row < FAULT + 20
    assert found.contributions(row).argmax() == 7
