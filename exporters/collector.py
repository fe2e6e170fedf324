"""The metrics as a view over the store: a snapshot in, Prometheus families out. Nothing here keeps a count."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from exporters.catalog import BY_NAME, METRICS, Bounds, Metric
from exporters.snapshot import BoardRow, JobRow, MetricsSnapshot, TallyRow
from monitor.model import Status
from monitor.plant import Plant

Series = Iterator[tuple[str, tuple[str, ...], float | None]]
"""Metric name, label values in declared order, value; None or a value that is not finite is left out."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_STATUSES = tuple(s.value for s in Status)
_DIGEST_DIGITS = 12
_FEW = 4
_DAY = timedelta(days=1)
WINDOWED = ("drift", "image_drift", "performance")
"""The detectors that judge windows of parts and not machines sample by sample."""


def fresh_findings(snapshot: MetricsSnapshot, plant: Plant, expiry: timedelta | None = None) -> list[BoardRow]:
    """The findings whose newest sample is not older than `expiry`, by default a few intervals of what feeds them.

    Windows of parts change as slowly as parts come, and over a night shift without any they are still the last word:
    those findings stay a day.
    """
    of_sources = expiry or _FEW * plant.jobs.reconcile + _latest(plant, list(plant.sources))
    readings = [name for name, source in plant.sources.items() if source.kind == "readings"]
    slowest = max((plant.sources[name].every for name in readings), default=timedelta(0))
    of_others = expiry or max(timedelta(minutes=5), _FEW * slowest + _latest(plant, readings))
    of_windows = expiry or _DAY + _latest(plant, list(plant.sources))

    def kept_for(row: BoardRow) -> timedelta:
        if row.detector in WINDOWED:
            return of_windows
        return of_sources if row.subject in plant.sources else of_others

    return [row for row in snapshot.board if row.at >= snapshot.at - kept_for(row)]


def _latest(plant: Plant, names: Iterable[str]) -> timedelta:
    """How long after its time a row of the sources may become known."""
    sources = [plant.sources[name] for name in names]
    return max((source.delay + source.late_by for source in sources), default=timedelta(0))


class StoreCollector(Collector):
    """Yields every family of the catalogue, in its order, from one snapshot."""

    def __init__(self, snapshot: MetricsSnapshot, bounds: Bounds, expiry: timedelta | None = None) -> None:
        self._snapshot = snapshot
        self._bounds = bounds
        self._expiry = expiry

    def collect(self) -> Iterable[Family]:
        """The families with their samples; a family without a sample still says its help and type."""
        kept = {m.name: {_clean(labels): 0.0 for labels in m.start(self._bounds)} for m in METRICS}
        rejected = 0
        for name, labels, value in _series(self._snapshot, self._bounds, self._expiry):
            if value is None or not math.isfinite(value):
                kept[name].pop(labels, None)
                rejected += value is not None
            else:
                kept[name][_clean(labels)] = value
        for row in self._snapshot.tallies:
            rejected += not _tally(row, kept)
        kept["gatewatch_snapshot_rejected_series"][()] = float(rejected)
        return [_family(metric, kept[metric.name]) for metric in METRICS]


