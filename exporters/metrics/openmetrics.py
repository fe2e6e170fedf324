"""Samples with their times as one OpenMetrics file, for `promtool tsdb create-blocks-from openmetrics`.

The format wants a family in one piece and in it each series in order of time; a replay makes them time by time. So they
are kept in a scratch database beside the file and sorted there: memory stays that of one scrape, however long the
history. FILE appears when it is whole, never half.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import IO

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from monitor.errors import MonitorError

_TABLES = (
    # No rollback is ever wanted: what a killed process leaves is deleted by the next one.
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "CREATE TABLE series (id INTEGER PRIMARY KEY, family INTEGER, text TEXT)",
    "CREATE TABLE sample (series INTEGER, at REAL, value REAL)",
)
_SORTED = """
SELECT series.family, series.text, sample.value, sample.at FROM sample JOIN series ON series.id = sample.series
ORDER BY series.family, series.text, sample.at
"""
_FORMAT = "application/openmetrics-text; version=1.0.0"
_END = "# EOF\n"


class OpenMetricsFile:
    """Gathers the families of many instants, in order of time, and writes them at the end.

    `labels` are added to every series: those that Prometheus itself adds to what it scrapes, so that history and what
    is scraped later are the same series.
    """

    def __init__(self, file: Path, labels: Mapping[str, str]) -> None:
        self._file = file
        self._labels = dict(labels)
        self._part = file.with_name(f"{file.name}.part")
        self._scratch = file.with_name(f"{file.name}.part.db")
        self._known: dict[tuple[str, tuple[str, ...]], int] = {}
        self._headers: list[str] = []
        self.samples = 0
        self._forget()
        # Says at once, as an OSError with the name, where nothing can be written.
        self._part.touch()
        self._db = sqlite3.connect(self._scratch)
        for statement in _TABLES:
            self._db.execute(statement)

    @property
    def series(self) -> int:
        """How many series were seen."""
        return len(self._known)

    def add(self, at: datetime, families: Iterable[Family]) -> None:
        """Keep the samples of an instant later than the one before; every call brings the same families."""
        found = list(families)
        self._headers = self._headers or [_header(family) for family in found]
        rows = [
            (self._number(place, sample), at.timestamp(), sample.value)
            for place, family in enumerate(found)
            for sample in family.samples
        ]
        with self._told():
            self._db.executemany("INSERT INTO sample VALUES (?, ?, ?)", rows)
            self._db.commit()
        self.samples += len(rows)

    def write(self) -> None:
        """Sort everything into FILE."""
        with self._told():
            with self._part.open("w", encoding="utf-8", newline="\n") as out:
                self._write(out)
                out.flush()
                os.fsync(out.fileno())
            self._part.replace(self._file)

    def close(self) -> None:
        """Delete what is not FILE itself."""
        self._db.close()
        self._forget()

    def _forget(self) -> None:
        for path in (self._part, self._scratch):
            path.unlink(missing_ok=True)

    def _number(self, family: int, sample: Sample) -> int:
        key = (sample.name, tuple(sample.labels.values()))
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self._known)
            row = (number, family, _text(sample.name, self._labels | sample.labels))
            with self._told():
                self._db.execute("INSERT INTO series VALUES (?, ?, ?)", row)
        return number

    def _write(self, out: IO[str]) -> None:
        told = -1
        with closing(self._db.execute(_SORTED)) as rows:
            for family, text, value, at in rows:
                if family != told:
                    told = family
                    out.write(self._headers[family])
                out.write(f"{text} {value!r} {_seconds(at)}\n")
        out.write(_END)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise MonitorError(f"{self._scratch}: {exc}; the history is not written") from exc


class _One(Collector):
    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Family]:
        return [self._family]


def _header(family: Family) -> str:
    """Help, type and unit of a family, as the library writes them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_One(Family(family.name, family.documentation, family.type, family.unit)))
    encode, _ = choose_encoder(_FORMAT)
    return encode(registry).decode().removesuffix(_END)


def _text(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _seconds(at: float) -> str:
    return f"{at:.3f}".removesuffix(".000")
