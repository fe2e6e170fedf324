"""How a metric is declared: name, type, unit, help, and labels with their possible values.

Names and labels follow https://prometheus.io/docs/practices/naming/. The label of a job is `job_name`, because
Prometheus sets `job` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import product

from exporters.metrics.shared.snapshot import MetricsSnapshot
from monitor.plant.plant import Plant

Series = Iterator[tuple[str, tuple[str, ...], float | None]]
"""Metric name, label values in declared order, value; None or a value that is not finite is left out."""

DIGEST_DIGITS = 12
"""Digits of a digest in a label."""


class Kind(StrEnum):
    """The Prometheus type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class AlertBound:
    """An alert in force: its limit, its clear level, and the subjects whose value must be present, of which kind."""

    name: str
    severity: str
    limit: float
    clear: float
    expected: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the possible label values derive from.

    `jobs` maps the name of each job to its interval, `alerts` holds every alert in force; `version` is the
    program's.
    """

    plant: Plant
    jobs: Mapping[str, timedelta] = field(default_factory=dict)
    alerts: Sequence[AlertBound] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A label and its possible values.

    `closed` lists them if the program fixes them, `from_plant` derives them from the plant; with neither, a value
    appears with its first event.
    """

    name: str
    source: str
    closed: tuple[str, ...] = ()
    from_plant: Callable[[Bounds], Iterable[str]] | None = None

    def values(self, bounds: Bounds) -> tuple[str, ...]:
        """The values that exist before any event."""
        return tuple(self.from_plant(bounds)) if self.from_plant else self.closed


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is the full name as queries use it, with `_total` or `_info`.

    `tallied` metrics are rows of the store's `tally`: counters are incremented, gauges set.
    `starts` replaces the product of the label values if only some combinations can occur. With `fills_last`, all
    values of the last label appear, at 0, as soon as one of them is counted.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    unit: str = ""
    tallied: bool = False
    starts: Callable[[Bounds], Iterable[tuple[str, ...]]] | None = None
    fills_last: bool = False

    @property
    def family(self) -> str:
        """The name without the suffix of its type."""
        return self.name.removesuffix({"counter": "_total", "info": "_info"}.get(self.kind.value, "\n"))

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, in the order of their values."""
        return tuple(label.name for label in self.labels)

    def start(self, bounds: Bounds) -> Iterable[tuple[str, ...]]:
        """The label values for which a counter starts at 0."""
        if self.kind is not Kind.COUNTER:
            return ()
        if self.starts:
            return self.starts(bounds)
        return product(*(label.values(bounds) for label in self.labels))


@dataclass(frozen=True, slots=True)
class Scrape:
    """The input of a scrape.

    Findings older than `expiry` are left out; by default it follows from the intervals of their sources.
    """

    snapshot: MetricsSnapshot
    bounds: Bounds
    expiry: timedelta | None = None


def counter(name: str, text: str, *labels: Label, unit: str = "", tallied: bool = False) -> Metric:
    """A counter."""
    return Metric(name, Kind.COUNTER, text, labels, unit, tallied)


def gauge(name: str, text: str, *labels: Label, unit: str = "", tallied: bool = False) -> Metric:
    """A gauge."""
    return Metric(name, Kind.GAUGE, text, labels, unit, tallied)


def timestamp(name: str, text: str, *labels: Label) -> Metric:
    """A gauge that holds an instant; `name` is without `_timestamp_seconds`."""
    return Metric(f"{name}_timestamp_seconds", Kind.GAUGE, f"{text}, in seconds since 1970 UTC.", labels, "seconds")


def seconds(at: datetime | None) -> float | None:
    """An instant as the value of a metric."""
    return None if at is None else at.timestamp()
