"""A snapshot of a plant on which everything is watched, and what the committed dashboards ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
    TallyRow,
    WrongRow,
)
from monitor.plant.plant import Plant

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "dashboards" / "generated"
JOBS = {"pull:historian": timedelta(minutes=1), "pull:mes": timedelta(minutes=1), "write_back": timedelta(minutes=1)}


def plant() -> Plant:
    """Two steps on one line, a machine and a gate at the first."""
    return Plant.model_validate(
        {
            "version": 1, "site": "north", "steps": {"forging": {"line": "blades"}, "coating": {"line": "blades"}},
            "machines": {"F1": {"step": "forging", "sensors": {
                "temperature": {"unit": "degC", "low": 300.0, "high": 400.0}}}},
            "characteristics": {"tip": {"specs": [{"since": "2026-01-01T00:00:00Z", "upper": 1.0}]}},
            "gates": {"shape": {"step": "forging", "characteristic": "tip", "model": "m",
                                "costs": {"scrap": 400, "inspection": 60},
                                "profile": ["p1", "p2", "p3", "p4"]}},
            "sources": {"mes": {"kind": "part_steps", "url": "sqlite:///mes.db", "table": "steps",
                                "at": {"column": "at", "zone": "UTC"}, "serial": "serial", "step": {"column": "step"},
                                "values": {f"p{i}": {"column": f"p{i}"} for i in range(1, 5)}}},
            "write_back": {"url": "sqlite:///mes.db", "table": "r", "columns": {
                f: f for f in ("site", "serial", "step", "visit", "revision", "recommendation")}},
        }
    )  # fmt: skip


def bounds() -> Bounds:
    """What bounds its labels."""
    return Bounds(
        plant(),
        JOBS,
        (
            AlertBound("DataDrift", "warning", 1.0, 0.9, team="engineers", subjects=("forging", "coating")),
            *(
                AlertBound(name, "warning", 0.5, 0.4)
                for name in (
                    "MachineOutOfSpec",
                    "ModelDegraded",
                    "HoldRateHigh",
                    "ScrapSurge",
                    "DeliveryLate",
                    "SourceStale",
                )
            ),
        ),
        "1",
    )


_FINDINGS = (
    ("limits", "limit", "F1", "temperature", "breach", 412.0, 400.0, "forging"),
    ("limits", "stuck", "F1", "temperature", "ok", 2.0, 40.0, "forging"),
    ("anomaly", "condition", "F1", "", "ok", 3.0, 6.0, "forging"),
    ("anomaly", "contribution", "F1", "temperature", "ok", 0.8, None, "forging"),
    ("anomaly", "time_left", "F1", "temperature", "breach", 5.5, 24.0, "forging"),
    ("anomaly", "worst_machine", "forging", "", "ok", 3.0, 6.0, "forging"),
    ("drift", "worst_ratio", "forging", "", "breach", 1.5, 1.0, "forging"),
    ("drift", "wasserstein", "forging", "p1", "breach", 0.3, 0.2, "forging"),
    ("drift", "wasserstein", "forging", "prediction", "ok", 0.1, 0.2, "forging"),
    ("drift", "missing_rate", "forging", "p1", "ok", 0.0, 0.1, "forging"),
    ("image_drift", "worst_ratio", "forging", "", "ok", 0.5, 1.0, "forging"),
    ("image_drift", "wasserstein", "forging", "surface_mean", "ok", 0.1, 0.2, "forging"),
    ("performance", "mae", "shape", "", "ok", 0.1, 0.2, "forging"),
    ("performance", "bias", "shape", "", "ok", 0.01, 0.1, "forging"),
    ("performance", "miscoverage", "shape", "", "ok", 0.1, 0.2, "forging"),
    ("performance", "skill", "shape", "", "ok", 0.6, 0.0, "forging"),
    ("chart", "worst_ratio", "forging", "", "ok", 0.7, 1.0, "forging"),
    ("chart", "cusum", "forging", "p1", "ok", 3.5, 5.0, "forging"),
    ("outcome_chart", "worst_ratio", "shape", "", "ok", 0.4, 1.0, "forging"),
    ("capability", "cpk", "shape", "tip", "ok", 1.2, None, "forging"),
    ("capability", "ppk", "shape", "tip", "ok", 1.1, None, "forging"),
    ("cause", "lot", "forging", "", "breach", 0.95, None, "forging"),
    ("performance", "mae", "shape", "F1/A", "ok", 0.1, 0.2, "forging"),
    ("estimate", "estimated_error", "shape", "", "ok", 0.12, 0.2, "forging"),
    ("estimate", "estimated_coverage", "shape", "", "ok", 0.88, None, "forging"),
    ("estimate", "estimate_light", "shape", "", "ok", 0.0, 1.0, "forging"),
)


def snapshot(at: datetime) -> MetricsSnapshot:
    """Everything that the plant can show, as of `at`."""
    ago = at - timedelta(minutes=1)
    return MetricsSnapshot(
        at=at,
        jobs=tuple(JobRow(name, 9, 1, 0, 90, ago, ago, 0.2, 5.0, None) for name in JOBS),
        cursors=(CursorRow("pull:mes", "mes", "", ago),),
        gates=(GateRow("shape", "m", "3", "abcdef0123456789", at - timedelta(hours=2), 3, 100, 4, 0.1, ago),),
        savings=(
            SavingRow(
                "shape",
                at,
                91_500.0,
                60_000.0,
                120_000.0,
                14,
                3,
                8,
                1,
                WrongRow(1, 2.0, 1.0, 9.0),
                WrongRow(4, 31.5, 12.0, 61.0),
            ),
        ),
        outbox=(OutboxRow("mes", 2, 1, ago),),
        board=tuple(BoardRow(*row[:4], at, *row[4:7], (), row[7]) for row in _FINDINGS),
        alerts=tuple(
            AlertRow(
                name,
                subject,
                "warning",
                "text",
                at - timedelta(days=2),
                None,
                team="engineers",
                value=1.5,
                text="what it says",
            )
            for name, subject in (("DataDrift", "forging"), ("MachineOutOfSpec", "F1"), ("ModelDegraded", "shape"))
        ),
        tallies=(
            TallyRow("gatewatch_source_rows_total", {"source": "mes", "outcome": "accepted"}, 90.0),
            TallyRow("gatewatch_source_reconciliation_gap_rows", {"source": "mes"}, 0.0),
            TallyRow("gatewatch_gate_outcomes", {"gate": "shape"}, 57.0),
            TallyRow(
                "gatewatch_gate_verdict_outcomes_total",
                {"gate": "shape", "verdict": "continue", "truth": "scrap"},
                2.0 + at.timestamp() % 1000,
            ),
            TallyRow(
                "gatewatch_gate_dispositions_total",
                {"gate": "shape", "verdict": "scrap", "answer": "overridden"},
                1.0 + at.timestamp() % 1000,
            ),
            TallyRow(
                "gatewatch_alerts_opened_total",
                {"alert": "DataDrift", "subject": "forging", "severity": "warning", "team": "engineers"},
                1.0 + at.timestamp() % 1000,
            ),
        ),
        quality=AlarmQuality(
            (TeamAlarms("engineers", 7, 1, 1.0, 0.007, 3, 0, 0.0, 1, 1, timedelta(minutes=4), timedelta(hours=1), 1),)
        ),
        plant_digest="0123456789abcdef",
        store_since=at - timedelta(days=1),
        store_bytes=4096,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a dashboard: where it stands, its expression, the name of its series, and what a table shows."""

    where: str
    expr: str
    legend: str = ""
    columns: tuple[str, ...] = ()


