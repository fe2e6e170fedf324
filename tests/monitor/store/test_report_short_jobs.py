"""Sensor charts of a machine whose jobs are shorter than a window: it stops in every one of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from spine_kit import T0, Spine

from exporters.report.values import SensorReport
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.report.machines import machines

WINDOW = timedelta(minutes=5)


def fill(spine: Spine, states: list[tuple[datetime, str]], windows: int) -> None:
    sensor = next(iter(spine.plant.machines["m1"].sensors))
    with spine.store.write() as connection:
        insert_new(connection, t.machine_state, [
            {"arrival": n, "source": "s", "machine": "m1", "at": at, "revision": 0, "state": state, "digest": str(n)}
            for n, (at, state) in enumerate(states, start=1)
        ])  # fmt: skip
        insert_new(connection, t.machine_window, [
            {"machine": "m1", "sensor": sensor, "start": T0 + n * WINDOW, "rows": 10, "missing": 0, "minimum": float(n),
             "maximum": n + 1.0, "total": 10.0 * n, "square_total": 10.0 * n * n}
            for n in range(windows)
        ])  # fmt: skip


def sensor(spine: Spine, end: datetime, start: datetime = T0) -> SensorReport:
    with spine.store.read() as connection:
        report = next(m for m in machines(connection, spine.plant, start, end) if m.name == "m1")
    return report.sensors[0]


def drawn(spine: Spine, end: datetime, start: datetime = T0) -> list[datetime]:
    return [bucket.start for bucket in sensor(spine, end, start).buckets]


def sample(number: int, at: datetime, heat: float | None, revision: int = 0, machine: str = "m1") -> dict[str, object]:
    return {"arrival": number, "source": "readings", "machine": machine, "at": at, "revision": revision, "recipe": "",
            "state": "", "values": {"heat": heat}, "digest": "d", "available_at": at}  # fmt: skip


def test_a_few_minutes_are_drawn_from_the_samples(spine: Spine) -> None:
    start, second = T0 + timedelta(minutes=1), timedelta(seconds=1)
    rows = [sample(n, T0 + n * 10 * second, float(n)) for n in range(60)]
    rows += [sample(60, T0 + 90 * second, 99.0, revision=1), sample(61, T0 + 100 * second, None, revision=1)]
    rows += [sample(62, T0 + 95 * second, 5.0, machine="m2")]
    fill(spine, [(T0, "run"), (T0 + 200 * second, "idle"), (T0 + 240 * second, "run")], windows=2)
    with spine.store.write() as connection:
        insert_new(connection, t.reading, rows)
    found = sensor(spine, start + timedelta(minutes=5), start)
    assert found.step == 10 * second
    shown = {(bucket.start - T0) // second: bucket.mean for bucket in found.buckets}
    assert shown == {s: 99.0 if s == 90 else s / 10 for s in range(60, 360, 10) if not 200 <= s < 240 and s != 100}
    assert (found.rows, found.missing) == (26, 1)


@pytest.mark.slow
def test_an_hour_has_a_point_for_each_quarter_of_a_minute_at_most(spine: Spine) -> None:
    rows = [sample(n, T0 + timedelta(seconds=n), float(n)) for n in range(3600)]
    with spine.store.write() as connection:
        insert_new(connection, t.reading, rows)
    found = sensor(spine, T0 + timedelta(hours=1))
    assert (found.step, len(found.buckets), found.rows) == (timedelta(seconds=15), 240, 3600)
    assert (found.buckets[1].minimum, found.buckets[1].maximum) == (15.0, 29.0)


def test_a_few_minutes_without_samples_have_the_window_that_they_are_in(spine: Spine) -> None:
    fill(spine, [(T0, "run")], windows=3)
    start = T0 + timedelta(minutes=6)
    assert drawn(spine, start + timedelta(minutes=2), start) == [T0 + WINDOW]


def test_a_machine_that_stops_in_every_window_has_a_curve(spine: Spine) -> None:
    states = [(T0 + n * timedelta(minutes=2), "run" if n % 2 == 0 else "idle") for n in range(30)]
    fill(spine, states, windows=12)
    assert drawn(spine, T0 + timedelta(hours=1)) == [T0 + n * WINDOW for n in range(12)]


def test_windows_in_which_it_did_not_run_at_all_are_left_out(spine: Spine) -> None:
    fill(spine, [(T0, "run"), (T0 + 2 * WINDOW, "down"), (T0 + 4 * WINDOW, "run")], windows=6)
    assert drawn(spine, T0 + 6 * WINDOW) == [T0 + n * WINDOW for n in (0, 1, 4, 5)]