def exposition(
    snapshot: MetricsSnapshot, bounds: Bounds, accept: str = "", expiry: timedelta | None = None
) -> tuple[bytes, str]:
    """The whole text of a scrape and its content type: OpenMetrics where `accept` asks for it, else text 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StoreCollector(snapshot, bounds, expiry))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _clean(labels: tuple[str, ...]) -> tuple[str, ...]:
    # A lone surrogate cannot be encoded as UTF-8 and would lose the whole scrape.
    if all(map(str.isascii, labels)):
        return labels
    return tuple(_SURROGATE.sub("\ufffd", label) for label in labels)


def _family(metric: Metric, series: Mapping[tuple[str, ...], float]) -> Family:
    family = Family(metric.family, metric.help, metric.kind.value, metric.unit)
    names, name = metric.label_names, metric.name
    family.samples = [
        Sample(name, dict(zip(names, labels, strict=True)), value) for labels, value in sorted(series.items())
    ]
    return family


def _tally(row: TallyRow, kept: dict[str, dict[tuple[str, ...], float]]) -> bool:
    metric = BY_NAME.get(row.name)
    if metric is None or not metric.tallied or set(row.labels) != set(metric.label_names):
        return False
    labels = _clean(tuple(str(row.labels[name]) for name in metric.label_names))
    if row.value is None or not math.isfinite(row.value):
        kept[metric.name].pop(labels, None)
        return False
    if metric.name == "gatewatch_findings_total":
        _start_statuses(labels, kept[metric.name])
    kept[metric.name][labels] = row.value
    return True


def _start_statuses(labels: tuple[str, ...], series: dict[tuple[str, ...], float]) -> None:
    for status in _STATUSES:
        series.setdefault((*labels[:-1], status), 0.0)


def _series(snapshot: MetricsSnapshot, bounds: Bounds, expiry: timedelta | None) -> Series:
    yield from _about(snapshot, bounds)
    yield from _jobs(snapshot, bounds)
    yield from _gates(snapshot)
    yield from _subjects(bounds.plant)
    for cursor in snapshot.cursors:
        yield "gatewatch_source_cursor_timestamp_seconds", cursor[:3], _seconds(cursor.position)
    yield from _outbox(snapshot, bounds)
    fresh = fresh_findings(snapshot, bounds.plant, expiry)
    yield "gatewatch_findings_expired", (), float(len(snapshot.board) - len(fresh))
    for row in fresh:
        yield from _finding(row)
    for alert in snapshot.alerts:
        yield "gatewatch_alert_active", alert[:3], float(alert.ended_at is None)


def _about(snapshot: MetricsSnapshot, bounds: Bounds) -> Series:
    yield "gatewatch_build_info", (bounds.version,), 1.0
    if snapshot.plant_digest:
        yield "gatewatch_plant_info", (bounds.plant.site, snapshot.plant_digest[:_DIGEST_DIGITS]), 1.0
    yield "gatewatch_snapshot_timestamp_seconds", (), _seconds(snapshot.at)
    yield "gatewatch_store_size_bytes", (), snapshot.store_bytes


def _jobs(snapshot: MetricsSnapshot, bounds: Bounds) -> Series:
    rows = {row.name: row for row in snapshot.jobs}
    for name in sorted(rows | dict.fromkeys(bounds.jobs)):
        interval = bounds.jobs.get(name)
        if interval is not None:
            yield "gatewatch_job_interval_seconds", (name,), interval.total_seconds()
            yield "gatewatch_job_overdue", (name,), float(overdue(snapshot, bounds, name))
        if name in rows:
            yield from _job(rows[name])


def _job(row: JobRow) -> Series:
    label = (row.name,)
    yield "gatewatch_job_runs_total", (row.name, "success"), row.runs - row.failures
    yield "gatewatch_job_runs_total", (row.name, "failure"), row.failures
    yield "gatewatch_job_rows_total", label, row.rows
    yield "gatewatch_job_missed_slots_total", label, row.missed_slots
    yield "gatewatch_job_last_duration_seconds", label, row.duration_seconds
    yield "gatewatch_job_last_success_timestamp_seconds", label, _seconds(row.last_success_at)
    yield "gatewatch_job_last_slot_timestamp_seconds", label, _seconds(row.last_slot)
    yield "gatewatch_job_lag_seconds", label, row.lag_seconds


def overdue(snapshot: MetricsSnapshot, bounds: Bounds, name: str) -> bool:
    """Whether a job served no slot within its interval and the plant's deadline.

    Read off the store alone, so that a hung or dead process is seen by any other; a job that never ran is
    measured from the first plant file on.
    """
    last = next((row.last_slot for row in snapshot.jobs if row.name == name), None) or snapshot.store_since
    interval = bounds.jobs.get(name)
    if last is None or interval is None:
        return False
    return snapshot.at - last > interval + bounds.plant.jobs.deadline


def _gates(snapshot: MetricsSnapshot) -> Series:
    for row in snapshot.gates:
        label = (row.gate,)
        if row.version:
            digest = row.digest[:_DIGEST_DIGITS]
            yield "gatewatch_gate_model_info", (row.gate, row.model, row.version, digest), 1.0
            yield "gatewatch_gate_model_since_timestamp_seconds", label, _seconds(row.since)
        yield "gatewatch_gate_model_changes_total", label, row.changes
        yield "gatewatch_gate_interval_width", label, row.interval_width
        if row.recent:
            yield "gatewatch_gate_hold_ratio", label, row.holds / row.recent
        yield "gatewatch_gate_last_decision_timestamp_seconds", label, _seconds(row.last_decision_at)


def _subjects(plant: Plant) -> Series:
    for name, machine in plant.machines.items():
        yield "gatewatch_subject_info", (name, "machine", machine.step, plant.steps[machine.step].line), 1.0
    for name, gate in plant.gates.items():
        yield "gatewatch_subject_info", (name, "gate", gate.step, plant.steps[gate.step].line), 1.0
    for name in plant.sources:
        yield "gatewatch_subject_info", (name, "source", "", ""), 1.0


def _outbox(snapshot: MetricsSnapshot, bounds: Bounds) -> Series:
    channels = {row.channel for row in snapshot.outbox}
    if bounds.plant.write_back and "mes" not in channels:
        yield "gatewatch_outbox_pending", ("mes",), 0.0
        yield "gatewatch_outbox_dead", ("mes",), 0.0
    for row in snapshot.outbox:
        yield "gatewatch_outbox_pending", (row.channel,), row.pending
        yield "gatewatch_outbox_dead", (row.channel,), row.dead
        yield "gatewatch_outbox_oldest_pending_timestamp_seconds", (row.channel,), _seconds(row.oldest_pending_at)


def _finding(row: BoardRow) -> Series:
    labels = (*row[:4], row.step)
    yield "gatewatch_finding_value", labels, row.value
    yield "gatewatch_finding_limit", labels, row.limit
    yield "gatewatch_finding_last_sample_timestamp_seconds", labels, row.at.timestamp()
    for status in _STATUSES:
        yield "gatewatch_finding_status", (*labels, status), float(status == row.status)


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
