"""The samples of a scrape, from a snapshot of the store and the families of the catalogue."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import timedelta

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from exporters.metrics.catalog import BY_NAME, FAMILIES, METRICS
from exporters.metrics.families.service import WITHOUT_STORE
from exporters.metrics.shared.metric import Bounds, Kind, Metric, Scrape, Series
from exporters.metrics.shared.snapshot import MetricsSnapshot, TallyRow

Values = dict[tuple[str, ...], float]
"""The values of a metric by the values of its labels."""
LabelledValue = tuple[dict[str, str], float]

_SURROGATE = re.compile("[\ud800-\udfff]")
_REJECTED = "gatewatch_snapshot_rejected_series"


class StoreCollector(Collector):
    """Collects every family of the catalogue, in its order, from one snapshot."""

    def __init__(self, snapshot: MetricsSnapshot, bounds: Bounds, expiry: timedelta | None = None) -> None:
        self._scrape = Scrape(snapshot, bounds, expiry)

    def collect(self) -> Iterable[Family]:
        """All families, including those without samples; if the store could not be read, those that need none."""
        readable = self._scrape.snapshot.store_readable
        metrics = [m for m in METRICS if readable or m.name in WITHOUT_STORE]
        values = self._values(metrics)
        families = [_family(metric, values) for metric in metrics]
        # A histogram without a bucket is not valid OpenMetrics.
        return [family for family in families if family.samples or family.type != Kind.HISTOGRAM]

    def samples(self, names: Container[str]) -> dict[str, list[LabelledValue]]:
        """The samples of the named metrics, in the order of a scrape; a metric without samples is left out."""
        metrics = [m for m in METRICS if m.name in names]
        values = self._values(metrics)
        return {m.name: list(_labelled(m, values[m.name])) for m in metrics if values[m.name]}

    def _values(self, metrics: Sequence[Metric]) -> dict[str, Values]:
        values: dict[str, Values] = {
            part.name: {_encodable(labels): 0.0 for labels in part.start(self._scrape.bounds)}
            for metric in metrics
            for part in metric.parts
        }
        rejected = 0
        for name, labels, value in self._series():
            if name not in values:
                continue
            if value is None or not math.isfinite(value):
                values[name].pop(labels, None)
                rejected += value is not None
            else:
                values[name][_encodable(labels)] = value
        for row in self._scrape.snapshot.tallies:
            if row.name in values or row.name not in BY_NAME:
                rejected += not _add_tally(row, values, self._scrape.bounds)
        if _REJECTED in values:
            values[_REJECTED][()] = float(rejected)
        return values

    def _series(self) -> Series:
        for family in FAMILIES:
            yield from family.series(self._scrape)


def exposition(
    snapshot: MetricsSnapshot, bounds: Bounds, accept: str = "", expiry: timedelta | None = None, process: bool = False
) -> tuple[bytes, str]:
    """The whole text of a scrape and its content type: OpenMetrics where `accept` asks for it, else text 0.0.4.

    With `process`, the usual metrics of this process come too.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector(snapshot, bounds, expiry))
    if process:
        ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _encodable(labels: tuple[str, ...]) -> tuple[str, ...]:
    # A lone surrogate cannot be encoded as UTF-8 and would fail the whole scrape.
    if all(map(str.isascii, labels)):
        return labels
    return tuple(_SURROGATE.sub("\ufffd", label) for label in labels)


def _family(metric: Metric, values: dict[str, Values]) -> Family:
    family = Family(metric.family, metric.help, metric.kind.value, metric.unit)
    samples = [Sample(p.name, labels, value) for p in metric.parts for labels, value in _labelled(p, values[p.name])]
    if metric.kind is Kind.HISTOGRAM:
        # OpenMetrics wants the samples of a histogram together, its buckets in order.
        own = len(metric.labels)
        samples.sort(key=lambda s: (*list(s.labels.values())[:own], s.name, float(s.labels.get("le", "0"))))
    family.samples = samples
    return family


def _labelled(metric: Metric, values: Values) -> Iterator[LabelledValue]:
    names = metric.label_names
    return ((dict(zip(names, labels, strict=True)), value) for labels, value in sorted(values.items()))


def _add_tally(row: TallyRow, values: dict[str, Values], bounds: Bounds) -> bool:
    """Add a tallied value to its metric; False if it is rejected."""
    metric = BY_NAME.get(row.name)
    if metric is None or not metric.tallied or set(row.labels) != set(metric.label_names):
        return False
    if metric.kind is Kind.GAUGE and _gone(metric, row, bounds):
        return True
    labels = _encodable(tuple(str(row.labels[name]) for name in metric.label_names))
    if row.value is None or not math.isfinite(row.value):
        values[metric.name].pop(labels, None)
        return False
    if metric.fills_last:
        for value in metric.labels[-1].closed:
            values[metric.name].setdefault((*labels[:-1], value), 0.0)
    values[metric.name][labels] = row.value
    return True


def _gone(metric: Metric, row: TallyRow, bounds: Bounds) -> bool:
    """Whether a gauge is about something no longer in the plant file: it would stay stale for ever."""
    return any(label.from_plant and row.labels[label.name] not in label.values(bounds) for label in metric.labels)
