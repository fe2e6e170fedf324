"""Deliveries, and the platform: jobs, sources, store."""

from __future__ import annotations

from dashboards.blocks.panels import BAD, PLAIN, POOR, Panel, bars, lines, number
from dashboards.blocks.queries import Query, by, hourly, or_zero, series


def panels() -> list[Panel]:
    """The panels of the row."""
    return [*_numbers(), *_deliveries(), *_jobs(), *_counts()]


def _numbers() -> list[Panel]:
    """Counts that should be 0, and the size of the store."""
    return [
        number(
            "Dead messages",
            "Messages that are no longer retried. If above 0, 'gatewatch outbox list' shows why; correct the cause, "
            "then run 'gatewatch outbox resend'.",
            Query(or_zero(by("sum", (), series("gatewatch_outbox_dead"))), "dead"),
        ),
        number(
            "Pending messages",
            "Messages waiting to be delivered. If it grows for minutes, the MES or a notification service does not "
            "accept them, and people see old information.",
            Query(or_zero(by("sum", (), series("gatewatch_outbox_pending"))), "pending"),
            bad=None,
        ),
        number(
            "Reconciliation gap",
            "Rows by which a source and the store differed when last counted. If it is not 0 twice in a row, rows "
            "were changed or lost behind the cursor: check the source's late_by.",
            Query(or_zero(by("max", (), series("gatewatch_source_reconciliation_gap_rows"))), "rows"),
        ),
        number(
            "Rejected series",
            "Series left out of the last scrape because of an invalid value or unknown labels. Above 0 is a fault of "
            "the program or of its data: report it with the log.",
            Query(by("max", (), series("gatewatch_snapshot_rejected_series")), "series"),
        ),
        number(
            "Expired findings",
            "Findings left out because their newest sample is too old. If above 0, a machine or source is silent, or "
            "was removed from the plant file.",
            Query(by("max", (), series("gatewatch_findings_expired")), "findings"),
            bad=None,
        ),
        number(
            "Store size",
            "Size of all data that Gatewatch keeps. If it grows without end, run 'gatewatch store prune' or shorten "
            "store.retention.",
            Query(by("max", (), series("gatewatch_store_size_bytes")), "size"),
            unit="bytes",
            bad=None,
        ),
    ]


def _deliveries() -> list[Panel]:
    """Attempts and delays."""
    buckets = by("sum", ("le",), f"rate({series('gatewatch_decision_latency_seconds_bucket')}[1h])")
    return [
        lines(
            "From row to recommendation",
            "Time from when a part's row was available in the MES until the recommendation was written back: half of "
            "them, and 95 %. Above the cycle time of the step they come too late to be used.",
            [Query(f"histogram_quantile({share}, {buckets})", name) for share, name in ((0.5, "half"), (0.95, "95 %"))],
            unit="s",
        ),
        bars(
            "Deliveries per hour",
            "Attempts to deliver messages, by result. retry: the receiver cannot be reached; dead: it refuses, and "
            "somebody has to act.",
            [Query(hourly("gatewatch_outbox_deliveries_total", ("result",)), "{{result}}")],
            colours={"sent": PLAIN, "retry": POOR, "dead": BAD},
        ),
        lines(
            "Age of the oldest pending message",
            "Age of the oldest pending message on each channel, with the limit of the alert DeliveryLate. Above the "
            "cycle time of the step, recommendations arrive too late to be used.",
            [
                Query(by("max", ("channel",), series("gatewatch_outbox_delay_seconds")), "{{channel}}"),
                Query(by("max", (), series("gatewatch_alert_limit", alert="DeliveryLate")), "limit"),
            ],
            unit="s",
        ),
    ]


def _jobs() -> list[Panel]:
    """Jobs and sources: failures, durations, lag."""
    return [
        bars(
            "Failed runs per hour",
            "Failed runs of jobs, and slots that no run served. If one repeats, read the job's error on Gatewatch's "
            "own page.",
            [
                Query(hourly("gatewatch_job_runs_total", ("job_name",), result="failure"), "{{job_name}}"),
                Query(hourly("gatewatch_job_missed_slots_total", ("job_name",)), "{{job_name}} missed"),
            ],
        ),
        lines(
            "Job duration, as a share of the interval",
            "Duration of the last run divided by the job's interval. Near 1 the job cannot keep up: lengthen its "
            "interval, or give it a machine of its own.",
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
            "Job lag",
            "How far each job is behind the newest available row. If it grows while the line runs, the source stands "
            "still or its late_by is too short.",
            [Query(by("max", ("job_name",), series("gatewatch_job_lag_seconds")), "{{job_name}}")],
            unit="s",
        ),
        lines(
            "Source staleness",
            "Age of the newest row of each source divided by its stale_after, with the limit of the alert "
            "SourceStale. If it grows while the line runs, the source stands still, and gates and detectors see "
            "nothing new.",
            [
                Query(by("max", ("source",), series("gatewatch_source_staleness_ratio")), "{{source}}"),
                Query(by("max", (), series("gatewatch_alert_limit", alert="SourceStale")), "limit"),
            ],
            unit="percentunit",
        ),
    ]


def _counts() -> list[Panel]:
    """Notifications, rows and errors per hour."""
    return [
        bars(
            "Notifications per hour",
            "Notifications created for each team. More than six per hour for one team is more than people can act "
            "on: silence known problems, and raise limits only where no action was needed.",
            [Query(hourly("gatewatch_notifications_total", ("team",)), "{{team}}")],
        ),
        bars(
            "Rows read per hour",
            "Rows by outcome. 'gatewatch quarantine list' shows why rows were quarantined. If none is accepted while "
            "the line runs, the source stands still.",
            [Query(hourly("gatewatch_source_rows_total", ("outcome",)), "{{outcome}}")],
        ),
        bars(
            "Quarantined rows per hour",
            "Rows that could not be read, by reason. If a new reason appears after a change of the MES, correct the "
            "mapping in the plant file; the rows are then read again.",
            [Query(hourly("gatewatch_source_quarantined_rows_total", ("source", "reason")), "{{source}} {{reason}}")],
        ),
        bars(
            "Read errors per hour",
            "Failed reads of a source, by reason. unreachable or timeout: check the database and the network; "
            "missing_column: the MES has changed.",
            [Query(hourly("gatewatch_source_read_errors_total", ("source", "reason")), "{{source}} {{reason}}")],
        ),
    ]
