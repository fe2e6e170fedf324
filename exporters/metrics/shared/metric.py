"""How a metric is declared: name, type, unit, help, and labels with their possible values.

Names and labels follow https://prometheus.io/docs/practices/naming/. The label of a job is `job_name`, because
Prometheus sets `job` itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import product

from prometheus_client.utils import floatToGoString

from exporters.metrics.shared.budget import Count
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
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class AlertBound:
    """An alert in force: its limit, its clear level, and the subjects whose value must be present, of which kind.

    `measured`: whether its value means something to people. `subjects`: all that the plant file lists of that kind.
    """

    name: str
    severity: str
    limit: float
    clear: float
    expected: tuple[str, ...] = ()
    kind: str = ""
    team: str = ""
    measured: bool = True
    subjects: tuple[str, ...] = ()


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
    appears with its first event. `most`: how many values there can be, given those of the labels before it, if these
    are not `closed`; ONE of a label that follows from them.
    """

    name: str
    source: str
    closed: tuple[str, ...] = ()
    from_plant: Callable[[Bounds], Iterable[str]] | None = None
    most: Count | None = None

    def values(self, bounds: Bounds) -> tuple[str, ...]:
        """The values that exist before any event."""
        return tuple(self.from_plant(bounds)) if self.from_plant else self.closed

    @property
    def size(self) -> Count:
        """How many values there can be."""
        return Count.of(len(self.closed)) if self.most is None else self.most


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is the full name as queries use it, with `_total` or `_info`.

    `tallied` metrics are rows of the store's `tally`: counters are incremented, gauges set.
    `starts` replaces the product of the label values if only some combinations can occur. With `fills_last`, all
    values of the last label appear, at 0, as soon as one of them is counted. `buckets` are the upper bounds of a
    histogram, which is tallied by its parts (`observed`). `most`: how many series there can be, where that is not the
    product of the sizes of the labels.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    unit: str = ""
    tallied: bool = False
    starts: Callable[[Bounds], Iterable[tuple[str, ...]]] | None = None
    fills_last: bool = False
    buckets: tuple[float, ...] = ()
    most: Count | None = None

    @property
    def budget(self) -> Count:
        """How many series there can be: `most`, else the product of the sizes of its labels."""
        if self.most is not None:
            return self.most
        if self.kind is Kind.HISTOGRAM:
            return sum((part.budget for part in self.parts), Count(()))
        found = Count.of(1)
        for label in self.labels:
            found = found * label.size
        return found

    @property
    def parts(self) -> tuple[Metric, ...]:
        """What has samples: of a histogram its buckets, sum and count, else the metric itself."""
        if self.kind is not Kind.HISTOGRAM:
            return (self,)
        bucket = Label("le", "upper bounds of the buckets", tuple(map(floatToGoString, (*self.buckets, math.inf))))
        return tuple(
            Metric(f"{self.name}_{part}", Kind.COUNTER, self.help, labels, self.unit, tallied=True)
            for part, labels in (("bucket", (*self.labels, bucket)), ("sum", self.labels), ("count", self.labels))
        )

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


def counter(
    name: str, text: str, *labels: Label, unit: str = "", tallied: bool = False, most: Count | None = None
) -> Metric:
    """A counter."""
    return Metric(name, Kind.COUNTER, text, labels, unit, tallied, most=most)


def gauge(
    name: str, text: str, *labels: Label, unit: str = "", tallied: bool = False, most: Count | None = None
) -> Metric:
    """A gauge."""
    return Metric(name, Kind.GAUGE, text, labels, unit, tallied, most=most)


def observed(metric: Metric, value: float, **labels: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What one observation adds to the tallies of a histogram: by part name and sorted labels."""
    bucket, total, count = metric.parts
    bounds = ((bound, float(bound)) for bound in bucket.labels[-1].closed)
    counts = {(bucket.name, tuple(sorted({**labels, "le": text}.items()))): 1.0 for text, le in bounds if value <= le}
    own = tuple(sorted(labels.items()))
    return counts | {(total.name, own): value, (count.name, own): 1.0}


def timestamp(name: str, text: str, *labels: Label, most: Count | None = None) -> Metric:
    """A gauge that holds an instant; `name` is without `_timestamp_seconds`."""
    told = f"{text}, in seconds since 1970 UTC."
    return Metric(f"{name}_timestamp_seconds", Kind.GAUGE, told, labels, "seconds", most=most)


def seconds(at: datetime | None) -> float | None:
    """An instant as the value of a metric."""
    return None if at is None else at.timestamp()
