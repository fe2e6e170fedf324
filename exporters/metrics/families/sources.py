"""Sources: rows read, quarantined and missing, cursors, and how old the newest row is."""

from __future__ import annotations

from datetime import timedelta

from exporters.metrics.shared.labels import JOB, SOURCE, enum_label
from exporters.metrics.shared.metric import Label, Metric, Scrape, Series, counter, gauge, seconds, timestamp
from exporters.metrics.shared.snapshot import MetricsSnapshot
from monitor.errors import SourceReason
from monitor.model import RejectReason
from monitor.statuses import Resolution

ROW_OUTCOMES = ("accepted", "seen", "corrected", "quarantined")
PARTITION = Label("partition", "partitions of the source in the plant file; empty if it has none")
ROW_OUTCOME = Label("outcome", "fixed list", ROW_OUTCOMES)
REJECT_REASON = enum_label("reason", RejectReason, "fixed list of reasons for quarantine")
RESOLUTION = enum_label("resolution", Resolution, "fixed list of ways out of the quarantine")
SOURCE_REASON = enum_label("reason", SourceReason, "fixed list of read errors")

METRICS: tuple[Metric, ...] = (
    counter("gatewatch_source_rows_total", "Rows read by outcome.", SOURCE, ROW_OUTCOME, unit="rows", tallied=True),
    counter("gatewatch_source_quarantined_rows_total", "Quarantined rows by reason.", SOURCE, REJECT_REASON,
            unit="rows", tallied=True),
    counter("gatewatch_source_resolved_rows_total", "Rows that left the quarantine, by how: taken in at another try, "
            "replaced by an accepted row of their key, or one entry too many.", SOURCE, RESOLUTION, unit="rows",
            tallied=True),
    counter("gatewatch_source_read_errors_total", "Failed reads of a source by reason.", SOURCE, SOURCE_REASON,
            tallied=True),
    timestamp("gatewatch_source_cursor", "How far a job has read a source", JOB, SOURCE, PARTITION),
    gauge("gatewatch_source_unreadable", "1 if the last read of a source failed, else 0.", SOURCE),
    gauge("gatewatch_source_staleness_ratio", "Age of the newest row of a source divided by its stale_after.",
          SOURCE, unit="ratio"),
    gauge("gatewatch_source_reconciliation_gap_rows", "Rows by which source and store differed when last counted.",
          SOURCE, unit="rows", tallied=True),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """How far each source was read, and how stale it is."""
    snapshot, bounds = scrape.snapshot, scrape.bounds
    for cursor in snapshot.cursors:
        yield "gatewatch_source_cursor_timestamp_seconds", cursor[:3], seconds(cursor.position)
    for name, source in bounds.plant.sources.items():
        pulls = [row for row in snapshot.jobs if row.name in bounds.jobs and row.source == name and row.partition]
        yield "gatewatch_source_unreadable", (name,), float(any(row.unreadable for row in pulls))
        if source.stale_after is not None:
            yield "gatewatch_source_staleness_ratio", (name,), _staleness(snapshot, name, source.stale_after)


def _staleness(snapshot: MetricsSnapshot, source: str, stale_after: timedelta) -> float | None:
    """Age of the partition that is furthest behind; a source without rows is as old as the store."""
    positions = [cursor.position for cursor in snapshot.cursors if cursor.source == source]
    newest = min((at for at in positions if at is not None), default=snapshot.store_since)
    return None if newest is None else max(0.0, (snapshot.at - newest) / stale_after)
