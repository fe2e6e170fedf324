"""A plant, a snapshot of it and a passport for the server, with text in them that means harm."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import passport_rows as made

from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import AlertRow, BoardRow, GateRow, JobRow, MetricsSnapshot, OutboxRow, TallyRow
from monitor.plant.plant import Plant
from monitor.web.server import Views

NOW = made.NOW
EVIL = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&\ud800"


def plant() -> Plant:
    sensors = {"temperature": {"low": 300.0, "high": 400.0}}
    return Plant.model_validate(
        {
            "version": 1, "site": "north", "steps": {"forging": {"line": "blades"}},
            "machines": {"F1": {"step": "forging", "sensors": sensors}, "F2": {"step": "forging", "sensors": sensors}},
            "characteristics": {"tip": {"specs": [{"since": "2026-01-01T00:00:00Z", "upper": 1.0}]}},
            "gates": {"shape": {"step": "forging", "characteristic": "tip", "model": "m",
                                "profile": ["p1", "p2", "p3", "p4"]}},
            "sources": {"mes": {"kind": "part_steps", "url": "sqlite:///mes.db", "table": "steps",
                                "at": {"column": "at", "zone": "UTC"}, "serial": "serial", "step": {"column": "step"},
                                "values": {f"p{i}": {"column": f"p{i}"} for i in range(1, 5)}}},
        }
    )  # fmt: skip


def snapshot(**changes: Any) -> MetricsSnapshot:
    job = JobRow("pull:mes", 9, 1, 2, 900, made.at(-60), made.at(-60), 0.25, 30.0, f"job {EVIL}")
    verdict = {"gate": "shape", "verdict": "scrap", "reason": "out_of_spec"}
    values: dict[str, Any] = {
        "at": NOW, "jobs": (job,), "plant_digest": "0123456789abcdef",
        "gates": (GateRow("shape", "m", "3", "d", made.at(-99), 1, 100, 4, 0.1, made.at(-1)),),
        "outbox": (OutboxRow("mes", 2, 1, made.at(-4)),),
        "board": (
            BoardRow("limits", "high", "F1", "temperature", made.at(-1), "breach", 412.5, 400.0, (EVIL,)),
            BoardRow("drift", "worst_ratio", "forging", "", made.at(-30), "breach", 1.625, 1.0, ("hardness",)),
            BoardRow("drift", "wasserstein", "forging", "hardness", made.at(-30), "breach", 0.65, 0.4, ("hardness",)),
            BoardRow("performance", "mae", "shape", "", made.at(-30), "ok", 3.25, 6.5, (), "forging"),
            BoardRow("performance", "skill", "shape", "", made.at(-30), "ok", 0.4375, 0.0, (), "forging"),
            BoardRow("performance", "mae", "shape", "F1/R1", made.at(-30), "breach", 9.25, 8.0, (), "forging"),
            BoardRow("estimate", "estimated_error", "shape", "", made.at(-30), "cannot_judge", 4.75, 6.5),
            BoardRow("estimate", "estimate_light", "shape", "", made.at(-30), "breach", 2.0, 1.0,
                     ("covariate_shift", EVIL), "forging"),
            BoardRow("reconciliation", "hourly_count", "mes", "", made.at(-30), "breach", 19.0, 0.0),
        ),
        "alerts": (AlertRow("SourceStopped", "mes", "critical", EVIL, made.at(-9), None, team="platform"),
                   AlertRow("OnlyPending", "mes", "critical", "", made.at(-9), None, "pending"),
                   AlertRow("Watchdog", "site", "info", "", made.at(-9), None),
                   AlertRow("Ended", "mes", "warning", "over", made.at(-90), made.at(-9))),
        "tallies": (TallyRow("gatewatch_gate_decisions_total", verdict, 17.0),),
    }  # fmt: skip
    return MetricsSnapshot(**(values | changes))


def known(serial: str) -> dict[str, Any] | None:
    if serial == "gone":
        return None
    details = {"verdict": "scrap", "note": serial, serial: [serial, {serial: 1.0}]}
    return {"serial": serial, "events": [{"at": "2026-03-02T12:00:00.000Z", "kind": "decision", "summary": serial,
                                          "details": details}]}  # fmt: skip


def views(reports: Path, **changes: Any) -> Views:
    jobs = {"pull:mes": timedelta(minutes=1), "prune": timedelta(days=1)}
    values: dict[str, Any] = {
        "snapshot": snapshot, "ready": list, "passport": known, "reports": reports,
        "bounds": lambda: Bounds(plant(), jobs, version="1"), "refusal": lambda authorization, size: None,
        "receive": lambda body: (200, {"bytes": len(body)}),
    }  # fmt: skip
    return Views(**(values | changes))
