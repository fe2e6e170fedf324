"""The metrics as a view over the store: a snapshot in, Prometheus families out. Nothing here keeps a count."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from exporters.metrics.catalog import BY_NAME, METRICS, Bounds, Kind, Metric, channels
from exporters.metrics.snapshot import BoardRow, JobRow, MetricsSnapshot, TallyRow
from monitor.detection import DRIFT, IMAGE_DRIFT, PERFORMANCE
from monitor.model import Reason, Status
from monitor.plant.plant import Plant
from monitor.statuses import AlertStatus

Series = Iterator[tuple[str, tuple[str, ...], float | None]]
"""Metric name, label values in declared order, value; None or a value that is not finite is left out."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_STATUSES = tuple(s.value for s in Status)
_DIGEST_DIGITS = 12
_REJECTED = "gatewatch_snapshot_rejected_series"
_FEW = 4
_DAY = timedelta(days=1)
WINDOWED = (DRIFT, IMAGE_DRIFT, PERFORMANCE)
"""The detectors that judge windows of parts and not machines sample by sample."""
_ENOUGH = 20
"""Decisions that a share rests on at least: one part held of one is no share."""
_WITHOUT_MODEL = (Reason.NO_MODEL, Reason.BAD_MODEL, Reason.NO_SKILL)


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

    def collect(self, names: Container[str] | None = None) -> Iterable[Family]:
        """The families with their samples, all or the named; one without a sample still says its help and type."""
        metrics = [m for m in METRICS if names is None or m.name in names]
        kept = {m.name: {_clean(labels): 0.0 for labels in m.start(self._bounds)} for m in metrics}
        rejected = 0
        for name, labels, value in _series(self._snapshot, self._bounds, self._expiry):
            if name not in kept:
                continue
            if value is None or not math.isfinite(value):
                kept[name].pop(labels, None)
                rejected += value is not None
            else:
                kept[name][_clean(labels)] = value
        for row in self._snapshot.tallies:
            if names is None or row.name in names:
                rejected += not _tally(row, kept, self._bounds)
        if names is None or _REJECTED in names:
            kept[_REJECTED][()] = float(rejected)
        return [_family(metric, kept[metric.name]) for metric in metrics]


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


def _tally(row: TallyRow, kept: dict[str, dict[tuple[str, ...], float]], bounds: Bounds) -> bool:
    metric = BY_NAME.get(row.name)
    if metric is None or not metric.tallied or set(row.labels) != set(metric.label_names):
        return False
    if metric.kind is Kind.GAUGE and _gone(metric, row, bounds):
        return True
    labels = _clean(tuple(str(row.labels[name]) for name in metric.label_names))
    if row.value is None or not math.isfinite(row.value):
        kept[metric.name].pop(labels, None)
        return False
    if metric.name == "gatewatch_findings_total":
        _start_statuses(labels, kept[metric.name])
    kept[metric.name][labels] = row.value
    return True


def _gone(metric: Metric, row: TallyRow, bounds: Bounds) -> bool:
    """Whether a gauge is of something that the plant file no longer has: it would stand still for ever."""
    return any(label.known and row.labels[label.name] not in label.values(bounds) for label in metric.labels)


def _start_statuses(labels: tuple[str, ...], series: dict[tuple[str, ...], float]) -> None:
    for status in _STATUSES:
        series.setdefault((*labels[:-1], status), 0.0)


def _series(snapshot: MetricsSnapshot, bounds: Bounds, expiry: timedelta | None) -> Series:
    yield from _about(snapshot, bounds)
    yield from _jobs(snapshot, bounds)
    yield from _gates(snapshot, bounds)
    yield from _subjects(bounds.plant)
    yield from _sources(snapshot, bounds)
    yield from _outbox(snapshot, bounds)
    fresh = fresh_findings(snapshot, bounds.plant, expiry)
    yield "gatewatch_findings_expired", (), float(len(snapshot.board) - len(fresh))
    for row in fresh:
        yield from _finding(row)
    yield from _alerts(snapshot, bounds)


def _about(snapshot: MetricsSnapshot, bounds: Bounds) -> Series:
    yield "gatewatch_build_info", (bounds.version,), 1.0
    if snapshot.plant_digest:
        yield "gatewatch_plant_info", (bounds.plant.site, snapshot.plant_digest[:_DIGEST_DIGITS]), 1.0
    yield "gatewatch_snapshot_timestamp_seconds", (), _seconds(snapshot.at)
    yield "gatewatch_store_size_bytes", (), snapshot.store_bytes
    reloads = [row.value for row in snapshot.tallies if row.name == "gatewatch_plant_last_reload_success"]
    yield "gatewatch_plant_last_reload_failed", (bounds.plant.site,), float(0.0 in reloads)


