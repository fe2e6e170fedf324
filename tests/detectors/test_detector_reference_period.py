"""A named good period: what is learnt of it, from when on a machine is judged, and rare samples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from detector_streams import PERIOD, START, ar1, batch_of, shifted
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.stream.anomaly_state import AnomalyState
from detectors.stream.baseline import LEAST_WARM_UP, Baseline, Settings
from detectors.stream.online import MachineAnomaly
from monitor.detection import CONDITION_ALARM
from monitor.model import Finding, Floats, Status

FIRST, LAST = 200, 499
PERIOD_OF_ROWS = (START + FIRST * PERIOD, START + LAST * PERIOD)


def detector_for(values: Floats, reference: tuple[int, int] | None = PERIOD_OF_ROWS, **more: float) -> MachineAnomaly:
    limits = {f"s{i}": (None, None) for i in range(values.shape[1])}
    return MachineAnomaly(limits, Settings(reference=reference, **more))  # type: ignore[arg-type]


def watched(
    values: Floats, cuts: Sequence[int] = (), reference: tuple[int, int] | None = PERIOD_OF_ROWS, saved: bool = False
) -> tuple[MachineAnomaly, AnomalyState, list[Finding]]:
    detector = detector_for(values, reference)
    state, findings = detector.start(), []
    for a, b in pairwise([0, *sorted(cuts), len(values)]):
        state, found = detector.observe(state, batch_of(values, a, b))
        findings += found
        if saved:
            state = detector.restore(json.loads(json.dumps(detector.save(state), allow_nan=False)))
    return detector, state, findings


def told(findings: Sequence[Finding]) -> list[tuple[int, str]]:
    return [(f.row, f.status.value) for f in findings if f.method == CONDITION_ALARM]


def test_only_rows_within_are_learnt_and_it_is_judged_from_its_end_on() -> None:
    values = ar1(3300, 900, 0.3)
    values[:FIRST] += 9.0
    values[LAST + 1 :, 2] -= 5.0
    _, state, findings = watched(values)
    baseline = state.baselines["a"]
    assert isinstance(baseline, Baseline)
    np.testing.assert_allclose(baseline.reference.centre, values[FIRST : LAST + 1].mean(axis=0), rtol=1e-9)
    assert told(findings)[0] == (0, "cannot_judge")
    row, status = told(findings)[1]
    assert status == "breach"
    assert LAST < row < LAST + 30


def test_rows_after_it_are_never_learnt() -> None:
    _, early, _ = watched(ar1(3301, 700, 0.3))
    _, late, _ = watched(ar1(3301, 9000, 0.3)[:, :])
    for state in (early, late):
        assert isinstance(state.baselines["a"], Baseline)
    first, second = early.baselines["a"].save(), late.baselines["a"].save()
    assert first["reservoir"] is not None
    assert first["reservoir"] == second["reservoir"]


@pytest.mark.parametrize("reference", [None, PERIOD_OF_ROWS, (START + 100 * PERIOD, START + 10_000 * PERIOD)])
def test_a_period_longer_than_the_warm_up_ends_it_as_usual(reference: tuple[int, int] | None) -> None:
    _, _, findings = watched(ar1(3302, 1500, 0.3), reference=reference)
    begins = {None: 1004, PERIOD_OF_ROWS: LAST + 5}.get(reference, 1104)
    assert told(findings)[1][1] == "ok"
    assert abs(told(findings)[1][0] - begins) <= 1


def test_a_period_of_too_few_rows_is_no_baseline_and_says_so() -> None:
    few = (START, START + (LEAST_WARM_UP - 2) * PERIOD)
    detector, state, findings = watched(ar1(3303, 1500, 0.3), reference=few)
    assert told(findings) == [(0, "cannot_judge")]
    now = {f.method: f for f in detector.current(state)}
    assert now[CONDITION_ALARM].status is Status.CANNOT_JUDGE
    assert now["unwatched"].value == 1500


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 900), max_size=6), st.booleans())
@pytest.mark.slow
def test_splits_and_saving_change_nothing(cuts: list[int], saved: bool) -> None:
    values = shifted(ar1(3304, 900, 0.3, sensors=3), 600, 4.0, [1])
    detector, state, findings = watched(values)
    _, other, parts = watched(values, cuts, saved=saved)
    assert parts == findings
    assert detector.save(other) == detector.save(state)
    assert [status for _, status in told(findings)] == ["cannot_judge", "ok", "breach"]


@pytest.mark.parametrize("cut", [(), (3, 17, 100, 101)])
def test_a_machine_sampled_once_a_day_is_judged_after_a_hundred_rows(cut: tuple[int, ...]) -> None:
    values = shifted(ar1(3305, 300, 0.0, sensors=3), 200, 6.0, [1])
    detector = detector_for(values, None, warmup_seconds=86_400.0 * 60)
    at = START + 86_400_000_000_000 * np.arange(300, dtype=np.int64)
    state, findings = detector.start(), []
    for a, b in pairwise([0, *cut, 300]):
        batch = batch_of(values, a, b)
        batch.at[:] = at[a:b]
        state, found = detector.observe(state, batch)
        findings += found
    found_at = told(findings)
    assert [status for _, status in found_at] == ["cannot_judge", "ok", "breach"]
    assert found_at[1][0] == 104
    assert 200 <= found_at[2][0] < 230
