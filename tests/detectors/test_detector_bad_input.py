"""Bad input to every detector: nothing breaks, a shift afterwards is found, what is not judged says so."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
from detector_streams import PERIOD, START, ar1, batch_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.condition.changes import learn_changes, score_changes, start_changes
from detectors.shared.rows import BEYOND
from detectors.standalone.judging import Kind, judge
from detectors.stream.anomaly_state import AnomalyState
from detectors.stream.baseline import Settings
from detectors.stream.limits import SensorLimits
from detectors.stream.online import MachineAnomaly
from monitor.detection import CHANGE, CONDITION, CONDITION_ALARM
from monitor.model import Finding, Floats, Status

ROWS, REFERENCE, BAD, SHIFT = 1300, 300, 500, 1000
SENSORS, BROKEN, SHIFTED = 6, 2, 4
Instants = NDArray[np.int64]
STEPS = 10.0
"""Standard deviations of one sensor that make a change point of six for certain; the condition needs five."""


@pytest.fixture(autouse=True)
def _no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def some(values: Floats, what: float) -> None:
    values[BAD : BAD + 60, BROKEN] = what


def scattered(values: Floats, what: float) -> None:
    values[np.random.default_rng(3500).random(values.shape) < 0.1] = what


def until_bad(values: Floats, what: float) -> None:
    values[:BAD, BROKEN] = what


def in_other_units(values: Floats, factor: float) -> None:
    values[BAD : BAD + 60, BROKEN] = values[BAD : BAD + 60, BROKEN] * factor + 32


def all_of_them(values: Floats, what: float) -> None:
    values[BAD : BAD + 60] = what


def once_in_the_reference(values: Floats, what: float) -> None:
    values[100, SHIFTED] = what


def always(values: Floats, what: float) -> None:
    values[:, BROKEN] = what


def stuck(values: Floats, _: float) -> None:
    values[BAD : BAD + 60, BROKEN] = values[BAD, BROKEN]


BADLY: dict[str, tuple[Callable[[Floats, float], None], float]] = {
    "NaN for an hour": (some, np.nan),
    "infinity for an hour": (some, np.inf),
    "minus infinity for an hour": (some, -np.inf),
    "a number beyond single precision": (some, 1e300),
    "the largest number": (all_of_them, np.finfo(np.float64).max),
    "a tenth of all values missing": (scattered, np.nan),
    "a tenth of all values infinite": (scattered, np.inf),
    "a sensor that appears": (until_bad, np.nan),
    "a sensor that swaps units": (in_other_units, 1.8),
    "a sensor in thousandths": (in_other_units, 1000.0),
    "everything missing for an hour": (all_of_them, np.nan),
    "an error code in the reference": (once_in_the_reference, 99_999.0),
    "the largest single number in the reference": (once_in_the_reference, 3e38),
    "a number beyond single precision in the reference": (once_in_the_reference, 1e300),
    "a constant sensor": (always, 7.3),
    "a constant sensor of huge numbers": (always, 1.1e15),
    "a stuck sensor": (stuck, 0.0),
}


def history(seed: int, spoil: Callable[[Floats, float], None], what: float, steps: float = 5.0) -> Floats:
    """Rows spoiled somewhere before SHIFT, where a sensor, not the broken one, moves for good."""
    values = ar1(seed, ROWS, 0.3, sensors=SENSORS)
    spoil(values, what)
    values[SHIFT:, SHIFTED] += steps
    return values


def watch(
    values: Floats, at: Instants | None = None, cuts: Sequence[int] = (), warm_up: int = REFERENCE
) -> tuple[MachineAnomaly, AnomalyState, list[Finding]]:
    """A machine through these rows; saved and restored at the cuts."""
    limits = {f"s{i}": (None, None) for i in range(values.shape[1])}
    detector = MachineAnomaly(limits, Settings(warmup_rows=warm_up))
    state, findings, edges = detector.start(), [], [0, *sorted(cuts), len(values)]
    for a, b in pairwise(edges):
        batch = batch_of(values, a, b)
        if at is not None:
            batch.at[:] = at[a:b]
        state, found = detector.observe(state, batch)
        findings += found
        state = detector.restore(json.loads(json.dumps(detector.save(state), allow_nan=False)))
    assert all(number is None or np.isfinite(number) for f in findings for number in (f.value, f.limit))
    return detector, state, findings


def statuses(findings: Sequence[Finding], method: str = CONDITION_ALARM) -> list[str]:
    return [f.status.value for f in findings if f.method == method]


def found_after_the_shift(findings: Sequence[Finding], method: str = CONDITION_ALARM) -> Finding:
    return next(f for f in findings if f.method == method and f.status is Status.BREACH and f.row >= SHIFT)


@pytest.mark.parametrize(("spoil", "what"), BADLY.values(), ids=BADLY)
@pytest.mark.slow
def test_a_shift_of_a_machine_is_found_after_it(spoil: Callable[[Floats, float], None], what: float) -> None:
    values = history(3501, spoil, what)
    found = found_after_the_shift(watch(values)[2])
    assert found.row < SHIFT + 40
    assert found.causes[0] == f"s{SHIFTED}"
    assert watch(values, cuts=[1, 99, 250, 301, 560, 777])[2] == watch(values)[2]


@pytest.mark.parametrize(("spoil", "what"), BADLY.values(), ids=BADLY)
def test_a_change_of_a_machine_is_found_after_it(spoil: Callable[[Floats, float], None], what: float) -> None:
    found = found_after_the_shift(watch(history(3502, spoil, what, STEPS))[2], CHANGE)
    assert found.row < SHIFT + 15
    assert found.causes == (f"s{SHIFTED}",)


@pytest.mark.parametrize("kind", [*Kind])
@pytest.mark.parametrize(("spoil", "what"), BADLY.values(), ids=BADLY)
def test_a_shift_in_a_file_is_found_after_it(kind: Kind, spoil: Callable[[Floats, float], None], what: float) -> None:
    values = history(3503, spoil, what, 5.0 if kind is Kind.STATE else STEPS)
    values[0, np.isnan(values[:REFERENCE]).all(axis=0)] = 0.0  # `rows_of` leaves out a column that is empty there
    values[~(np.abs(values) < BEYOND)] = np.nan  # as the reader of files does
    judged = judge(kind, values, None, REFERENCE)
    assert len(judged.score) == ROWS
    assert not judged.anomaly[:REFERENCE].any()
    assert judged.anomaly[SHIFT : SHIFT + 40].any()
    unknown = np.isnan(values).all(axis=1)
    assert np.isnan(judged.score[unknown]).all()
    assert (judged.top[unknown] == -1).all()


@pytest.mark.parametrize(("spoil", "what"), BADLY.values(), ids=BADLY)
def test_a_limit_that_is_passed_is_found_after_it(spoil: Callable[[Floats, float], None], what: float) -> None:
    values = history(3514, spoil, what, 20.0)
    detector = SensorLimits({f"s{i}": (-8.0, 8.0) for i in range(SENSORS)})
    state, findings = detector.observe(detector.start(), batch_of(values))
    about = [(f.method, f.status, f.row) for f in findings if f.feature == f"s{SHIFTED}" and f.row >= SHIFT]
    assert about == [("limit", Status.BREACH, SHIFT + 2)]
    assert all(f.value is None or np.isfinite(f.value) for f in (*findings, *detector.current(state)))


def odd_times(name: str) -> Instants:
    at = START + PERIOD * np.arange(ROWS, dtype=np.int64)
    if name == "back":
        at[BAD:] -= 3_600_000_000_000
    elif name == "forward":
        at[BAD:] += 300 * 86_400_000_000_000
    elif name == "repeated":
        at = START + PERIOD * (np.arange(ROWS, dtype=np.int64) // 3)
    elif name == "one instant":
        at[:] = START
    else:
        at = at[::-1].copy()
    return at


@pytest.mark.parametrize("name", ["back", "forward", "repeated", "one instant", "backwards"])
def test_a_shift_is_found_whatever_the_clock_says(name: str) -> None:
    values = history(3504, stuck, 0.0)
    assert found_after_the_shift(watch(values, odd_times(name))[2]).row < SHIFT + 40
    judged = judge(Kind.EVENT, history(3504, stuck, 0.0, STEPS), odd_times(name), REFERENCE)
    assert judged.anomaly[SHIFT : SHIFT + 40].any()


@pytest.mark.parametrize(
    ("rows", "expected"), [(0, "no_data"), (1, "cannot_judge"), (REFERENCE - 1, "cannot_judge"), (REFERENCE + 5, "ok")]
)
def test_before_there_are_enough_rows_it_says_so(rows: int, expected: str) -> None:
    detector, state, _ = watch(ar1(3505, ROWS, 0.3)[:rows])
    now = {f.method: f.status.value for f in detector.current(state)}
    assert (now[CONDITION], now[CONDITION_ALARM]) == (expected, expected)
    assert now[CHANGE] == ("cannot_judge" if expected == "ok" else expected), "90 more rows"


def test_without_a_value_there_is_no_data_and_never_ok() -> None:
    detector, state, findings = watch(np.full((ROWS, 3), np.nan))
    assert set(statuses(findings)) <= {"no_data"}
    assert {f.status for f in detector.current(state)} <= {Status.NO_DATA, Status.CANNOT_JUDGE}


def test_a_machine_without_values_for_days_says_so_and_is_judged_again() -> None:
    values = ar1(3506, 8000, 0.3, sensors=4)
    values[1000:7000] = np.nan
    values[7500:, 1] += 5.0
    found = statuses(watch(values)[2])
    assert found == ["cannot_judge", "ok", "no_data", "ok", "breach"]


def test_a_constant_machine_is_quiet_until_it_moves() -> None:
    values = np.full((ROWS, 3), 20.0)
    assert statuses(watch(values)[2]) == ["cannot_judge", "ok"]
    values[SHIFT:, 1] += 1e-3
    assert found_after_the_shift(watch(values)[2]).causes[0] == "s1"


@pytest.mark.parametrize("value", [7.3, 0.1, 123_456.789, -1e-7])
@pytest.mark.slow
def test_a_sensor_that_never_moves_is_quiet_and_found_once_it_does(value: float) -> None:
    """Also after the baseline was learnt again, at twice, four and eight times the warm-up."""
    values = ar1(3513, 3300, 0.3, sensors=SENSORS)
    values[:, BROKEN] = value
    assert statuses(watch(values)[2], CONDITION) == ["cannot_judge", "ok"]
    values[3000:, BROKEN] += 1.0 + np.abs(value)
    found = [f for f in watch(values)[2] if f.method == CONDITION_ALARM][-1]
    assert (found.status, found.causes[0]) == (Status.BREACH, f"s{BROKEN}")
    assert 3000 <= found.row < 3020


@pytest.mark.parametrize("gap", [1, 2])
def test_a_sensor_with_a_value_in_every_other_row_is_judged(gap: int) -> None:
    values = history(3507, stuck, 0.0)
    values[np.arange(ROWS) % 2 == gap % 2, SHIFTED] = np.nan
    assert found_after_the_shift(watch(values)[2]).row < SHIFT + 60


@pytest.mark.parametrize("rows", [100, 300])
@pytest.mark.slow
def test_more_sensors_than_rows_cry_no_wolf_and_find_what_is_plain(rows: int) -> None:
    """How 200 sensors go on together is not known from so few rows: their levels are judged."""
    values = ar1(3508, rows + 160, 0.3, sensors=200)
    assert statuses(watch(values, warm_up=rows)[2]) == ["cannot_judge", "ok"]
    values[rows + 60 :, 150] += 12.0
    found = watch(values, warm_up=rows)[2]
    assert statuses(found, CONDITION)[-1] == "breach"
    assert [f for f in found if f.method == CONDITION][-1].causes[0] == "s150"


ODD = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -1e9, 1e300, 1e-300])
PATCHES = st.lists(st.tuples(st.integers(0, 800), st.integers(1, 90), st.integers(0, 3), ODD), max_size=8)


@settings(deadline=None, max_examples=25)
@given(PATCHES, st.lists(st.integers(0, ROWS), max_size=4))
@pytest.mark.slow
def test_after_any_rubbish_a_shift_is_found_and_splits_change_nothing(
    patches: list[tuple[int, int, int, float]], cuts: list[int]
) -> None:
    values = ar1(3509, ROWS, 0.3, sensors=SENSORS)
    for begin, length, sensor, what in patches:
        values[max(begin, REFERENCE) :, :][:length, sensor] = what
    values[SHIFT:, SHIFTED] += 5.0
    detector, state, findings = watch(values)
    assert found_after_the_shift(findings).row < SHIFT + 60
    _, other, parts = watch(values, cuts=cuts)
    assert parts == findings
    assert detector.save(other) == detector.save(state)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, REFERENCE - 1), st.integers(1, 40), st.integers(0, 5), ODD), max_size=6))
@pytest.mark.slow
def test_rubbish_in_the_reference_breaks_nothing(patches: list[tuple[int, int, int, float]]) -> None:
    values = ar1(3510, 800, 0.3, sensors=SENSORS)
    for begin, length, sensor, what in patches:
        values[begin : begin + length, sensor] = what
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numbers whose squares overflow
        findings = watch(values)[2]
    assert statuses(findings)[0] in ("cannot_judge", "no_data")


@settings(deadline=None, max_examples=25)
@given(PATCHES)
@pytest.mark.slow
def test_change_points_are_found_after_any_rubbish(patches: list[tuple[int, int, int, float]]) -> None:
    values = ar1(3511, ROWS, 0.3, sensors=SENSORS)
    for begin, length, sensor, what in patches:
        values[begin + REFERENCE - 300 :, :][:length, sensor] = what
    values[SHIFT:] += STEPS
    usual = learn_changes(ar1(3512, 400, 0.3, sensors=SENSORS))
    _, changes = score_changes(usual, start_changes(SENSORS), values)
    assert changes.points[SHIFT : SHIFT + 20].any()
    assert np.isfinite(changes.ratio[90:]).all()
