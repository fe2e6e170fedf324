"""Each fault changes exactly its subject: the same seed with and without it, compared cell by cell."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.errors import UsageError
from monitor.simulator.faults import DEFAULT_SCRIPT, Fault, FaultKind, check_script
from monitor.simulator.history import simulate
from monitor.simulator.machines import CHANNELS, MACHINE_CODES, MACHINES, SENSORS
from monitor.simulator.tables import PROFILE_COLUMNS

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
SHORT = {"seed": 5, "start": START, "days": 1.5, "commissioning_parts": 40}


def hours(number):
    return timedelta(hours=number)


FAULTS = {
    FaultKind.SLOW_WEAR: Fault(FaultKind.SLOW_WEAR, "mill-2", hours(8), hours(10), 1.8, "vibration_x"),
    FaultKind.STEP_OFFSET: Fault(FaultKind.STEP_OFFSET, "forging", hours(5), hours(4), 7.0),
    FaultKind.STUCK_SENSOR: Fault(FaultKind.STUCK_SENSOR, "forge-2", hours(4), hours(3), sensor="pressure"),
    FaultKind.DEAD_SENSOR: Fault(FaultKind.DEAD_SENSOR, "coat-1", hours(4), hours(3), sensor="temperature"),
    FaultKind.LOT_SHIFT: Fault(FaultKind.LOT_SHIFT, "forging", hours(6), hours(8), -6.0),
    FaultKind.WRONG_RECIPE: Fault(FaultKind.WRONG_RECIPE, "mill-1", hours(9), hours(5), 15.0),
    FaultKind.CAMERA_CHANGE: Fault(FaultKind.CAMERA_CHANGE, "coating", hours(6), hours(4), 0.6),
    FaultKind.CONCEPT_CHANGE: Fault(FaultKind.CONCEPT_CHANGE, "testing", hours(28), None, 9.0),
}
PARTS = {  # what differs in the MES: columns of WIP_HISTORY, and whether the outcomes do
    FaultKind.STEP_OFFSET: (set(PROFILE_COLUMNS), True),
    FaultKind.LOT_SHIFT: ({"HARDNESS_HRC"}, True),
    FaultKind.WRONG_RECIPE: ({"STOCK_UM"}, True),
    FaultKind.CAMERA_CHANGE: ({"IMG"}, False),
    FaultKind.CONCEPT_CHANGE: (set(), True),
}


@pytest.fixture(scope="module")
def healthy():
    return simulate(**SHORT, faults=())


@pytest.fixture(scope="module", params=FAULTS.values(), ids=lambda fault: fault.kind)
def faulty(request):
    return simulate(**SHORT, faults=[request.param]), request.param


def differences(healthy, faulty, table):
    """Every cell that differs: (row, column name)."""
    before, after = healthy.rows_of(table), faulty.rows_of(table)
    names = before.table.columns.keys()
    assert len(before) == len(after)
    return [
        (a, name)
        for a, b in zip(before.rows, after.rows, strict=True)
        for name, x, y in zip(names, a, b, strict=True)
        if x != y
    ]


@pytest.mark.slow
def test_the_mes_differs_only_in_the_parts_and_columns_of_the_fault(healthy, faulty):
    history, fault = faulty
    truth = history.truth["faults"][0]
    columns, outcomes = PARTS.get(fault.kind, (set(), False))
    steps = differences(healthy, history, "WIP_HISTORY")
    assert {name for _, name in steps} == columns
    if columns:
        assert {row[0] for row, _ in steps} == set(truth["serials"])
    tests = differences(healthy, history, "FINAL_TEST")
    assert {row[0] for row, _ in tests} == (set(truth["serials"]) if outcomes else set())
    assert {row[0] for row, _ in differences(healthy, history, "QC_DISPOSITION")} <= {row[0] for row, _ in tests}
    assert bool(truth["serials"]) == (fault.kind in PARTS)


@pytest.mark.slow
def test_the_historian_differs_only_on_the_machine_and_sensor_of_the_fault(healthy, faulty):
    history, fault = faulty
    cells = differences(healthy, history, "TREND_WIDE")
    assert differences(healthy, history, "EQUIP_STATE") == []
    if fault.sensor:
        column = f"V{SENSORS.index(fault.sensor) + 1}"
        assert {(row[0], name) for row, name in cells} == {(MACHINE_CODES[MACHINES.index(fault.subject)], column)}
    elif fault.kind is FaultKind.WRONG_RECIPE:
        assert {row[0] for row, _ in cells} == {"MC-01"}
        assert "RECIPE_ID" in {name for _, name in cells}
    else:
        assert cells == []
    truth = history.truth["faults"][0]
    start, end = (datetime.fromisoformat(truth[side]).timestamp() * 1000 for side in ("start", "end"))
    slack = 20 * 60_000 if fault.kind is FaultKind.WRONG_RECIPE else 0  # the passage that ends in the window
    assert all(start - slack <= row[2] < end + 60 * 60_000 * bool(slack) for row, _ in cells)


def trace(history, machine, sensor):
    rows = [row for row in history.rows_of("TREND_WIDE").rows if row[0] == MACHINE_CODES[MACHINES.index(machine)]]
    at = (np.array([row[2] for row in rows]) - START.timestamp() * 1000) / 3.6e6
    return at, np.array([row[4 + SENSORS.index(sensor)] for row in rows], dtype=object)


def test_a_dead_sensor_reads_nothing_and_a_stuck_one_always_the_same():
    history = simulate(**SHORT, faults=[FAULTS[FaultKind.DEAD_SENSOR], FAULTS[FaultKind.STUCK_SENSOR]])
    at, dead = trace(history, "coat-1", "temperature")
    assert set(dead[(at >= 4) & (at < 7)]) == {None}
    at, stuck = trace(history, "forge-2", "pressure")
    channel = CHANNELS[MACHINES.index("forge-2")][SENSORS.index("pressure")]
    (value,) = set(stuck[(at >= 4) & (at < 7)]) - {None}
    assert channel.low < value < channel.high  # stuck at a value of the run, so that no limit can see it


def test_a_worn_sensor_leaves_its_limits_about_when_the_truth_says():
    history = simulate(**SHORT, faults=[FAULTS[FaultKind.SLOW_WEAR]])
    at, values = trace(history, "mill-2", "vibration_x")
    high = CHANNELS[MACHINES.index("mill-2")][SENSORS.index("vibration_x")].high
    beyond = np.array([value is not None and value > high for value in values])
    crossing = datetime.fromisoformat(history.truth["faults"][0]["beyond_limits_from"])
    assert at[beyond].min() == pytest.approx((crossing - START) / hours(1), abs=2.0)
    assert 17 < at[beyond].max() < 18


@pytest.mark.slow
def test_the_step_offset_moves_most_parts_out_of_specification():
    history = simulate(**SHORT, faults=[FAULTS[FaultKind.STEP_OFFSET]])
    hertz = [history.truth["parts"][serial] for serial in history.truth["faults"][0]["serials"]]
    assert np.mean(np.array(hertz) > 1275) > 0.6


@pytest.mark.slow
def test_a_lasting_change_of_concept_reaches_the_outcomes_after_the_end(healthy):
    history = simulate(**SHORT, faults=[FAULTS[FaultKind.CONCEPT_CHANGE]])
    changed = {row[0]: row[1] for row in history.rows_of("FINAL_TEST").rows}
    last, before = healthy.rows_of("FINAL_TEST").rows[-1][:2]
    assert changed[last] == pytest.approx(before + 9.0, abs=0.011)
    assert history.truth["faults"][0]["lasting"] is True


@pytest.mark.slow
def test_the_default_script_holds_each_kind_once_and_its_parts_are_found():
    assert sorted(fault.kind for fault in DEFAULT_SCRIPT) == sorted(FaultKind)
    check_script(DEFAULT_SCRIPT)
    truths = simulate(1, START, commissioning_parts=0).truth["faults"]
    assert len(truths) == len(FaultKind)
    assert {t["kind"] for t in truths if t["serials"]} == set(PARTS)


def test_a_fault_after_the_end_does_not_happen():
    late = Fault(FaultKind.STEP_OFFSET, "forging", hours(10), hours(1), 7.0)
    assert simulate(1, START, days=0.2, faults=[late], commissioning_parts=0).truth["faults"] == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        pytest.param(
            Fault(FaultKind.DEAD_SENSOR, "forge-9", hours(1), hours(1), sensor="force"), "forge-1", id="machine"
        ),
        pytest.param(Fault(FaultKind.STEP_OFFSET, "coating", hours(1), hours(1), 1.0), "forging", id="step"),
        pytest.param(Fault(FaultKind.WRONG_RECIPE, "coat-1", hours(1), hours(1), 1.0), "mill-1", id="not a mill"),
        pytest.param(Fault(FaultKind.DEAD_SENSOR, "coat-1", hours(1), hours(1), sensor="mood"), "mood", id="sensor"),
        pytest.param(Fault(FaultKind.STEP_OFFSET, "forging", hours(1), hours(1), 1.0, "force"), "force", id="surplus"),
        pytest.param(Fault(FaultKind.STEP_OFFSET, "forging", hours(-1), hours(1), 1.0), "offset >= 0", id="too early"),
        pytest.param(Fault(FaultKind.STEP_OFFSET, "forging", hours(1), hours(0), 1.0), "duration > 0", id="no time"),
        pytest.param(
            Fault(FaultKind.SLOW_WEAR, "mill-1", hours(1), None, 1.5, "force"), "a duration", id="endless wear"
        ),
    ],
)
def test_a_script_that_cannot_be_is_refused(fault, says):
    with pytest.raises(UsageError, match=says):
        check_script([fault])
