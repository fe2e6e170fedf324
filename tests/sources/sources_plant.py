"""A small plant around one source."""

from __future__ import annotations

from typing import Any

from monitor.plant.plant import Plant


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
