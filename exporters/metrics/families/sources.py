"""Sources: rows read, quarantined and missing, cursors, and how old the newest row is."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from exporters.metrics.shared.budget import JOBS, ONE, UNKNOWN_NAMES, Count
from exporters.metrics.shared.labels import JOB, SOURCE, enum_label
from exporters.metrics.shared.metric import Label, Metric, Scrape, Series, counter, gauge, seconds, timestamp
from exporters.metrics.shared.snapshot import OTHER_NAMES, IntakeRow, MetricsSnapshot, UnknownNameRow
from monitor.errors import SourceReason
from monitor.model import RejectReason
from monitor.plant.plant import Plant
from monitor.statuses import Resolution

ROW_OUTCOMES = ("accepted", "seen", "corrected", "quarantined", "too_old")
PARTITION = Label("partition", "partitions of the source in the plant file; empty if it has none", most=ONE)
ROW_OUTCOME = Label("outcome", "fixed list", ROW_OUTCOMES)
REJECT_REASON = enum_label("reason", RejectReason, "fixed list of reasons for quarantine")
RESOLUTION = enum_label("resolution", Resolution, "fixed list of ways out of the quarantine")
SOURCE_REASON = enum_label("reason", SourceReason, "fixed list of read errors")

UNKNOWN_NAME = Label(
    "subject", "SOURCE/NAME of at most 20 unknown machines and steps, and 'others'", most=Count.of(UNKNOWN_NAMES)
)
MOST_NAMES = UNKNOWN_NAMES - 1
"""Unknown names with a series and an alert of their own."""
_FEWEST_ROWS = 20
"""The minimum number of rows for a share."""
_FEWEST_REFUSED = 3
"""Fewer rows than that say little about a source of which none was accepted yet."""

METRICS: tuple[Metric, ...] = (
    counter("gatewatch_source_rows_total", "Rows read by outcome.", SOURCE, ROW_OUTCOME, unit="rows", tallied=True),
    counter("gatewatch_source_quarantined_rows_total", "Quarantined rows by reason.", SOURCE, REJECT_REASON,
            unit="rows", tallied=True),
    counter("gatewatch_source_resolved_rows_total", "Rows that left the quarantine, by how: taken in at another try, "
            "replaced by an accepted row of their key, or one entry too many.", SOURCE, RESOLUTION, unit="rows",
            tallied=True),
    counter("gatewatch_source_read_errors_total", "Failed reads of a source by reason.", SOURCE, SOURCE_REASON,
            tallied=True),
    timestamp("gatewatch_source_cursor", "How far a job has read a source", JOB, SOURCE, PARTITION, most=JOBS),
    gauge("gatewatch_source_unreadable", "1 if the last read of a source failed, else 0.", SOURCE),
    gauge("gatewatch_source_staleness_ratio", "Age of the newest row of a source divided by its stale_after.",
          SOURCE, unit="ratio"),
    gauge("gatewatch_source_refused_ratio", "Share of refused rows among the newest new ones (about 100, of a week at "
          "most); absent below 20 rows.", SOURCE, unit="ratio"),
    gauge("gatewatch_source_nothing_understood", "1 if rows of a source were read and none was accepted, else 0.",
          SOURCE),
    gauge("gatewatch_source_unknown_name_rows", "Refused rows that name a machine or step that is not in the plant "
          "file, by source and name; at most 20 names of a plant, the others together.", UNKNOWN_NAME, unit="rows"),
    gauge("gatewatch_source_reconciliation_gap_rows", "Rows by which source and store differed when last counted.",
          SOURCE, unit="rows", tallied=True),
    counter("gatewatch_source_late_rows_total",
            "Rows that came later than late_by and were found by comparing source and store.", SOURCE, tallied=True),
    gauge("gatewatch_source_newly_late_rows",
          "Rows found by the newest comparison of source and store that came later than late_by.", SOURCE, unit="rows",
          tallied=True),
    gauge("gatewatch_source_vanished_rows",
          "Rows of the store that the source had no longer when last compared.", SOURCE, unit="rows", tallied=True),
    counter("gatewatch_readings_unjudged_total",
            "Readings that came after their machine had been judged past them; they are stored only.",
            SOURCE, tallied=True),
    counter("gatewatch_source_hidden_cells_total",
            "Cells of readings that could not be read; the sensor is missing in that row, the others are used.",
            SOURCE, REJECT_REASON, tallied=True),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """How far each source was read, and how stale it is."""
    snapshot, bounds = scrape.snapshot, scrape.bounds
    for cursor in (cursor for cursor in snapshot.cursors if cursor.source):
        yield "gatewatch_source_cursor_timestamp_seconds", cursor[:3], seconds(cursor.position)
    yield from _refused(scrape)
    yield from _unknown_names(snapshot, bounds.plant)
    for name, source in bounds.plant.sources.items():
        pulls = [row for row in snapshot.jobs if row.name in bounds.jobs and row.source == name and row.partition]
        yield "gatewatch_source_unreadable", (name,), float(any(row.unreadable for row in pulls))
        if source.stale_after is not None:
            yield "gatewatch_source_staleness_ratio", (name,), staleness(snapshot, name, source.stale_after)


def _refused(scrape: Scrape) -> Series:
    """The share of refused rows of each source, and whether none was ever understood."""
    ever: dict[str, float] = defaultdict(float)
    for tally in scrape.snapshot.tallies:
        if tally.name == "gatewatch_source_rows_total" and tally.labels.get("outcome") != "quarantined":
            ever[tally.labels.get("source", "")] += tally.value or 0.0
    recent = {row.source: row for row in scrape.snapshot.intakes}
    for name in scrape.bounds.plant.sources:
        row = recent.get(name, IntakeRow(name, 0, 0))
        new = row.accepted + row.refused
        if new >= _FEWEST_ROWS:
            yield "gatewatch_source_refused_ratio", (name,), row.refused / new
        fewest = _FEWEST_ROWS if ever[name] else _FEWEST_REFUSED
        nothing = row.refused >= fewest and row.accepted == 0
        yield "gatewatch_source_nothing_understood", (name,), float(nothing)


def _unknown_names(snapshot: MetricsSnapshot, plant: Plant) -> Series:
    """Names that the plant file has not now; in a fixed order, so that each keeps its series."""
    unknown = [row for row in snapshot.unknown_names if not _knows(plant, row)]
    named = [row for row in unknown if row.name][:MOST_NAMES]
    for row in named:
        yield "gatewatch_source_unknown_name_rows", (row.subject,), float(row.rows)
    others = [row for row in unknown if row not in named]
    if others:
        yield "gatewatch_source_unknown_name_rows", (OTHER_NAMES,), float(sum(row.rows for row in others))


def _knows(plant: Plant, row: UnknownNameRow) -> bool:
    """Whether the plant file has the name by now, by itself or as a code of the source."""
    source = plant.sources.get(row.source)
    if source is None:
        return True
    column = getattr(source, row.kind, None)
    name = column.codes.get(row.name, row.name) if column is not None else row.name
    return name in (plant.machines if row.kind == "machine" else plant.steps)


def staleness(snapshot: MetricsSnapshot, source: str, stale_after: timedelta) -> float | None:
    """Age of a source's newest row as a multiple of `stale_after`; a source without rows is as old as the store."""
    newest = newest_row(snapshot, source) or snapshot.store_since
    return None if newest is None else max(0.0, (snapshot.at - newest) / stale_after)


def newest_row(snapshot: MetricsSnapshot, source: str) -> datetime | None:
    """Up to when a source was read: the position of the partition that is furthest behind; None before any row."""
    positions = (cursor.position for cursor in snapshot.cursors if cursor.source == source)
    return min((at for at in positions if at is not None), default=None)
