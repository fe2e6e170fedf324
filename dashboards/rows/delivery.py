"""Delivery to the MES and the platform underneath: jobs, sources, store."""

from __future__ import annotations

from dashboards.blocks.panels import BAD, GOOD, POOR, Panel, bars, lines, number
from dashboards.blocks.queries import Query, by, found, hourly, series

TITLE = "Delivery and platform"


def panels() -> list[Panel]:
    """The panels of the row."""
    return [*_numbers(), *_deliveries(), *_jobs(), *_counts()]


def _numbers() -> list[Panel]:
    """Numbers that are 0 on a good day, and the size of the store."""
    return [
        number(
            "Dead letters",
            "Recommendations given up. Above 0: 'gatewatch outbox list' says why; put it right, then 'gatewatch outbox "
            "resend'.",
            Query(found(by("sum", (), series("gatewatch_outbox_dead"))), "dead"),
        ),
        number(
            "Waiting for the MES",
            "Recommendations on their way. Growing for minutes: the MES does not take them; operators see old advice.",
            Query(found(by("sum", (), series("gatewatch_outbox_pending"))), "waiting"),
            bad=None,
        ),
        number(
            "Rows that differ",
            "Rows by which a source and the store differed when last counted. Not 0 twice in a row: rows were changed "
            "or lost behind the cursor; look at the source's late_by.",
            Query(found(by("max", (), series("gatewatch_source_reconciliation_gap_rows"))), "rows"),
        ),
        number(
            "Series left out",
            "Series that this scrape left out: no number, or labels the catalogue does not know. Above 0 is a fault of "
            "the program or of its data: report it with the log.",
            Query(by("max", (), series("gatewatch_snapshot_rejected_series")), "series"),
        ),
        number(
            "Findings too old to show",
            "Findings left out because nothing newer came. Above 0: a machine or source is silent, or was taken out of "
            "the plant file.",
            Query(by("max", (), series("gatewatch_findings_expired")), "findings"),
            bad=None,
        ),
        number(
            "Size of the store",
            "All that Gatewatch keeps. Growing without end: 'gatewatch store prune', or a shorter store.retention.",
            Query(by("max", (), series("gatewatch_store_size_bytes")), "size"),
            unit="bytes",
            bad=None,
        ),
    ]


def _deliveries() -> list[Panel]:
    """What goes to the MES."""
    return [
        bars(
            "Deliveries an hour",
            "Attempts to write recommendations into the MES. retry: it does not answer; dead: it refuses, which needs "
            "a person.",
            [Query(hourly("gatewatch_outbox_deliveries_total", ("result",)), "{{result}}")],
            colours={"sent": GOOD, "retry": POOR, "dead": BAD},
        ),
        lines(
            "Oldest waiting message",
            "How long the oldest message on each channel has waited, with the limit of the alert DeliveryLate. Above "
            "the cycle time of the step a recommendation comes too late to help.",
            [
                Query(by("max", ("channel",), series("gatewatch_outbox_delay_seconds")), "{{channel}}"),
                Query(by("max", (), series("gatewatch_alert_limit", alert="DeliveryLate")), "limit"),
            ],
            unit="s",
        ),
    ]


def _jobs() -> list[Panel]:
    """Jobs and sources: failures, durations, how far behind."""
    return [
        bars(
            "Failed runs an hour",
            "Runs of jobs that failed, and slots that no run served. Any that repeats: the job's error stands on the "
            "page of Gatewatch.",
            [
                Query(hourly("gatewatch_job_runs_total", ("job_name",), result="failure"), "{{job_name}}"),
                Query(hourly("gatewatch_job_missed_slots_total", ("job_name",)), "{{job_name}} missed"),
            ],
        ),
        lines(
            "How long jobs take",
            "Duration of the last run as a share of the job's interval. Near 1 the job cannot keep up: give it more "
            "time between slots, or a machine of its own.",
            [
                Query(
                    by(
                        "max",
                        ("job_name",),
                        f"{series('gatewatch_job_last_duration_seconds')} / {series('gatewatch_job_interval_seconds')}",
                    ),
                    "{{job_name}}",
                )
            ],
            unit="percentunit",
        ),
        lines(
            "How far jobs are behind",
            "Age of the newest row a job has taken, of those it could know. Growing while the line runs: the source "
            "stands still, or its late_by is too short.",
            [Query(by("max", ("job_name",), series("gatewatch_job_lag_seconds")), "{{job_name}}")],
            unit="s",
        ),
        lines(
            "Age of the newest row of each source, as a share of what is allowed",
            "1 is the source's stale_after. Growing while the line runs: the source stands still; gates and detectors "
            "see nothing new.",
            [
                Query(by("max", ("source",), series("gatewatch_source_staleness_ratio")), "{{source}}"),
                Query(by("max", (), series("gatewatch_alert_limit", alert="SourceStale")), "limit"),
            ],
            unit="percentunit",
        ),
    ]


def _counts() -> list[Panel]:
    """Notifications, rows and errors an hour."""
    return [
        bars(
            "Notifications an hour",
            "Notifications made for each team. More than six an hour for one team is more than people can act on: "
            "silence what is known, and raise limits only where nothing was to be done.",
            [Query(hourly("gatewatch_notifications_total", ("team",)), "{{team}}")],
        ),
        bars(
            "Rows read an hour",
            "Rows by what became of them. quarantined: 'gatewatch quarantine list' says why; none accepted while the "
            "line runs: the source stands still.",
            [Query(hourly("gatewatch_source_rows_total", ("outcome",)), "{{outcome}}")],
        ),
        bars(
            "Quarantined rows an hour",
            "Rows that could not be read, by reason. A new reason after a change of the MES: correct the mapping in "
            "the plant file; the rows are read again.",
            [Query(hourly("gatewatch_source_quarantined_rows_total", ("source", "reason")), "{{source}} {{reason}}")],
        ),
        bars(
            "Read errors an hour",
            "Reads of a source that failed, by reason. unreachable or timeout: the database or the network; "
            "missing_column: the MES was changed.",
            [Query(hourly("gatewatch_source_read_errors_total", ("source", "reason")), "{{source}} {{reason}}")],
        ),
    ]