def boards() -> dict[str, dict[str, Any]]:
    """The committed dashboards, by the name of the file."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GENERATED.iterdir())}


def panels_of(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every panel that is no row, those of folded rows included."""
    found = board["panels"]
    inside = [panel for row in found for panel in row.get("panels", [])]
    return [panel for panel in [*found, *inside] if panel["type"] != "row"]


def panels() -> list[dict[str, Any]]:
    """Every panel of every dashboard."""
    return [panel for board in boards().values() for panel in panels_of(board)]


def asked() -> list[Asked]:
    """Every query of panels and annotations."""
    return [one for name, board in boards().items() for one in _of_board(name, board)]


def _of_board(name: str, board: Mapping[str, Any]) -> Iterator[Asked]:
    for panel in panels_of(board):
        organised = [
            t["options"].get("renameByName", {}) for t in panel.get("transformations", []) if t["id"] == "organize"
        ]
        columns = tuple(name for renamed in organised for name in renamed if not name.startswith("Value"))
        for target in panel["targets"]:
            # Of several queries each has the columns that it keeps; together they have all.
            kept = set(re.findall(r"\w+", " ".join(re.findall(r"\bby \(([^)]*)\)", target["expr"]))))
            own = columns if len(panel["targets"]) == 1 else tuple(column for column in columns if column in kept)
            where = f"{name}: {panel['title']} {target['refId']}"
            yield Asked(where, target["expr"], target["legendFormat"], own)
    for marks in (marks for marks in board["annotations"]["list"] if "expr" in marks):
        yield Asked(f"{name}: annotation {marks['name']}", marks["expr"])


def variables() -> dict[str, tuple[str, str]]:
    """Each variable that Prometheus is asked for: the selector and the label of its values, in order."""
    found = {}
    for variable in boards()["overview"]["templating"]["list"]:
        if variable["type"] == "query":
            told = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            assert told, variable["query"]
            found[variable["name"]] = (told.group(1), told.group(2))
    return found


def filled(expr: str, chosen: Mapping[str, list[str]]) -> str:
    """An expression as Grafana sends it when all values of each variable are chosen."""
    expr = expr.replace("[$__range:15m]", "[1m:1s]")
    for name, values in chosen.items():
        # Grafana escapes twice: for the regular expression and for the string it stands in.
        pattern = "(" + "|".join(re.escape(value).replace("\\", "\\\\") for value in values) + ")" if values else ""
        expr = re.sub(rf"\${name}\b", lambda _, pattern=pattern: pattern, expr)
    return expr


def now() -> datetime:
    """The time by the clock: what is scraped is stamped with it."""
    return datetime.now(UTC)