def _jobs(snapshot: MetricsSnapshot, bounds: Bounds) -> Series:
    rows = {row.name: row for row in snapshot.jobs}
    for name in sorted(rows | dict.fromkeys(bounds.jobs)):
        interval = bounds.jobs.get(name)
        if interval is not None:
            yield "gatewatch_job_interval_seconds", (name,), interval.total_seconds()
            yield "gatewatch_job_overdue", (name,), float(overdue(snapshot, bounds, name))
            failed = name in rows and rows[name].result == "failure" and not rows[name].unreadable
            yield "gatewatch_job_last_run_failed", (name,), float(failed)
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


def _gates(snapshot: MetricsSnapshot, bounds: Bounds) -> Series:
    rows = {row.gate: row for row in snapshot.gates}
    for gate in bounds.plant.gates:
        known = rows.get(gate)
        out = known is None or not known.version or known.refused in _WITHOUT_MODEL
        yield "gatewatch_gate_out_of_service", (gate,), float(out)
    for row in snapshot.gates:
        label = (row.gate,)
        if row.version:
            digest = row.digest[:_DIGEST_DIGITS]
            yield "gatewatch_gate_model_info", (row.gate, row.model, row.version, digest), 1.0
            yield "gatewatch_gate_model_since_timestamp_seconds", label, _seconds(row.since)
        yield "gatewatch_gate_model_changes_total", label, row.changes
        yield "gatewatch_gate_interval_width", label, row.interval_width
        if row.recent >= _ENOUGH:
            yield "gatewatch_gate_hold_ratio", label, row.holds / row.recent
            yield "gatewatch_gate_scrap_ratio", label, row.scraps / row.recent
        yield "gatewatch_gate_last_decision_timestamp_seconds", label, _seconds(row.last_decision_at)


def _sources(snapshot: MetricsSnapshot, bounds: Bounds) -> Series:
    for cursor in snapshot.cursors:
        yield "gatewatch_source_cursor_timestamp_seconds", cursor[:3], _seconds(cursor.position)
    for name, source in bounds.plant.sources.items():
        pulls = [row for row in snapshot.jobs if row.name in bounds.jobs and row.source == name and row.partition]
        yield "gatewatch_source_unreadable", (name,), float(any(row.unreadable for row in pulls))
        if source.stale_after is not None:
            yield "gatewatch_source_staleness_ratio", (name,), _staleness(snapshot, name, source.stale_after)


def _staleness(snapshot: MetricsSnapshot, source: str, stale_after: timedelta) -> float | None:
    """By the partition that is furthest behind; a source without a row yet is as old as the store."""
    mine = [cursor.position for cursor in snapshot.cursors if cursor.source == source]
    newest = min((at for at in mine if at is not None), default=snapshot.store_since)
    return None if newest is None else max(0.0, (snapshot.at - newest) / stale_after)


def _alerts(snapshot: MetricsSnapshot, bounds: Bounds) -> Series:
    for bound in bounds.alerts:
        yield "gatewatch_alert_limit", (bound.name,), bound.limit
        yield "gatewatch_alert_clear_level", (bound.name,), bound.clear
        for subject in bound.expected:
            yield "gatewatch_alert_expected", (bound.name, subject), 1.0
    # One that fires for one condition is active, whatever became of the other: it is told last.
    for row in sorted(snapshot.alerts, key=lambda row: row.active):
        if row.state != AlertStatus.PENDING:
            yield "gatewatch_alert_active", row[:3], float(row.active)
        labels = (row.name, row.subject, row.condition, row.severity, row.team, row.state)
        yield "gatewatch_alert_state", labels, 1.0


def _subjects(plant: Plant) -> Series:
    for name, machine in plant.machines.items():
        yield "gatewatch_subject_info", (name, "machine", machine.step, plant.steps[machine.step].line), 1.0
    for name, gate in plant.gates.items():
        yield "gatewatch_subject_info", (name, "gate", gate.step, plant.steps[gate.step].line), 1.0
    for name in plant.sources:
        yield "gatewatch_subject_info", (name, "source", "", ""), 1.0


def _outbox(snapshot: MetricsSnapshot, bounds: Bounds) -> Series:
    rows = {row.channel: row for row in snapshot.outbox}
    for channel in sorted({*rows, *channels(bounds.plant)}):
        row = rows.get(channel)
        yield "gatewatch_outbox_pending", (channel,), row.pending if row else 0.0
        yield "gatewatch_outbox_dead", (channel,), row.dead if row else 0.0
        oldest = row and row.oldest_pending_at
        yield "gatewatch_outbox_oldest_pending_timestamp_seconds", (channel,), _seconds(oldest)
        delay = 0.0 if oldest is None else (snapshot.at - oldest).total_seconds()
        yield "gatewatch_outbox_delay_seconds", (channel,), delay


def _finding(row: BoardRow) -> Series:
    labels = (*row[:4], row.step)
    yield "gatewatch_finding_value", labels, row.value
    yield "gatewatch_finding_limit", labels, row.limit
    yield "gatewatch_finding_last_sample_timestamp_seconds", labels, row.at.timestamp()
    for status in _STATUSES:
        yield "gatewatch_finding_status", (*labels, status), float(status == row.status)


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
