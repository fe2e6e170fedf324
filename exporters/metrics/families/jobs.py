"""Scheduled jobs: runs, rows, slots, and whether a job is late or failing."""

from __future__ import annotations

from datetime import timedelta

from exporters.metrics.shared.labels import JOB, RUN_RESULT
from exporters.metrics.shared.metric import Bounds, Metric, Scrape, Series, counter, gauge, seconds, timestamp
from exporters.metrics.shared.snapshot import JobRow, MetricsSnapshot

METRICS: tuple[Metric, ...] = (
    counter("gatewatch_job_runs_total", "Runs of a job by result.", JOB, RUN_RESULT),
    counter("gatewatch_job_rows_total", "Rows processed by a job.", JOB, unit="rows"),
    counter("gatewatch_job_missed_slots_total", "Slots of a job that no run served.", JOB, unit="slots"),
    gauge("gatewatch_job_last_duration_seconds", "Duration of the last run of a job.", JOB, unit="seconds"),
    timestamp("gatewatch_job_last_success", "When a job last succeeded", JOB),
    timestamp("gatewatch_job_last_slot", "The last slot of a job that was served", JOB),
    gauge("gatewatch_job_lag_seconds", "How far a job is behind the newest available row.", JOB, unit="seconds"),
    gauge("gatewatch_job_interval_seconds", "Time between two slots of a job.", JOB, unit="seconds"),
    gauge("gatewatch_job_last_run_failed", "1 if the last run of a job failed, else 0; an unreadable source does not "
          "count.", JOB),
    gauge("gatewatch_job_overdue", "1 if no slot was served within interval and deadline, else 0; for 'gatewatch once' "
          "also within the time between two of its runs.", JOB),
    gauge("gatewatch_once_interval_seconds", "Time between the last two runs of 'gatewatch once'; 0 if a process runs "
          "the jobs at their slots.", unit="seconds", tallied=True),
    gauge("gatewatch_once_last_start_timestamp_seconds", "When 'gatewatch once' last started, in seconds since 1970 "
          "UTC.", unit="seconds", tallied=True),
    gauge("gatewatch_once_last_end_timestamp_seconds", "When 'gatewatch once' last ended, in seconds since 1970 UTC.",
          unit="seconds", tallied=True),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """The runs of each job, and whether it is overdue."""
    snapshot, bounds = scrape.snapshot, scrape.bounds
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
    yield "gatewatch_job_last_success_timestamp_seconds", label, seconds(row.last_success_at)
    yield "gatewatch_job_last_slot_timestamp_seconds", label, seconds(row.last_slot)
    yield "gatewatch_job_lag_seconds", label, row.lag_seconds


def overdue(snapshot: MetricsSnapshot, bounds: Bounds, name: str) -> bool:
    """Whether a job served no slot within its interval and the plant's deadline.

    Read from the store alone, so that any process notices that another one hangs or is dead. A job that never ran is
    measured from when the first plant file was recorded. Where `gatewatch once` runs the jobs, as from cron, a slot
    waits for its next run, which is expected as long after the last one as that was after the one before.
    """
    last = next((row.last_slot for row in snapshot.jobs if row.name == name), None) or snapshot.store_since
    interval = bounds.jobs.get(name)
    if last is None or interval is None:
        return False
    rounds = [row.value for row in snapshot.tallies if row.name == "gatewatch_once_interval_seconds"]
    waits = timedelta(seconds=sum(value or 0.0 for value in rounds))
    return snapshot.at - last > interval + waits + bounds.plant.jobs.deadline
