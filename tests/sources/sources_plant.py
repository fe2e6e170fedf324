"""A small plant around one source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.model import Page
from monitor.plant.plant import Plant
from monitor.ports import Source

FAR = datetime(2028, 1, 1, tzinfo=UTC)
"""After every row of the tests."""


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
            "characteristics": {
                "twist": {"specs": [{"since": "2026-01-01T00:00:00Z", "upper": 1.0}]},
                "leak": {"pass_fail": "scrap"},
            },
            "sources": {"it": source},
        }
    )


def counted(source: Source, start: datetime, end: datetime, until: datetime) -> dict[datetime, int]:
    """The number of keys of each whole hour."""
    first = start.replace(minute=0, second=0, microsecond=0)
    first = first if first == start else first + timedelta(hours=1)
    hours = [first + timedelta(hours=i) for i in range(int((end - first) / timedelta(hours=1)))]
    return {hour: len(source.hour_keys(hour, hour + timedelta(hours=1), until)) for hour in hours}


def everything(source: Source, until: datetime = FAR, limit: int = 3, after: datetime | None = None) -> list[Page]:
    """All pages."""
    pages: list[Page] = []
    while True:
        pages.append(source.read(after, until, limit))
        if not pages[-1].more:
            return pages
        assert pages[-1].position is not None
        assert after is None or pages[-1].position > after
        after = pages[-1].position


def numbers_of(pages: list[Page]) -> list[float]:
    """The first value of every row."""
    return [v for p in pages for v in p.values[:, 0].tolist()]
