"""A small plant and a snapshot of it that touches every metric."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from alerting.quality.figures import AlarmQuality, TeamAlarms
from exporters.metrics.shared.metric import AlertBound, Bounds
from exporters.metrics.shared.snapshot import (
    AlertRow,
    BoardRow,
    CursorRow,
    GateRow,
    JobRow,
    MetricsSnapshot,
    OutboxRow,
    SavingRow,
    StepRankRow,
    TallyRow,
    WrongRow,
)
from monitor.plant.plant import Plant

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def before(**ago: float) -> datetime:
    return NOW - timedelta(**ago)


def plant(**changes: Any) -> Plant:
    values: dict[str, Any] = {
        "version": 1,
        "site": "north",
        "steps": {"forging": {"line": "blades"}, "coating": {"line": "blades"}},
        "machines": {
            "F1": {"step": "forging", "sensors": {"temperature": {"low": 300.0, "high": 400.0}}},
            "C1": {"step": "coating", "sensors": {"pressure": {}}},
        },
        "characteristics": {"tip": {"unit": "mm", "specs": [{"since": "2026-01-01T00:00:00Z", "upper": 1.0}]}},
        "gates": {
            "shape": {"step": "forging", "characteristic": "tip", "model": "m", "profile": ["p1", "p2", "p3", "p4"],
                      "costs": {"scrap": 400, "inspection": 60}}
        },
        "sources": {
            "mes": {
                "kind": "part_steps", "url": "sqlite:///mes.db", "table": "steps",
                "at": {"column": "at", "zone": "UTC"}, "serial": "serial", "step": {"column": "step"},
                "values": {f"p{i}": {"column": f"p{i}"} for i in range(1, 5)},
            },
            "historian": {
                "kind": "readings", "url": "sqlite:///h.db", "table": "r", "every": "1m", "late_by": "1m",
                "at": {"column": "at", "zone": "UTC"}, "machine": {"column": "machine"},
                "values": {"temperature": {"column": "t"}},
            },
        },
        "write_back": {
            "url": "sqlite:///mes.db", "table": "recommendation",
            "columns": {f: f for f in ("site", "serial", "step", "visit", "revision", "recommendation")},
        },
    }  # fmt: skip
    return Plant.model_validate(values | changes)


def bounds(**changes: Any) -> Bounds:
    jobs = {"pull:historian": timedelta(minutes=1), "prune": timedelta(days=1)}
    alerts = (
        AlertBound("GateOutOfService", "critical", 0.5, 0.5),
        AlertBound("SensorDead", "warning", 0.5, 0.25, ("F1", "C1")),
    )
    values: dict[str, Any] = {"plant": plant(), "jobs": jobs, "alerts": alerts, "version": "0.1.0"}
    return Bounds(**(values | changes))


def tally(name: str, value: float | None, **labels: str) -> TallyRow:
    return TallyRow(name, labels, value)


def finding(**changes: Any) -> BoardRow:
    row = BoardRow("limits", "high", "F1", "temperature", before(seconds=30), "breach", 412.5, 400.0, ("temperature",))
    return row._replace(**changes)


def snapshot(**changes: Any) -> MetricsSnapshot:
    values: dict[str, Any] = {
        "at": NOW,
        "jobs": (
            JobRow(
                "pull:historian",
                120,
                2,
                1,
                5400,
                before(minutes=1),
                before(minutes=1),
                0.25,
                35.0,
                "no table",
                "failure",
                "missing_table",
                "historian",
                "all",
            ),
            JobRow("write_back", 3, 3, 0, 0, before(minutes=1), None, 0.1, None, "table locked <b>", "failure"),
        ),
        "cursors": (CursorRow("pull:historian", "historian", "", before(seconds=40)), CursorRow("p", "mes", "", None)),
        "gates": (
            GateRow("shape", "m", "3", "abcdef0123456789" * 4, before(days=2), 3, 100, 4, 0.125, before(minutes=3), 2),
        ),
        "savings": (
            SavingRow(
                "shape",
                NOW.replace(day=1, hour=0),
                91_500.5,
                60_000.0,
                120_000.0,
                14,
                3,
                8,
                1,
                WrongRow(1, None, 1.0, 9.0),
                WrongRow(4, 31.5, 12.0, 61.0),
            ),
            SavingRow("gone", NOW.replace(day=1, hour=0), 1.0, 1.0, 1.0, 1, 1, 1, 1, WrongRow(0), WrongRow(0)),
        ),
        "outbox": (OutboxRow("mes", 2, 1, before(minutes=4)),),
        "board": (
            finding(),
            finding(method="low", status="ok", value=412.5, limit=300.0, causes=()),
            finding(subject="C1", feature="pressure", method="dead", status="no_data", value=None, limit=None),
            finding(
                detector="capability",
                method="cpk_low",
                subject="shape",
                feature="outcome",
                status="ok",
                value=1.21,
                limit=None,
                causes=(),
                step="forging",
            ),
            finding(subject="C1", feature="gone", at=before(hours=2)),
            *(
                finding(detector="anomaly", method=method, status=status, value=value, limit=limit, causes=())
                for method, status, value, limit in (
                    ("contribution", "ok", 1.25, None),
                    ("time_left", "breach", 5.5, 24.0),
                    ("time_left_earliest", "ok", 2.0, None),
                    ("time_left_latest", "no_data", None, None),
                )
            ),
            finding(detector="anomaly", method="contribution", subject="C1", value=1.0, at=before(hours=2)),
        ),
        "alerts": (
            AlertRow(
                "GateOutOfService", "shape", "critical", "no model <i>", before(minutes=9), None, team="ml", text="no"
            ),
            AlertRow(
                "SensorDead", "C1", "warning", "silent", before(minutes=3), None, "pending", "absent", "operators"
            ),
            AlertRow(
                "SourceStopped",
                "mes",
                "critical",
                "unreachable",
                before(hours=9),
                before(hours=8),
                "resolved",
                team="platform",
            ),
        ),
        "tallies": (
            tally("gatewatch_gate_decisions_total", 96.0, gate="shape", verdict="continue", reason="in_spec"),
            tally("gatewatch_gate_decisions_total", 4.0, gate="shape", verdict="hold", reason="uncertain"),
            tally("gatewatch_findings_total", 5.0, detector="limits", method="high", subject="F1", status="breach"),
            tally("gatewatch_source_rows_total", 5400.0, source="historian", outcome="accepted"),
            tally("gatewatch_source_reconciliation_gap_rows", 0.0, source="mes"),
            tally("gatewatch_plant_last_reload_success", 1.0),
            tally("gatewatch_no_such_metric_total", 1.0),
        ),
        "step_ranks": (
            StepRankRow("tip", "coating", before(days=1), -0.004, -0.02, 0.01, False),
            StepRankRow("tip", "forging", before(days=1), 0.31, 0.25, 0.375, True),
            StepRankRow("tip", "gone", before(days=9), 0.5, 0.25, 0.75, True),
        ),
        "quality": AlarmQuality(
            (
                TeamAlarms(
                    "operators", 21, 3, 3.0, 0.0208, 12, 1, 0.0012, 2, 1, timedelta(minutes=4), timedelta(hours=2), 1
                ),
            )
        ),
        "plant_digest": "0123456789abcdef" * 4,
        "store_since": before(days=3),
        "store_bytes": 1_048_576,
    }
    return MetricsSnapshot(**(values | changes))
