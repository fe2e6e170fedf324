"""Readings through the detectors: states of machines, corrections, saved states, windows."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from spine_kit import T0, Spine, after

from detectors.stream import roster
from monitor.instants import from_nanos
from monitor.model import Finding, MachineBatch, Status
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire


def _at(row: int) -> Any:
    return T0 + timedelta(seconds=30 * row)


def _history(spine: Spine, rows: int = 60, machines: tuple[str, ...] = ("m1", "m2")) -> None:
    """Both machines run; m1 is too hot from row 20 to row 39."""
    for machine in machines:
        spine.rows("STATES", (machine, "run", T0 - timedelta(hours=1)))
        spine.rows(
            "READINGS",
            *(
                (machine, _at(i), _at(i), 50.0 if machine == "m1" and 20 <= i < 40 else 5.0 + (i * 7 % 5) / 10)
                for i in range(rows)
            ),
        )
    spine.run(spine.pull("states"), after(1))


def _limits(spine: Spine) -> list[Any]:
    """(status, time) of what the operating limit of m1 found after its first word."""
    found = spine.all(t.finding, "subject", "method", "status", "at")
    return [row[2:] for row in found if row[:2] == ("m1", "limit") and row[3] > T0]


BREACH = [("breach", _at(22)), ("ok", _at(42))]


def test_a_breach_is_found_with_the_arrival_number_of_its_row(spine: Spine) -> None:
    _history(spine)
    spine.run(spine.pull("readings", batch_rows=16), after(60))
    assert _limits(spine) == BREACH
    by_arrival = {row.arrival: row for row in spine.all(t.reading)}
    for arrival, subject, at in spine.all(t.finding, "arrival", "subject", "at"):
        assert (by_arrival[arrival].machine, by_arrival[arrival].at) == (subject, at)


def test_each_reading_is_kept_with_the_state_its_machine_was_in(spine: Spine) -> None:
    spine.rows("STATES", ("m1", "run", after(1)), ("m1", "down", after(2)))
    spine.run(spine.pull("states"), after(3))
    for minute in (0, 1, 1.5, 2, 3):
        spine.reading("m1", after(minute), 5.0)
    spine.run(spine.pull("readings"), after(4))
    assert spine.all(t.reading, "state") == ["unknown", "run", "run", "down", "down"]


def test_a_machine_at_rest_breaks_no_limit(spine: Spine) -> None:
    spine.rows("STATES", ("m1", "idle", T0 - timedelta(hours=1)))
    spine.run(spine.pull("states"), after(1))
    spine.rows("READINGS", *(("m1", _at(i), _at(i), 99.0 + i % 7) for i in range(20)))
    spine.run(spine.pull("readings"), after(60))
    assert "breach" not in spine.all(t.finding, "status")


def test_a_correction_is_kept_and_judged_no_more(spine: Spine) -> None:
    _history(spine, 10)
    job = spine.pull("readings")
    spine.run(job, after(5))
    windows, findings = spine.all(t.machine_window), spine.all(t.finding)
    spine.sql("UPDATE READINGS SET HEAT = 500 WHERE EQ = 'm1'")
    spine.run(job, after(5.5))
    assert {(r.machine, r.revision): None for r in spine.all(t.reading)}.keys() == {("m1", 0), ("m2", 0), ("m1", 1)}
    assert spine.all(t.finding) == findings
    assert spine.all(t.machine_window) == windows


def test_windows_hold_what_their_rows_add_up_to(spine: Spine) -> None:
    values: list[float | None] = [1.0, 2.5, None, 4.0]
    for i, value in enumerate(values):
        spine.reading("m1", after(i), value)
    spine.reading("m1", after(5), 9.0)
    spine.run(spine.pull("readings", batch_rows=2), after(6))
    columns = ("start", "rows", "missing", "minimum", "maximum", "total", "square_total")
    assert spine.all(t.machine_window, *columns) == [
        (T0, 4, 1, 1.0, 4.0, 7.5, 1.0 + 6.25 + 16.0), (after(5), 1, 0, 9.0, 9.0, 9.0, 81.0),
    ]  # fmt: skip


def _read(folder: Path, new_store: Path, cuts: list[int]) -> tuple[list[Any], list[Any], list[Any]]:
    """Findings, board and saved states where a new process starts at each cut; it saves its states at every end."""
    folder.mkdir()
    shutil.copyfile(new_store, folder / "store.db")
    store = Store(f"sqlite:///{folder}/store.db")
    spine = Spine(folder, store)
    _history(spine, 160)
    for row in [*cuts, 160]:
        spine.run(spine.pull("readings", batch_rows=1000), _at(row) - timedelta(seconds=1))
        _save(spine)
    assert _limits(spine) == BREACH
    columns = ("subject", "detector", "method", "feature", "at", "status", "value", "limit", "causes")
    made = (
        sorted(spine.all(t.finding, *columns), key=repr),
        spine.all(t.board),
        spine.all(t.detector_state, "detector", "subject", "state"),
    )
    spine.close()
    store.close()
    return made


def _save(spine: Spine) -> None:
    """As at a clean shutdown."""
    for job in spine.detectors:
        lease = acquire(spine.store, job.name, "this test", 60)
        assert lease is not None
        job.save(T0, lease)


CUTS = {
    "in the middle of a breach": [30],
    "just before a finding": [22],
    "just after a finding": [23],
    "during the warm-up and after": [50, 99, 100, 101, 140],
}


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
@pytest.mark.slow
def test_saving_and_starting_again_changes_nothing(
    cuts: list[int], whole: Any, tmp_path: Path, new_store: Path
) -> None:
    assert _read(tmp_path / "cut", new_store, cuts) == whole


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, new_store: Path) -> Any:
    return _read(tmp_path_factory.mktemp("history") / "whole", new_store, [])


@pytest.mark.parametrize("rows", [5, 25, 41], ids=["before the snapshot", "in the breach", "as it ends"])
@pytest.mark.slow
def test_a_process_that_died_goes_on_from_its_last_snapshot(rows: int, spine: Spine) -> None:
    _history(spine, 60, ("m1",))
    spine.run(spine.pull("readings", batch_rows=3), _at(rows))  # dies here: what is in memory is gone
    saved = spine.all(t.detector_state, "arrival")
    assert len(set(saved)) <= 1  # all detectors of a machine are saved together
    spine.run(spine.pull("readings", batch_rows=1000), after(60))
    assert _limits(spine) == BREACH


@pytest.mark.slow
def test_states_are_saved_after_so_many_rows_and_then_only_when_there_is_news(spine: Spine) -> None:
    _history(spine, 25, ("m1",))
    for rows in range(0, 30, 5):
        spine.run(spine.pull("readings"), _at(rows))
    (saved,) = set(spine.all(t.detector_state, "until"))
    assert saved >= _at(24 - 10)  # store.snapshot_rows
    _save(spine)
    (saved,) = set(spine.all(t.detector_state, "until"))
    assert saved == _at(24)


def test_a_failed_page_is_judged_again_from_the_last_commit(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    _history(spine)
    job = spine.pull("readings", batch_rows=16)
    calls = iter([False, False, True])

    def sometimes(name: str) -> None:
        if name == "before_commit" and next(calls, False):
            raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("monitor.store.commit.reach", sometimes)
        with pytest.raises(ZeroDivisionError):
            spine.run(job, after(60))
    assert 0 < len(spine.all(t.reading)) < 120
    spine.run(job, after(60))
    assert _limits(spine) == BREACH
    assert len(spine.all(t.reading)) == 120


def test_a_sensor_that_the_source_does_not_map_is_missing(spine: Spine) -> None:
    machine = spine.plant.machines["m1"]
    more = machine.model_copy(update={"sensors": {"force": machine.sensors["heat"], **machine.sensors}})
    spine.plant = spine.plant.model_copy(update={"machines": {**spine.plant.machines, "m1": more}})
    spine.reading("m1", after(0), 5.0)
    spine.run(spine.pull("readings"), after(1))
    assert spine.all(t.machine_window, "sensor", "rows", "missing", "total") == [
        ("force", 1, 1, 0.0), ("heat", 1, 0, 5.0),
    ]  # fmt: skip


class CountRows:
    """Detector of the test: how many rows it saw, reported at every tenth."""

    name = "count_rows"

    def __init__(self, settings: roster.MachineSettings) -> None:
        self._machine = settings.machine

    def start(self) -> int:
        return 0

    def observe(self, state: int, batch: MachineBatch) -> tuple[int, list[Finding]]:
        counts = range(state + 1, state + 1 + len(batch))
        found = [self._finding(n, batch.at[row], row) for row, n in enumerate(counts) if n % 10 == 0]
        return state + len(batch), found

    def _finding(self, rows: int, at: int, row: int) -> Finding:
        return Finding(
            self.name, "count", self._machine, "", from_nanos(int(at)), Status.OK, float(rows), None, row=row
        )

    def current(self, state: int) -> list[Finding]:
        return [self._finding(state, 0, -1)]

    def save(self, state: int) -> dict[str, Any]:
        return {"rows": state}

    def restore(self, saved: dict[str, Any]) -> int:
        return int(saved["rows"])


@pytest.mark.slow
def test_a_detector_is_added_by_a_line_of_the_roster(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees every row, its findings and board are stored, and its state outlives the process."""
    monkeypatch.setattr(roster, "MACHINE_DETECTORS", (*roster.MACHINE_DETECTORS, CountRows))
    _history(spine, 25, machines=("m1",))
    spine.run(spine.pull("readings", batch_rows=4), after(60))
    rows = spine.all(t.finding, "detector", "value", "at")
    assert [row[1:] for row in rows if row[0] == "count_rows"] == [(10.0, _at(9)), (20.0, _at(19))]
    spine.rows("READINGS", *(("m1", _at(i), _at(i), 5.0) for i in range(25, 31)))
    spine.run(spine.pull("readings"), after(61))  # another process: the states come from the store
    rows = spine.all(t.finding, "detector", "value")
    assert [row[1] for row in rows if row[0] == "count_rows"] == [10.0, 20.0, 30.0]
    assert [row for row in spine.all(t.board, "detector", "subject", "value") if row[0] == "count_rows"] == [
        ("count_rows", "m1", 31.0)
    ]
