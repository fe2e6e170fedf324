"""The drift job on a real store: references freeze by themselves, windows are read by arrival, findings change once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from drift_kit import SMALL, OneModel, board, job, parts
from spine_kit import T0, Spine, after

from detectors.window import roster
from monitor.instants import from_nanos
from monitor.model import Finding, Floats, Status, Window
from monitor.plant.watching import SpcConfig
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.report.trends import read_trends
from monitor.store.watching.board import drift_findings
from monitor.windows.frozen import window_of

FEATURES = ("a", "b", "c", "d", "prediction")


@pytest.fixture
def spine(store: Store, tmp_path: Path) -> Iterator[Spine]:
    """The small plant with a small reference."""
    made = Spine(tmp_path, store, SMALL)
    yield made
    made.close()


def references(spine: Spine) -> list[tuple[str, int, int]]:
    """What was frozen: detector, version, rows."""
    return [(r.detector, r.version, r.rows) for r in spine.all(t.reference)]


def test_a_healthy_step_is_judged_whole(spine: Spine) -> None:
    now = parts(spine, 200)
    assert spine.run(job(spine), now).rows == 30
    found = board(spine)
    assert set(found) == {
        *(("drift", method, "form", feature) for method in ("wasserstein", "missing_rate") for feature in FEATURES),
        *(("drift", method, "form", "") for method in ("worst_slice", "explained_by_mix", "worst_ratio")),
    }
    assert {r.status for r in found.values()} == {"ok"}
    assert {r.step for r in found.values()} == {"form"}
    assert references(spine) == [("drift", 1, 120), ("prediction", 1, 120)]


@pytest.mark.parametrize(
    ("rules", "methods"),
    [(["1", "cusum"], {"rule_1", "cusum"}), (["western"], {"rule_1", "rule_5", "rule_6", "rule_w4"})],
)
@pytest.mark.slow
def test_a_step_is_charted_by_the_rules_of_the_plant_file(spine: Spine, rules: list[str], methods: set[str]) -> None:
    spine.plant = spine.plant.model_copy(update={"spc": SpcConfig(rules=rules)})
    drift = job(spine)
    spine.run(drift, parts(spine, 200))
    charts = {(row.method, row.feature): row for row in spine.all(t.board) if row.detector == "chart"}
    assert set(charts) == {*((m, f) for m in methods for f in FEATURES), ("worst_ratio", "")}
    assert {row.status for row in charts.values()} == {"ok"}
    spine.run(drift, parts(spine, 30, 200, change=_shifted))
    (whole,) = (row for row in spine.all(t.board) if row.detector == "chart" and not row.feature)
    assert whole.status == "breach"
    assert any(cause.startswith("b ") and " high" in cause for cause in whole.causes)


def test_too_few_parts_cannot_be_judged(spine: Spine) -> None:
    spine.run(job(spine), parts(spine, 119))
    (only,) = board(spine).values()
    assert (only.method, only.status, only.value) == ("worst_ratio", "cannot_judge", None)
    assert references(spine) == []


def _shifted(rows: Floats) -> Floats:
    rows[:, 1] += 5
    return rows


def _gone(rows: Floats) -> Floats:
    rows[:, 2] = np.nan
    return rows


FAULTS = {
    "a gauge that reads too much": (_shifted, ("b", "prediction"), {"wasserstein"}),
    "a gauge that is silent": (_gone, ("c", "prediction"), {"missing_rate"}),
}


@pytest.mark.parametrize(("change", "features", "methods"), FAULTS.values(), ids=FAULTS)
@pytest.mark.slow
def test_a_fault_is_found_with_its_features(
    change: Callable[[Floats], Floats], features: tuple[str, ...], methods: set[str], spine: Spine
) -> None:
    drift = job(spine)
    spine.run(drift, parts(spine, 200))
    spine.run(drift, parts(spine, 30, 200, change=change))
    found = board(spine)
    assert {key[3] for key, row in found.items() if row.status == "breach"} == {*features, ""}
    assert {key[1] for key, row in found.items() if row.status == "breach"} == methods | {"worst_ratio"}
    worst = found["drift", "worst_ratio", "form", ""]
    assert worst.value > 1
    assert set(worst.causes) == set(features)


@pytest.mark.slow
def test_only_changes_of_status_go_on_record(spine: Spine) -> None:
    drift = job(spine)
    spine.run(drift, parts(spine, 200))
    first = len(spine.all(t.finding))
    spine.run(drift, parts(spine, 10, 200))
    assert len(spine.all(t.finding)) == first == 24
    spine.run(drift, parts(spine, 30, 210, change=_shifted))
    assert sorted({(f.feature, f.status) for f in spine.all(t.finding)[first:]}) == [
        ("", "breach"), ("b", "breach"), ("prediction", "breach"),
    ]  # fmt: skip


def test_without_a_new_part_nothing_is_written(spine: Spine) -> None:
    drift = job(spine)
    now = parts(spine, 200)
    spine.run(drift, now)
    before = spine.all(t.board)
    assert spine.run(drift, after(1000)).rows == 0
    assert spine.all(t.board) == before
    assert spine.run(job(spine), after(1000)).rows == 30, "a process that starts anew judges once"


def test_a_reference_stays_when_its_parts_are_pruned(spine: Spine) -> None:
    spine.run(job(spine), parts(spine, 200))
    before = board(spine)
    with spine.store.write() as connection:
        connection.execute(t.part_step.delete().where(t.part_step.c.arrival <= 150))
    spine.run(job(spine), after(1000))
    assert board(spine) == before


def test_a_reference_holds_the_newest_rows_bit_for_bit(spine: Spine) -> None:
    spine.run(job(spine), parts(spine, 200))
    row = next(r for r in spine.all(t.reference) if r.detector == "drift")
    window = window_of(row.content, "form", "form")
    passed = spine.all(t.part_step)[-120:]
    assert (row.first_arrival, row.last_arrival) == (passed[0].arrival, passed[-1].arrival)
    assert window.values.tolist() == [[r.values[name] for name in "abcd"] for r in passed]
    assert window.arrivals.tolist() == [r.arrival for r in passed]


def test_a_new_model_gets_its_own_reference_of_predictions(spine: Spine) -> None:
    models = OneModel()
    drift = job(spine, models)
    spine.run(drift, parts(spine, 200))
    models.digest, models.weight = "other", 3.0
    spine.run(drift, after(1000))
    assert references(spine) == [("drift", 1, 120), ("prediction", 1, 120), ("prediction", 2, 120)]
    assert {r.status for r in board(spine).values()} == {"ok"}, "another model is no drift of the parts"


def test_without_a_model_the_features_are_judged_alone(spine: Spine) -> None:
    spine.run(job(spine, OneModel(None)), parts(spine, 200))
    assert {key[3] for key in board(spine)} == {"a", "b", "c", "d", ""}


def test_a_correction_changes_no_window(spine: Spine) -> None:
    spine.run(job(spine), parts(spine, 200))
    before = board(spine)
    with spine.store.write() as connection:
        row = dict(
            connection.execute(sa.select(t.part_step).order_by(t.part_step.c.arrival.desc()).limit(1)).one()._mapping
        )
        connection.execute(t.part_step.insert().values({**row, "arrival": 10_000, "revision": 1, "values": {"a": 1e9}}))
    spine.run(job(spine), after(1000))
    assert board(spine) == before


@pytest.mark.parametrize("batch_rows", [7, 64])
@pytest.mark.slow
def test_how_rows_were_batched_changes_no_window(batch_rows: int, spine: Spine) -> None:
    now = parts(spine, 200)
    spine.run(job(spine), now)
    whole = board(spine)
    with spine.store.write() as connection:
        for table in (t.part_step, t.decision, t.outbox, t.board, t.reference, t.cursor, t.sequence):
            connection.execute(table.delete())
    spine.run(spine.pull("parts", batch_rows=batch_rows), now)
    spine.run(job(spine), now)
    assert board(spine) == whole


class HighestValue:
    """Detector of the test: the window's highest value against the reference's, of every column."""

    name = "highest_value"

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        value, limit = float(np.nanmax(current.values)), 2 * float(np.nanmax(reference.values))
        at = from_nanos(int(current.at[-1]))
        return [Finding(self.name, "worst_ratio", current.subject, "", at, Status.OK, value, limit, step=current.step)]


def test_a_detector_is_added_by_a_line_of_the_roster(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is run on every step, stands on the board, and is among the drift findings that people are shown."""
    line = roster.StepDetector(HighestValue.name, roster.Columns.ALL, lambda given: HighestValue())
    monkeypatch.setattr(roster, "STEP_DETECTORS", (*roster.STEP_DETECTORS, line))
    spine.run(job(spine), parts(spine, 200))
    (highest,) = (row for row in spine.all(t.board) if row.detector == "highest_value")
    assert (highest.subject, highest.status) == ("form", "ok")
    with spine.store.read() as connection:
        assert {row.detector for row in drift_findings(connection, "form")} == {
                "chart", "drift", "highest_value",
            }  # fmt: skip
        assert "highest_value" in {trend.detector for _, trend in read_trends(connection, T0, after(10_000))}
