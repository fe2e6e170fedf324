"""A whole history: complete, seeded, in posted order, with the dirt that its truth counts."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.errors import UsageError
from monitor.simulator.history import simulate
from monitor.simulator.machines import CHANNELS, MACHINE_CODES, MACHINES
from monitor.simulator.records import UNKNOWN_MACHINE, disposition
from monitor.simulator.shifts import ZONE, to_datetime
from monitor.simulator.tables import mes

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def history():
    return simulate(7, START)


@pytest.fixture(scope="module")
def steps(history):
    rows = history.rows_of("WIP_HISTORY")
    return [dict(zip(rows.table.columns.keys(), row, strict=True)) for row in rows.rows]


@pytest.mark.slow
def test_the_demo_has_the_size_the_issue_asks_for(history):
    assert 1150 <= len(history.truth["parts"]) <= 1250
    assert len(history.truth["commissioning"]) == 900
    assert 6 * 14_400 <= len(history.rows_of("TREND_WIDE")) <= 6 * 14_400 * 1.01


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    first, again, other = (simulate(seed, START, days=0.3, commissioning_parts=40) for seed in (1, 1, 2))
    for a, b, c in zip(first.tables, again.tables, other.tables, strict=True):
        assert a.rows == b.rows
        assert a.rows != c.rows
    assert first.truth == again.truth


@pytest.mark.slow
def test_rows_are_in_posted_order_and_nothing_is_posted_before_it_happened(history, steps):
    for rows in history.tables:
        assert (np.diff(rows.posted) >= 0).all()
    for row in steps:
        done = row["T_COMPLETE"].replace(tzinfo=ZONE).astimezone(UTC)
        assert row["T_POSTED"].replace(tzinfo=UTC) > done
    assert all(row[3] > row[2] for row in history.rows_of("TREND_WIDE").rows)
    tests = history.rows_of("FINAL_TEST").rows
    assert all(posted.replace(tzinfo=UTC) > datetime.fromisoformat(at) for _, _, at, posted in tests)


def test_the_time_of_posting_in_the_row_is_the_one_it_is_fed_at(history):
    for table, column in (("WIP_HISTORY", 7), ("FINAL_TEST", 3), ("QC_DISPOSITION", 4),
                          ("SURFACE_INSPECTION", 4), ("VISUAL_CHECK", 3)):  # fmt: skip
        rows = history.rows_of(table)
        assert [row[column] for row in rows.rows] == [to_datetime(ms).replace(tzinfo=None) for ms in rows.posted]
    for table in ("TREND_WIDE", "EQUIP_STATE"):
        rows = history.rows_of(table)
        assert [row[3] for row in rows.rows] == rows.posted.tolist()


def test_cells_are_plain_values_that_any_driver_takes(history):
    kinds = {type(cell) for rows in history.tables for row in rows.rows for cell in row}
    assert kinds <= {str, int, float, bytes, datetime, type(None)}


def test_commissioning_is_over_and_known_before_the_start(history):
    commissioned = set(history.truth["commissioning"])
    for rows in (rows for rows in history.tables if rows.table.metadata is mes):
        posted = [ms for ms, row in zip(rows.posted, rows.rows, strict=True) if row[0] in commissioned]
        assert posted
        assert to_datetime(max(posted)) < START


def test_every_part_gets_one_outcome_and_the_disposition_that_follows(history):
    known = history.truth["parts"] | history.truth["commissioning"]
    assert {row[0]: row[1] for row in history.rows_of("FINAL_TEST").rows} == known
    decided = {row[0]: row[2] for row in history.rows_of("QC_DISPOSITION").rows}
    assert decided == {serial: disposition(hertz) for serial, hertz in known.items()}


@pytest.mark.parametrize(
    ("hertz", "code"),
    [(1225.0, "UAI"), (1275.0, "UAI"), (1275.01, "RWK"), (1305.0, "RWK"), (1305.01, "SCR"), (1224.99, "SCR")],
)
def test_people_rework_only_above_and_within_the_band(hertz, code):
    assert disposition(hertz) == code


def test_some_parts_loop_through_rework(steps):
    twice = {(row["SN"], row["OPERATION"]) for row in steps if row["PASS_NO"] == 2}
    assert {operation for _, operation in twice} == {"MACH", "COAT"}
    assert 0.03 < len(twice) / 2100 < 0.09


def test_values_stand_where_the_step_has_them(steps):
    for row in steps:
        has = {name for name in ("P01", "STOCK_UM", "COAT_UM", "IMG") if row[name] is not None}
        assert has == {"FORG": {"P01"}, "MACH": {"STOCK_UM"}, "COAT": {"COAT_UM", "IMG"}}[row["OPERATION"]]


@pytest.mark.slow
def test_the_truth_counts_the_dirt(history, steps):
    dirt = history.truth["dirt"]
    keys = Counter((row["SN"], row["OPERATION"], row["PASS_NO"]) for row in steps)
    assert sum(count - 1 for count in keys.values()) == dirt["duplicates"] > 0
    assert sum(row["EQUIP"] == UNKNOWN_MACHINE for row in steps) == dirt["unknown_machine_parts"] > 0
    assert sum(row[f"P{i:02d}"] == 0 for row in steps for i in range(1, 31)) == dirt["gauge_zeros"] > 0
    words = [row["RA_TXT"] for row in steps if row["RA_TXT"] and not row["RA_TXT"].replace(".", "", 1).isdigit()]
    assert len(words) == dirt["text_in_number"] > 0
    readings = history.rows_of("TREND_WIDE").rows
    assert sum(row[0] == UNKNOWN_MACHINE for row in readings) == dirt["unknown_machine_readings"] > 0
    known = Counter((row[0], row[2]) for row in readings if row[0] != UNKNOWN_MACHINE)
    assert sum(count - 1 for count in known.values()) == dirt["duplicate_readings"] > 0
    assert dirt["late"] > 0
    assert dirt["late_readings"] > 0
    assert dirt["ambiguous_times"] == 0  # none in May


def test_the_hour_that_comes_twice_is_counted():
    history = simulate(1, datetime(2026, 10, 24, 20, tzinfo=UTC), days=0.4, faults=(), commissioning_parts=0)
    walls = [row[6].replace(tzinfo=ZONE) for row in history.rows_of("WIP_HISTORY").rows]
    assert history.truth["dirt"]["ambiguous_times"] > 5
    assert any(wall.utcoffset() != wall.replace(fold=1).utcoffset() for wall in walls)


def test_the_truth_is_json(history):
    truth = json.loads(json.dumps(history.truth, allow_nan=False))
    assert truth["ceilings"] == {"shape": 0.70, "all_steps": 0.90}
    assert truth["out_of_spec"] == sum(not 1225 <= hertz <= 1275 for hertz in truth["parts"].values())


def test_the_states_begin_with_the_start_and_hold_every_code(history):
    states = history.rows_of("EQUIP_STATE").rows
    first = {row[0]: row[2] for row in reversed(states)}
    assert first == dict.fromkeys(MACHINE_CODES, "2026-05-04T09:30:00Z")
    assert {row[1] for row in states} == {"PR", "ID", "SU", "DN"}


@pytest.mark.slow
def test_without_faults_every_running_sensor_is_within_its_limits():
    history = simulate(3, START, days=1.0, faults=(), commissioning_parts=0)
    changes = {code: [] for code in MACHINE_CODES}
    for code, state, since, _ in history.rows_of("EQUIP_STATE").rows:
        changes[code].append((1000 * int(datetime.fromisoformat(since).timestamp()), state))
    running = 0
    for row in history.rows_of("TREND_WIDE").rows:
        if row[0] == UNKNOWN_MACHINE:
            continue
        state = [what for since, what in changes[row[0]] if since <= row[2]][-1]
        channels = CHANNELS[MACHINE_CODES.index(row[0])]
        if state == "PR":
            running += 1
            assert all(v is None or c.low < v < c.high for c, v in zip(channels, row[4:], strict=True))
    assert running > 0.7 * len(MACHINES) * 2880


def test_the_line_runs_on_during_the_extra_hours():
    history = simulate(3, START, days=0.2, faults=(), commissioning_parts=0, extra_hours=2)
    assert history.days_end == START + timedelta(days=0.2)
    assert history.end == history.days_end + timedelta(hours=2)
    last = max(row[2] for row in history.rows_of("TREND_WIDE").rows)
    assert history.end - to_datetime(last) <= timedelta(seconds=31)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"start": datetime(2026, 1, 1)}, "naive", id="a naive start"),  # noqa: DTZ001
        pytest.param({"days": 0}, "days > 0", id="no days"),
        pytest.param({"extra_hours": -1}, "extra hours >= 0", id="negative extra hours"),
        pytest.param({"commissioning_parts": -1}, "commissioning parts >= 0", id="negative parts"),
    ],
)
def test_wrong_use_is_one_clear_sentence(changes, says):
    with pytest.raises(UsageError, match=says):
        simulate(**({"start": START} | changes))
