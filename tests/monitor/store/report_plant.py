"""A plant of one gate and two machines, and the day that its report is of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.plant.plant import Plant

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)


def at(hours: float) -> datetime:
    """Some hours after the start."""
    return START + timedelta(hours=hours)


def plant() -> Plant:
    sensors = {"temperature": {"unit": "degC", "low": 300.0, "high": 400.0}}
    return Plant.model_validate(
        {
            "version": 1, "site": "north", "steps": {"forging": {"line": "blades"}},
            "machines": {"F1": {"step": "forging", "sensors": sensors}, "F2": {"step": "forging", "sensors": sensors}},
            "characteristics": {"tip": {"unit": "mm", "specs": [{"since": "2026-01-01T00:00:00Z", "upper": 1.0}]}},
            "gates": {"shape": {"step": "forging", "characteristic": "tip", "model": "m", "rework": {"above": 1.0},
                                "profile": ["p1", "p2", "p3", "p4"]}},
            "sources": {"mes": {"kind": "part_steps", "url": "sqlite:///mes.db", "table": "steps",
                                "at": {"column": "at", "zone": "UTC"}, "serial": "serial", "step": {"column": "step"},
                                "values": {f"p{i}": {"column": f"p{i}"} for i in range(1, 5)}}},
        }
    )  # fmt: skip
