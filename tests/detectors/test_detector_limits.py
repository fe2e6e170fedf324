"""Limits, dead and stuck: when each starts and ends, what is not judged, and that the fast way equals the slow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from detector_streams import PERIOD, START, batch_of
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.stream.limits import SensorLimits
from detectors.stream.track import Rules, Track, step
from monitor.instants import EPOCH, from_nanos
from monitor.model import STANDING, Finding, MachineState, Status

NAN = math.nan
RUN, IDLE, UNKNOWN = MachineState.RUN, MachineState.IDLE, MachineState.UNKNOWN
OK, BREACH, NO_DATA, CANNOT_JUDGE = Status.OK, Status.BREACH, Status.NO_DATA, Status.CANNOT_JUDGE


def judge(
    values: Sequence[float], method: str, states: Sequence[MachineState] | None = None, **rules: int
) -> list[tuple[int, Status]]:
    """(row, status) of each change that one sensor with limits 0 and 10 makes."""
    found = findings(values, states, **rules)
    return [(f.row, f.status) for f in found if f.method == method]


def findings(values: Sequence[float], states: Sequence[MachineState] | None = None, **rules: int) -> Sequence[Finding]:
    detector = SensorLimits({"s0": (0.0, 10.0)}, **{"limit_rows": 2, "dead_rows": 3, "stuck_rows": 3, **rules})
    return detector.observe(detector.start(), batch_of(np.array(values, dtype=float)[:, None], states=states))[1]


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        pytest.param([5, 6], [(0, OK)], id="a first value inside is believed"),
        pytest.param([5, 11, 5, 11, 5], [(0, OK)], id="single samples outside are not a breach"),
        pytest.param([5, 11, 12], [(0, OK), (2, BREACH)], id="two in a row above are"),
        pytest.param([5, -1, 11], [(0, OK), (2, BREACH)], id="below and above count together"),
        pytest.param([5, 11, NAN, 12], [(0, OK), (3, BREACH)], id="a missing sample does not interrupt"),
        pytest.param([11, 12], [(1, BREACH)], id="a first value outside is not OK"),
        pytest.param([5, 11, 12, 5, 11, 5, 6], [(0, OK), (2, BREACH), (6, OK)], id="two in a row inside end it"),
        pytest.param([0, 10], [(0, OK)], id="the limits belong to the inside"),
        pytest.param([5, NAN, NAN, NAN], [(0, OK), (3, NO_DATA)], id="a dead sensor has no limit status"),
    ],
)
def test_limit(values: Sequence[float], changes: list[tuple[int, Status]]) -> None:
    assert judge(values, "limit") == changes


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        pytest.param([5, NAN, NAN, 5], [(0, OK)], id="two missing are not dead"),
        pytest.param([5, NAN, NAN, NAN], [(0, OK), (3, BREACH)], id="three in a row are"),
        pytest.param([NAN, NAN, NAN], [(2, BREACH)], id="dead from the start"),
        pytest.param([NAN, NAN, NAN, 5, NAN, 5, 6], [(2, BREACH), (6, OK)], id="two values in a row bring it back"),
    ],
)
def test_dead(values: Sequence[float], changes: list[tuple[int, Status]]) -> None:
    assert judge(values, "dead") == changes


@pytest.mark.parametrize("standing", sorted(STANDING))
def test_a_machine_that_stands_owes_no_samples(standing: MachineState) -> None:
    values = [5, 11, 12, 13, NAN, NAN, NAN, NAN]
    assert [(f.method, f.row, f.status) for f in findings(values, [standing] * 8)] == [("dead", 0, OK)]


def test_missing_samples_are_counted_on_when_a_machine_runs_again() -> None:
    values = [5, NAN, NAN, NAN, NAN, NAN, NAN]
    states = [RUN, RUN, RUN, IDLE, IDLE, IDLE, RUN]
    assert judge(values, "dead", states) == [(0, OK), (6, BREACH)]


def test_a_sensor_that_is_back_while_its_machine_stands_is_back() -> None:
    values = [5, NAN, NAN, NAN, 5, 6, NAN]
    assert judge(values, "dead", [RUN] * 4 + [IDLE] * 3) == [(0, OK), (3, BREACH), (5, OK)]


def test_a_machine_that_always_speaks_and_stands_is_judged_for_dead_sensors_only() -> None:
    values = [5, 11, 12, 13, NAN, NAN, NAN]
    assert [(f.method, f.row, f.status) for f in findings(values, [IDLE] * 7, always=True)] == [
        ("dead", 0, OK),
        ("dead", 6, BREACH),
    ]


def test_samples_that_are_missing_while_a_machine_stands_count_in_a_batch_that_began_well() -> None:
    detector = SensorLimits({"s0": (0.0, 10.0)}, dead_rows=3, always=True)
    rows, states = np.array([[5.0], [6.0], [7.0], [NAN], [NAN], [NAN]]), [RUN] * 3 + [IDLE] * 3
    state, _ = detector.observe(detector.start(), batch_of(rows, 0, 2, states))
    _, found = detector.observe(state, batch_of(rows, 2, 6, states))
    assert [(f.method, f.row, f.status) for f in found if f.method == "dead"] == [("dead", 5, BREACH)]


def test_a_breach_tells_the_last_value_outside_and_the_limit_that_it_crossed() -> None:
    detector = SensorLimits({"s0": (0.0, 10.0)}, limit_rows=2)
    state, told = detector.start(), []
    for value in (5.0, 12.0, 13.0, 7.0, 6.0):
        state, _ = detector.observe(state, batch_of(np.array([[value]])))
        state = detector.restore(detector.save(state))
        told.append((detector.current(state)[0].value, detector.current(state)[0].limit))
    assert told == [(5.0, 0.0), (12.0, 10.0), (13.0, 10.0), (13.0, 10.0), (6.0, 10.0)]


def test_without_a_state_source_a_machine_is_judged() -> None:
    assert judge([5, 11, 12], "limit", [UNKNOWN] * 3) == [(0, OK), (2, BREACH)]


def moving(rows: int) -> list[float]:
    return [1.0 + row % 7 for row in range(rows)]


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        pytest.param(moving(29), [(0, CANNOT_JUDGE)], id="not judged before it was studied"),
        pytest.param(moving(40), [(0, CANNOT_JUDGE), (29, OK)], id="judged once it was seen to move"),
        pytest.param([5.0] * 90, [(0, CANNOT_JUDGE)], id="constant by nature is never stuck"),
        pytest.param([float(row // 2) for row in range(90)], [(0, CANNOT_JUDGE)], id="one that moves slowly neither"),
        pytest.param(
            [5.0] * 30 + moving(30), [(0, CANNOT_JUDGE), (59, OK)], id="one that stood at first is studied again"
        ),
        pytest.param(
            moving(30) + [9.0] * 3, [(0, CANNOT_JUDGE), (29, OK), (32, BREACH)], id="three equal samples are stuck"
        ),
        pytest.param(
            moving(30) + [9.0] * 3 + [8.0, 8.0, 7.0, 6.0],
            [(0, CANNOT_JUDGE), (29, OK), (32, BREACH), (36, OK)],
            id="two moves in a row end it",
        ),
        pytest.param(
            [*moving(30), 9.0, 9.0, NAN, 9.0],
            [(0, CANNOT_JUDGE), (29, OK), (33, BREACH)],
            id="a missing sample is no move",
        ),
    ],
)
def test_stuck(values: Sequence[float], changes: list[tuple[int, Status]]) -> None:
    assert judge(values, "stuck") == changes


def test_samples_of_a_standing_machine_are_not_equal_samples() -> None:
    values = [*moving(30), 9.0, 9.0, 9.0, 9.0]
    assert (31, BREACH) not in judge(values, "stuck", [RUN] * 30 + [IDLE] * 3 + [RUN])
    assert judge(values, "stuck", [RUN] * 30 + [IDLE] * 3 + [RUN])[-1] == (29, OK)


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        pytest.param(12.0, 10.0, id="the limit it violates"),
        pytest.param(-1.0, 0.0, id="the lower one below"),
        pytest.param(2.0, 0.0, id="the nearer one inside"),
        pytest.param(9.0, 10.0, id="the nearer upper one inside"),
    ],
)
def test_current_gives_the_latest_value_and_its_limit(value: float, limit: float) -> None:
    detector = SensorLimits({"s0": (0.0, 10.0)})
    state, _ = detector.observe(detector.start(), batch_of(np.array([[5.0], [value]])))
    latest = next(f for f in detector.current(state) if f.method == "limit")
    assert (latest.value, latest.limit, latest.subject) == (value, limit, "press_1")


def test_before_the_first_row_nothing_is_known_but_the_machine_and_the_limits() -> None:
    detector = SensorLimits({"s0": (0.0, 10.0), "s1": (1.0, None)}, 2, 3, 4, machine="press_2")
    assert [
        (f.subject, f.feature, f.method, f.at, f.row, f.value, f.limit, f.status)
        for f in detector.current(detector.start())
    ] == [
        ("press_2", sensor, method, EPOCH, -1, value, limit, NO_DATA)
        for sensor, nearest in (("s0", 10.0), ("s1", 1.0))
        for method, value, limit in (("limit", None, nearest), ("dead", None, 3), ("stuck", None, 4))
    ]


def test_dead_is_as_of_the_last_row_and_the_others_as_of_the_last_judged_one() -> None:
    """Also once the state was saved and restored."""
    detector = SensorLimits({"s0": (0.0, 10.0)})
    state, _ = detector.observe(detector.start(), batch_of(np.array([[5.0], [6.0], [7.0]]), states=[RUN, RUN, IDLE]))
    judged, seen = from_nanos(START + PERIOD), from_nanos(START + 2 * PERIOD)
    for known in (state, detector.restore(detector.save(state))):
        assert [(f.method, f.at, f.row, f.value) for f in detector.current(known)] == [
            ("limit", judged, -1, 6.0), ("dead", seen, -1, 0.0), ("stuck", judged, -1, 1.0)
        ]  # fmt: skip
        assert {f.subject for f in detector.current(known)} == {"press_1"}


def test_a_sensor_is_judged_whatever_those_before_it_do_and_at_the_time_of_its_row() -> None:
    detector = SensorLimits({"s0": (0.0, 10.0), "s1": (0.0, 10.0)}, limit_rows=2)
    rows = np.array([[5.0, 5.0], [6.0, 6.0], [7.0, 11.0], [5.0, 12.0]])
    state, _ = detector.observe(detector.start(), batch_of(rows, 0, 2))
    _, found = detector.observe(state, batch_of(rows, 2, 4))
    assert [(f.feature, f.row, f.at, f.status) for f in found] == [("s1", 3, from_nanos(START + 3 * PERIOD), BREACH)]


REFUSED = {
    "another version": ({"version": 1}, "the saved state of limits does not have version 3"),
    "a key too many": ({"more": 1}, "the saved state of limits is incomplete"),
    "too few tracks": ({"tracks": []}, "the saved state of limits is incomplete"),
    "tracks that are no list": ({"tracks": {"s0": 1}}, "the saved state of limits is incomplete"),
    "a time in words": ({"seen_at": "now"}, "seen_at is 'now'"),
    "a time before 1970": ({"judged_at": -1}, "judged_at is -1"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_a_saved_state_that_is_wrong_is_refused(change: dict[str, object], message: str) -> None:
    detector = SensorLimits({"s0": (0.0, 10.0)})
    with pytest.raises(ValueError, match=message):
        detector.restore({**detector.save(detector.start()), **change})


def test_a_sensor_without_limits_is_judged_for_dead_and_stuck_only() -> None:
    detector = SensorLimits({"s0": (None, None)}, limit_rows=1)
    state, found = detector.observe(detector.start(), batch_of(np.full((3, 1), 1e9)))
    assert {f.method for f in [*found, *detector.current(state)]} == {"dead", "stuck"}


@pytest.mark.parametrize(
    ("limits", "inside", "outside"), [((None, 10.0), -1e12, 11.0), ((0.0, None), 1e12, -1.0)], ids=["upper", "lower"]
)
def test_a_one_sided_limit_leaves_the_other_side_open(
    limits: tuple[float | None, float | None], inside: float, outside: float
) -> None:
    detector = SensorLimits({"s0": limits}, limit_rows=1)
    _, found = detector.observe(detector.start(), batch_of(np.array([[inside], [outside]])))
    assert {f.detector for f in found} == {"limits"}
    assert [(f.row, f.status, f.causes) for f in found if f.method == "limit"] == [(0, OK, ()), (1, BREACH, ("s0",))]


def test_a_sensor_that_the_batch_lacks_is_missing() -> None:
    detector = SensorLimits({"other": (0.0, 1.0), "s0": (0.0, 9.0)}, dead_rows=2)
    _, found = detector.observe(detector.start(), batch_of(np.array([[1.0], [2.0]])))
    assert [(f.feature, f.row) for f in found if f.status is BREACH] == [("other", 1)]


@pytest.mark.parametrize("counts", [{"limit_rows": 0}, {"dead_rows": 0}, {"stuck_rows": 1}])
def test_counts_that_mean_nothing_are_refused(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"^expected limit_rows and dead_rows >= 1 and stuck_rows >= 2$"):
        SensorLimits({}, **counts)


def test_the_counts_where_none_are_given_and_the_least_that_can_be() -> None:
    assert (SensorLimits({}).rules, SensorLimits({}).machine) == (Rules(3, 10, 40), "")
    assert SensorLimits({}, 1, 1, 2).rules == Rules(1, 1, 2)


sample = st.sampled_from([1.0, 2.0, 3.0, 11.0, -5.0, NAN])


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(sample, max_size=120),
    healthy=st.integers(0, 80),
    size=st.integers(1, 40),
    idle=st.booleans(),
    stuck=st.integers(3, 5),
)
@pytest.mark.slow
def test_the_fast_way_equals_sample_by_sample(
    values: list[float], healthy: int, size: int, idle: bool, stuck: int
) -> None:
    """Of two sensors, one of which shows the values of the other in pairs."""
    rows = [*moving(healthy), *values, *moving(healthy)]
    pairs = np.array([(value, rows[row // 2]) for row, value in enumerate(rows)]).reshape(-1, 2)
    states = [IDLE if idle and row % 5 == 0 else RUN for row in range(len(rows))]
    detector, rules = SensorLimits({"s0": (0.0, 10.0), "s1": (0.0, 10.0)}, 2, 3, stuck), Rules(2, 3, stuck)
    slow = [Track(), Track()]
    changes = [
        (row, f"s{sensor}", method)
        for row, both in enumerate(pairs.tolist())
        for sensor, value in enumerate(both)
        for method in step(slow[sensor], value, states[row] is RUN, 0.0, 10.0, rules)
    ]
    state, found = detector.start(), []
    for start in range(0, len(rows), size):
        stop = min(start + size, len(rows))
        state, new = detector.observe(state, batch_of(pairs, start, stop, states))
        found += [(f.row, f.feature, f.method) for f in new]
    assert (found, state.tracks) == (changes, slow)


def test_a_steady_sensor_is_never_stuck_and_the_others_are() -> None:
    moving = [1.0, 2.0] * 20
    values = np.array([[v, v] for v in [*moving, *[5.0] * 10]])
    rules = {"limit_rows": 2, "dead_rows": 3, "stuck_rows": 3}
    detector = SensorLimits({"s0": (0.0, 10.0), "s1": (0.0, 10.0)}, **rules, steady=["s1"])
    state, found = detector.observe(detector.start(), batch_of(values))
    assert {(f.feature, f.method) for f in found if f.status is BREACH} == {("s0", "stuck")}
    assert {(f.feature, f.method) for f in detector.current(state)} == {
        ("s0", "limit"), ("s0", "dead"), ("s0", "stuck"), ("s1", "limit"), ("s1", "dead"),
    }  # fmt: skip
