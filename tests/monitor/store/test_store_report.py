"""What a report reads from the store, on each database: rows in, values out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import passport_rows as made
import pytest
from report_plant import END, START, at, plant

from exporters.report.values import Breach, Bucket, Comparison, Gain, Period, PlantReport, Verdicts, VersionPeriod
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.report.reading import read_report


def read(
    store: Store, rows: dict[Any, list[dict[str, Any]]], start: datetime = START, end: datetime = END
) -> PlantReport:
    with store.write() as connection:
        for table, some in rows.items():
            for row in some:
                connection.execute(table.insert(), [row])
    return read_report(store, plant(), start, end)


def decided(hours: float, serial: str, verdict: str = "continue", **changes: Any) -> dict[str, Any]:
    row = made.decision(0, serial=serial, at=at(hours), decided_at=at(hours + 0.1), verdict=verdict, reason="in_spec")
    return row | {"arrival": 10_000 + round(100 * hours)} | changes


def outcome(hours: float, serial: str, value: float | None, **changes: Any) -> dict[str, Any]:
    outcome.arrival = getattr(outcome, "arrival", 0) + 1  # type: ignore[attr-defined]
    return {
        "arrival": outcome.arrival, "source": "lab", "serial": serial, "characteristic": "tip", "at": at(hours),  # type: ignore[attr-defined]
        "available_at": at(hours + 0.5), "revision": 0, "value": value, "digest": "d",
    } | changes  # fmt: skip


def test_an_empty_store_makes_a_report_of_nothing(store: Store) -> None:
    report = read(store, {})
    assert [gate.name for gate in report.gates] == ["shape"]
    assert all(row.parts == 0 for row in report.gates[0].verdicts)
    assert [machine.name for machine in report.machines] == ["F1", "F2"]
    assert (report.steps, report.alerts, report.retrainings, report.versions) == ((), (), (), ())


def test_what_came_of_a_recommendation_is_told_by_the_newest_outcome_known_by_the_end(store: Store) -> None:
    report = read(store, {
        t.decision: [
            decided(1, "A"), decided(2, "B"), decided(3, "C", "scrap"), decided(4, "D"),
            decided(5, "E", "hold", reason="no_model", predicted=None, lower=None, upper=None),
            decided(-1, "early"), decided(24, "late"),
        ],
        t.outcome: [
            outcome(6, "A", 0.9), outcome(7, "A", 1.4, revision=1),  # measured again: beyond the limit, reworkable
            outcome(6, "B", 0.9), outcome(6, "C", 9.0), outcome(23.8, "D", 0.9),  # not known by the end
        ],
    })  # fmt: skip
    assert report.gates[0].verdicts == (
        Verdicts("continue", 3, 1, 1, 0, 1), Verdicts("correct", 0, 0, 0, 0, 0), Verdicts("scrap", 1, 0, 0, 1, 0),
        Verdicts("hold", 1, 0, 0, 0, 1),
    )  # fmt: skip
    assert report.gates[0].holds == {"no_model": 1}
    assert sum(sum(d.counts.values()) for d in report.gates[0].decided) == 5


def test_errors_are_counted_when_the_outcome_was_measured_also_for_parts_of_earlier_days(store: Store) -> None:
    report = read(store, {
        t.decision: [
            decided(-20, "A", predicted=1.2, lower=1.0, upper=1.4),
            decided(-19, "B", predicted=1.2, lower=1.15, upper=1.25),
            decided(-18, "C", predicted=None, lower=None, upper=None),
        ],
        t.outcome: [outcome(3, "A", 1.1), outcome(3.01, "B", 1.4), outcome(3, "C", 1.0), outcome(4, "nobody", 1.0)],
    })  # fmt: skip
    (bar,) = report.gates[0].realised
    assert (bar.parts, bar.covered) == (2, 1)
    assert bar.bias == pytest.approx(-0.05)
    assert (bar.lowest, bar.highest) == (pytest.approx(-0.2), pytest.approx(0.1))


def test_versions_that_decided_stand_in_the_order_in_which_they_were_in_force(store: Store) -> None:
    versions = ["1", "1", "2", "1", ""]
    decisions = [decided(n, f"S{n}", version=v) for n, v in enumerate(versions)]
    version_periods = read(store, {t.decision: decisions}).gates[0].version_periods
    assert version_periods == (
        VersionPeriod("1", at(0.1), at(1.1), 2), VersionPeriod("2", at(2.1), at(2.1), 1),
        VersionPeriod("1", at(3.1), at(3.1), 1),
    )  # fmt: skip


def window(minutes: float, low: float, high: float, **changes: Any) -> dict[str, Any]:
    return {
        "machine": "F1", "sensor": "temperature", "start": START + timedelta(minutes=minutes), "rows": 10, "missing": 0,
        "minimum": low, "maximum": high, "total": 10 * (low + high) / 2, "square_total": 0.0,
    } | changes  # fmt: skip


def state(number: int, minutes: float, word: str, **changes: Any) -> dict[str, Any]:
    return {
        "arrival": number, "source": "h", "machine": "F1", "at": START + timedelta(minutes=minutes), "revision": 0,
        "state": word, "digest": "d",
    } | changes  # fmt: skip


def test_windows_are_taken_together_with_their_extremes_and_only_while_the_machine_ran(store: Store) -> None:
    report = read(store, {
        t.machine_window: [
            window(-5, 0, 0), window(0, 310, 320),
            window(5, 300, 340, missing=10, minimum=None, maximum=None, total=0.0),
            window(10, 305, 330), window(20, 20, 25), window(30, 306, 316), window(40, 300, 301, machine="F2"),
        ],
        t.machine_state: [state(1, -60, "run"), state(2, 17, "idle"), state(3, 22, "setup"), state(4, 26, "run"),
                          state(5, 1435, "down")],
    })  # fmt: skip
    f1, f2 = report.machines
    (sensor,) = f1.sensors
    # A day of 5-minute windows and some 240 points: two windows a point.
    assert sensor.step == timedelta(minutes=10)
    assert sensor.buckets == (
        Bucket(at(0), 310, 315, 320), Bucket(at(1 / 6), 305, 317.5, 330), Bucket(at(0.5), 306, 311, 316),
    )  # fmt: skip
    assert (sensor.rows, sensor.missing) == (40, 10)
    minutes = [(s.what, (s.start - START) / timedelta(minutes=1), s.end and (s.end - START) / timedelta(minutes=1))
               for s in f1.not_running]  # fmt: skip
    assert minutes == [("idle", 17, 22), ("setup", 22, 26), ("down", 1435, 1440)]
    assert [b.mean for b in f2.sensors[0].buckets] == [300.5]


def found(hours: float, status: str, **changes: Any) -> dict[str, Any]:
    return made.finding(0, at=at(hours), status=status) | changes


def test_breaches_last_from_change_to_change_and_begin_no_earlier_than_the_report(store: Store) -> None:
    odd = {"detector": "anomaly", "method": "condition", "feature": "", "causes": ["temperature"]}
    report = read(store, {t.finding: [
        found(-3, "ok"), found(-2, "breach"), found(1, "ok"), found(2, "breach", value=450.0), found(3, "no_data"),
        found(4, "ok"), found(5, "breach", **odd), found(6, "breach", subject="F2"), found(25, "ok", subject="F2"),
    ]})  # fmt: skip
    f1, f2 = report.machines
    limits = ("limits", "high", "temperature")
    assert f1.sensors[0].breaches == (
        Breach(*limits, at(0), at(1), 412.5, 400.0, ("temperature",)),
        Breach(*limits, at(2), at(3), 450.0, 400.0, ("temperature",)),
    )
    assert f1.breaches == (Breach("anomaly", "condition", "", at(5), None, 412.5, 400.0, ("temperature",)),)
    assert f2.sensors[0].breaches == (Breach(*limits, at(6), None, 412.5, 400.0, ("temperature",)),)


def trend(hours: float, value: float | None, status: str = "ok", **changes: Any) -> dict[str, Any]:
    return {
        "detector": "drift", "method": "worst_ratio", "subject": "forging", "feature": "", "at": at(hours),
        "step": "forging", "status": status, "value": value, "limit": 1.0, "causes": ["hardness"],
    } | changes  # fmt: skip


def test_drift_is_read_over_time_with_the_features_in_breach_and_performance_by_gate(store: Store) -> None:
    feature = {"method": "wasserstein", "feature": "hardness", "limit": 0.5}
    mae = {"detector": "performance", "method": "mae", "subject": "shape", "limit": 5.0}
    report = read(store, {
        t.trend: [
            trend(-1, 9.0), trend(1, 0.4), trend(2, 1.6, "breach"), trend(3, None, "no_data"), trend(24, 9.0),
            trend(2, 0.8, "breach", **feature), trend(3, 0.6, "breach", **feature), trend(4, 4.0, **mae),
            trend(4, 4.0, "breach", **mae | {"feature": "F1/R1"}),
        ],
        t.reference: [{"detector": "drift", "subject": "forging", "version": 2, "frozen_at": at(2), "first_arrival": 1,
                       "last_arrival": 500, "rows": 500, "digest": "d", "cause": "first parts", "content": {}}],
    })  # fmt: skip
    (step,) = report.steps
    (whole,) = step.trends
    assert [(p.at, p.value, p.status) for p in whole.points] == [
        (at(1), 0.4, "ok"), (at(2), 1.6, "breach"), (at(3), None, "no_data"),
    ]  # fmt: skip
    (hardness,) = step.features
    assert (hardness.feature, hardness.evaluations, hardness.first, hardness.last) == ("hardness", 2, at(2), at(3))
    assert hardness.worst == pytest.approx(1.6)
    assert step.references == (Period(at(2), None, "drift, version 2, 500 parts: first parts"),)
    (performance,) = report.gates[0].trends
    assert (performance.method, performance.points[0].limit) == ("mae", 5.0)
    assert [(s.feature, s.evaluations) for s in report.gates[0].slices] == [("F1/R1", 1)]


def alert(name: str, fired: float | None, ended: float | None, state: str = "firing") -> dict[str, Any]:
    return {
        "name": name, "subject": "F1", "severity": "critical", "summary": "", "since": at((fired or 0) - 0.5),
        "fired_at": None if fired is None else at(fired), "ended_at": None if ended is None else at(ended),
        "state": state, "team": "operators",
    }  # fmt: skip


def test_alerts_count_from_when_they_fired_and_pending_ones_not_at_all(store: Store) -> None:
    report = read(store, {t.alert: [
        alert("Over", -9, -8, "resolved"), alert("Before", -2, 1, "resolved"), alert("Inside", 3, 4, "resolved"),
        alert("Goes on", 5, None), alert("Ends later", 6, 30, "resolved"), alert("Pending", None, None, "pending"),
        alert("Later", 25, None),
    ]})  # fmt: skip
    assert [(a.name, a.since, a.ended_at) for a in report.alerts] == [
        ("Before", at(-2), at(1)), ("Inside", at(3), at(4)), ("Goes on", at(5), None), ("Ends later", at(6), None),
    ]  # fmt: skip


def test_requests_to_retrain_and_versions_are_read_as_they_stand(store: Store) -> None:
    def request(hours: float, key: str, **changes: Any) -> dict[str, Any]:
        return {"gate": "shape", "key": key, "cause": "ModelDegraded", "requested_at": at(hours), "state": "refused",
                "reason": "cooling_down", "comparison": None} | changes  # fmt: skip

    numbers = {"rows": 60, "champion": 9.0, "challenger": 4.0, "gain": 5.0, "low": 3.0, "high": 7.0}
    compared = {
        "outcome": "better", "rows": 60, "lots": 4, "overall": numbers, "champion_coverage": 0.5,
        "challenger_coverage": 0.9, "slices": [numbers | {"kind": "machine", "name": "F1", "rows": 20}],
    }  # fmt: skip
    version = {"model": "m", "version": "1", "gate": "shape", "digest": "d", "trained_at": at(-9), "ready_at": at(-8),
               "data_digest": "e", "rows": 500, "metrics": {"skill": 0.5}, "status": "in_force"}  # fmt: skip
    report = read(store, {
        t.retraining: [request(-9, "a"), request(-8, "b", finished_at=at(1)), request(2, "c", comparison=compared),
                       request(24, "d")],
        t.model_version: [version, version | {"version": "2", "trained_at": at(25)}],
    })  # fmt: skip
    before, inside = report.retrainings
    assert (before.requested_at, before.comparison) == (at(-8), None)
    assert (inside.requested_at, inside.comparison) == (at(2), Comparison(
        (Gain("all", 60, 9.0, 4.0, 5.0, 3.0, 7.0), Gain("machine F1", 20, 9.0, 4.0, 5.0, 3.0, 7.0)), 4, 0.5, 0.9
    ))  # fmt: skip
    assert [v.version for v in report.versions] == ["1"]


def test_what_came_in_and_what_failed_is_counted_in_the_time_only(store: Store) -> None:
    run = {"job": "pull:mes", "started_at": START, "duration_seconds": 1.0, "rows": 0, "error": None}
    report = read(store, {
        t.part_step: [made.part_step(1, 0, at=at(1), serial="A"), made.part_step(2, 0, at=at(-1), serial="B")],
        t.quarantine: [made.quarantined(1, "k", first_seen_at=at(2)), made.quarantined(2, "k", first_seen_at=at(-2))],
        t.job_run: [run | {"slot": at(1), "result": "failure"}, run | {"slot": at(2), "result": "success"}],
        t.outbox: [made.outbox(1, created_at=at(3)), made.outbox(2, created_at=at(24))],
    })  # fmt: skip
    assert report.intake.rows["part steps"] == 1
    assert (report.intake.quarantined, report.intake.failed_runs) == ({"not_a_number": 1}, {"pull:mes": 1})
    assert report.intake.recommendations == {"sent": 1}
