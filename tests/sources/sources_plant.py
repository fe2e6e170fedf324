"""A small plant around one source."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from monitor.plant.plant import Plant
from monitor.ports import Source


def make_plant(**source: Any) -> Plant:
    """Two steps, two machines with two sensors each, and one source named `it`."""
    source = {"url": "sqlite:///nowhere.db", "table": "t", "at": "ts"} | source
    sensors = {"temp": {}, "force": {}}
    return Plant.model_validate(
        {
            "version": 1,
            "site": "here",
            "steps": {"forging": {"line": "l"}, "coating": {"line": "l"}},
            "machines": {name: {"step": "forging", "sensors": sensors} for name in ("m1", "m2")},
            "characteristics": {"twist": {"specs": [{"since": "2026-01-01T00:00:00Z", "upper": 1.0}]}},
            "sources": {"it": source},
        }
    )


def counted(source: Source, start: datetime, end: datetime, until: datetime) -> dict[datetime, int]:
    """The number of keys of each whole hour."""
    first = start.replace(minute=0, second=0, microsecond=0)
    first = first if first == start else first + timedelta(hours=1)
    hours = [first + timedelta(hours=i) for i in range(int((end - first) / timedelta(hours=1)))]
    return {hour: len(source.hour_keys(hour, hour + timedelta(hours=1), until)) for hour in hours}
