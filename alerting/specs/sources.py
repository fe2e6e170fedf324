"""Alerts on the sources: unreadable, stale, or with rows that the store lacks."""

from __future__ import annotations

from alerting.specs.spec import MINUTE, AlertSpec, of_metric

ALERTS: tuple[AlertSpec, ...] = (
    of_metric(
        "SourceStopped", "critical", "platform", "gatewatch_source_unreadable", "source", "source",
        pending_for=5 * MINUTE, keep_firing=10 * MINUTE,
        summary="source {subject} cannot be read",
        cause="The source cannot be read; its cursor has not moved and nothing is lost.",
        action="Read the error in 'gatewatch alerts list'; correct the source or the plant file, and reading resumes.",
    ),
    of_metric(
        "SourceStale", "warning", "platform", "gatewatch_source_staleness_ratio", "source", "source", limit=1.0,
        clear=1.0,
        summary="source {subject} can be read but has no new rows",
        cause="The newest row of the source is older than its stale_after; whatever fills it may have stopped.",
        action="Check whether the line stands still; if not, check what writes the table.",
    ),
    of_metric(
        "ReconciliationGap", "warning", "platform", "gatewatch_source_reconciliation_gap_rows", "source", "source",
        limit=0.0, clear=0.0,
        summary="source {subject} has rows that the store lacks, even after reading them again",
        cause="The source has rows that the store lacks, even after reading them again.",
        action="Compare the named hours in the source; look for rows with an unreadable time or key.",
    ),
)  # fmt: skip
