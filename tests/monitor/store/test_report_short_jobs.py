"""Sensor charts of a machine whose jobs are shorter than a window: it stops in every one of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from spine_kit import T0, Spine

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


def drawn(spine: Spine, end: datetime) -> list[datetime]:
    with spine.store.read() as connection:
        report = next(m for m in machines(connection, spine.plant, T0, end) if m.name == "m1")
    return [bucket.start for bucket in report.sensors[0].buckets]


def test_a_machine_that_stops_in_every_window_has_a_curve(spine: Spine) -> None:
    states = [(T0 + n * timedelta(minutes=2), "run" if n % 2 == 0 else "idle") for n in range(30)]
    fill(spine, states, windows=12)
    assert drawn(spine, T0 + timedelta(hours=1)) == [T0 + n * WINDOW for n in range(12)]


def test_windows_in_which_it_did_not_run_at_all_are_left_out(spine: Spine) -> None:
    fill(spine, [(T0, "run"), (T0 + 2 * WINDOW, "down"), (T0 + 4 * WINDOW, "run")], windows=6)
    assert drawn(spine, T0 + 6 * WINDOW) == [T0 + n * WINDOW for n in (0, 1, 4, 5)]
