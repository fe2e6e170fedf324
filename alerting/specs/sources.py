"""Alerts on the sources: unreadable, stale, with rows that are refused, or with rows that the store lacks."""

from __future__ import annotations

from alerting.specs.spec import MINUTE, AlertSpec, Unit, of_metric

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
        clear=1.0, unit=Unit.AGE, reads="the newest row is {value} old, allowed {limit}",
        summary="source {subject} can be read but has no new rows",
        cause="The newest row of the source is older than its stale_after; whatever fills it may have stopped.",
        action="Check whether the line stands still; if not, check what writes the table.",
    ),
    of_metric(
        "SourceNotUnderstood", "critical", "platform", "gatewatch_source_nothing_understood", "source", "source",
        pending_for=5 * MINUTE, keep_firing=10 * MINUTE,
        summary="no row of source {subject} can be read: all are refused",
        cause="Rows of the source arrive, and not one of the newest could be read as the plant file says.",
        action="Run 'gatewatch quarantine list' for the values; correct the plant file, then 'gatewatch quarantine "
        "retry'.",
    ),
    of_metric(
        "SourceRowsRefused", "warning", "platform", "gatewatch_source_refused_ratio", "source", "source", limit=0.1,
        clear=0.05, pending_for=10 * MINUTE, keep_firing=30 * MINUTE, unit=Unit.SHARE,
        reads="{value} of the newest rows are refused, limit {limit}",
        summary="many of the newest rows of source {subject} are refused",
        cause="More of the source's newest rows cannot be read than a few bad ones: they are in quarantine.",
        action="Run 'gatewatch quarantine list' for the values; correct the source or the plant file, then 'gatewatch "
        "quarantine retry'.",
    ),
    of_metric(
        "UnknownMachineOrStep", "warning", "platform", "gatewatch_source_unknown_name_rows", "subject", "name",
        unit=Unit.NUMBER, reads="{value} rows in quarantine",
        summary="rows name {subject}, which is no machine or step of the plant file: they are refused",
        cause="A source names a machine or step (SOURCE/NAME) that the plant file has neither by name nor by code.",
        action="Add it to the plant file, or to the codes of the column, then run 'gatewatch quarantine retry'.",
    ),
    of_metric(
        "RowsLate", "warning", "platform", "gatewatch_source_newly_late_rows", "source", "source",
        keep_firing=24 * 60 * MINUTE, unit=Unit.NUMBER, reads="{value} rows came late",
        summary="rows of source {subject} came later than its late_by",
        cause="Comparing source and store found rows later than late_by: readings among them were not judged.",
        action="Find out why rows are entered late; if that is usual, set the source's late_by to how late they come.",
    ),
    of_metric(
        "ReconciliationGap", "warning", "platform", "gatewatch_source_reconciliation_gap_rows", "source", "source",
        limit=0.0, clear=0.0, unit=Unit.NUMBER, reads="{value} rows are missing, none should be",
        summary="source {subject} has rows that the store lacks, even after reading them again",
        cause="The source has rows that the store lacks, even after reading them again.",
        action="Compare the named hours in the source; look for rows with an unreadable time or key.",
    ),
)  # fmt: skip
