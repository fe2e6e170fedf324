"""Timestamped samples as one OpenMetrics file, for `promtool tsdb create-blocks-from openmetrics`.

The format groups samples by family and series, in order of time; a replay yields one instant after another. They are
sorted in a scratch database next to FILE, so memory does not grow with the history. FILE is replaced atomically.
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
    # No rollback is needed: what a killed process leaves is deleted by the next one.
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
    """Collects the families of many instants, in order of time, and writes them at the end.

    `labels` are added to every series: the target labels that Prometheus adds to scrapes, so that the history continues
    the same series.
    """

    def __init__(self, file: Path, labels: Mapping[str, str]) -> None:
        self._file = file
        self._labels = dict(labels)
        self._part = file.with_name(f"{file.name}.part")
        self._scratch = file.with_name(f"{file.name}.part.db")
        self._series_ids: dict[tuple[str, tuple[str, ...]], int] = {}
        self._headers: list[str] = []
        self.samples = 0
        self._delete_scratch()
        # Fails early, with an OSError that names the file, if it cannot be written.
        self._part.touch()
        self._db = sqlite3.connect(self._scratch)
        for statement in _TABLES:
            self._db.execute(statement)

    @property
    def series(self) -> int:
        """The number of series so far."""
        return len(self._series_ids)

    def add(self, at: datetime, families: Iterable[Family]) -> None:
        """Add the samples of a later instant; every call must bring the same families."""
        families = [part for family in families for part in _parts(family)]
        self._headers = self._headers or [_header(family) for family in families]
        rows = [
            (self._series_id(number, sample), at.timestamp(), sample.value)
            for number, family in enumerate(families)
            for sample in family.samples
        ]
        with self._mapped_errors():
            self._db.executemany("INSERT INTO sample VALUES (?, ?, ?)", rows)
            self._db.commit()
        self.samples += len(rows)

    def write(self) -> None:
        """Write FILE, sorted."""
        with self._mapped_errors():
            with self._part.open("w", encoding="utf-8", newline="\n") as out:
                self._write(out)
                out.flush()
                os.fsync(out.fileno())
            self._part.replace(self._file)

    def close(self) -> None:
        """Delete the scratch files."""
        self._db.close()
        self._delete_scratch()

    def _delete_scratch(self) -> None:
        for path in (self._part, self._scratch):
            path.unlink(missing_ok=True)

    def _series_id(self, family: int, sample: Sample) -> int:
        key = (sample.name, tuple(sample.labels.values()))
        series_id = self._series_ids.get(key)
        if series_id is None:
            series_id = self._series_ids[key] = len(self._series_ids)
            row = (series_id, family, _selector(sample.name, self._labels | sample.labels))
            with self._mapped_errors():
                self._db.execute("INSERT INTO series VALUES (?, ?, ?)", row)
        return series_id

    def _write(self, out: IO[str]) -> None:
        current = -1
        with closing(self._db.execute(_SORTED)) as rows:
            for family, text, value, at in rows:
                if family != current:
                    current = family
                    out.write(self._headers[family])
                out.write(f"{text} {value!r} {_seconds(at)}\n")
        out.write(_END)

    @contextlib.contextmanager
    def _mapped_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise MonitorError(f"{self._scratch}: {exc}; the history is not written") from exc


class _SingleFamily(Collector):
    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Family]:
        return [self._family]


def _parts(family: Family) -> list[Family]:
    """A family as it is written: of a histogram each part by itself and untyped, which changes nothing for Prometheus.

    At several instants its parts would have to alternate, which prometheus-client's parser cannot read.
    """
    if family.type != "histogram":
        return [family]
    parts: dict[str, Family] = {}
    for sample in family.samples:
        parts.setdefault(sample.name, Family(sample.name, family.documentation, "unknown")).samples.append(sample)
    return list(parts.values())


def _header(family: Family) -> str:
    """Help, type and unit of a family, as the library writes them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SingleFamily(Family(family.name, family.documentation, family.type, family.unit)))
    encode, _ = choose_encoder(_FORMAT)
    return encode(registry).decode().removesuffix(_END)


def _selector(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _seconds(at: float) -> str:
    return f"{at:.3f}".removesuffix(".000")
