"""The line's calendar, queues and states."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.simulator.flow import DOWN, IDLE, NO_REWORK, RUN, SETUP, run_line, value_at
from monitor.simulator.machines import MACHINES, STEPS
from monitor.simulator.shifts import WORK_DAY_MS, ZONE, shifts_between, to_datetime, to_ms

START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def shifts():
    return shifts_between(START, START + timedelta(days=8))


@pytest.fixture(scope="module")
def flow(shifts):
    parts = np.arange(720)
    rework = np.where(parts % 40 == 7, STEPS.index("machining"), NO_REWORK)
    release = parts * WORK_DAY_MS / 240.0
    return run_line(release, parts // 80 % 2, rework, shifts, np.random.default_rng(4))


@given(st.integers(-(10**12), 4 * 10**12))
def test_a_time_survives_the_way_to_milliseconds_and_back(ms):
    assert to_ms(to_datetime(ms)) == ms


@given(work=st.lists(st.floats(0, 6 * WORK_DAY_MS), min_size=2, max_size=20))
@pytest.mark.slow
def test_working_time_runs_forward_and_never_during_a_pause(work):
    shifts = shifts_between(START, START + timedelta(days=8))
    wall = shifts.to_wall(np.sort(np.array(work)))
    assert (np.diff(wall) >= 0).all()
    for start, end in zip(shifts.starts, shifts.ends, strict=True):
        assert not ((wall >= start) & (wall < end)).any()


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-07-01"])
def test_a_day_has_six_pauses_at_local_hours_also_when_the_clocks_change(day):
    first = datetime.fromisoformat(day).replace(tzinfo=ZONE)
    shifts = shifts_between(first.astimezone(UTC), (first + timedelta(days=1)).astimezone(UTC))
    assert sorted({to_datetime(ms).astimezone(ZONE).hour for ms in shifts.starts}) in (
        [2, 6, 10, 14, 18, 22],
        [3, 6, 10, 14, 18, 22],  # 02:00 does not exist on the last Sunday of March
    )


def test_a_machine_does_one_thing_at_a_time(flow):
    for machine in range(len(MACHINES)):
        rows = flow.passes.where(flow.passes.machine == machine)
        order = np.argsort(rows.start)
        assert (rows.start[order][1:] >= rows.end[order][:-1]).all()


def test_a_part_passes_the_steps_in_order_and_each_visit_after_the_last(flow):
    passes = flow.passes
    order = np.lexsort((passes.visit, passes.step, passes.part))
    same = passes.part[order][1:] == passes.part[order][:-1]
    assert (passes.start[order][1:] >= passes.end[order][:-1])[same].all()


def test_every_part_passes_every_step_once_and_a_reworked_one_twice(flow):
    passes = flow.passes
    for step, name in enumerate(STEPS):
        visits = np.bincount(passes.part[passes.step == step], minlength=720)
        twice = np.arange(720) % 40 == 7 if name == "machining" else np.zeros(720, dtype=bool)
        assert (visits == np.where(twice, 2, 1)).all()


def test_the_final_test_comes_about_a_day_after_the_coat(flow):
    passes = flow.passes
    coated, tested = (passes.end[passes.step == STEPS.index(s)] for s in ("coating", "testing"))
    assert 22 < np.mean(tested - coated) / 3.6e6 < 26


def test_both_machines_of_a_step_get_their_share(flow):
    assert np.bincount(flow.passes.machine)[:4].min() > 300


def test_wear_is_even_over_a_tools_life(flow):
    wear = flow.passes.wear[flow.passes.step == STEPS.index("machining")]
    assert 0.0 < wear.min() < 0.05 < 0.95 < wear.max() < 1.0
    assert wear.mean() == pytest.approx(0.5, abs=0.04)


def test_states_are_changes_and_idle_covers_the_pauses(flow, shifts):
    for times, states in flow.states:
        assert (np.diff(times) > 0).all()
        assert (np.diff(states) != 0).all()
        assert (value_at(times, states, shifts.starts) == IDLE).all()
    assert {RUN, IDLE, SETUP, DOWN} == {int(s) for _, states in flow.states for s in states}


def test_a_machine_runs_in_the_middle_of_every_passage_that_no_pause_interrupts(flow, shifts):
    passes = flow.passes
    for machine, (times, states) in enumerate(flow.states):
        rows = passes.where(passes.machine == machine)
        free = np.searchsorted(shifts.starts, rows.start) == np.searchsorted(shifts.starts, rows.end)
        middle = (rows.start + rows.end) // 2
        assert (value_at(times, states, middle)[free] == RUN).all()
