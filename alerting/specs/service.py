"""Alerts on Gatewatch itself: jobs, deliveries, the plant file, and the watchdog."""

from __future__ import annotations

from alerting.specs.spec import MINUTE, AlertSpec, Unit, of_metric
from monitor.model import DRILL, WATCHDOG

ALERTS: tuple[AlertSpec, ...] = (
    of_metric(
        "JobFailing", "warning", "platform", "gatewatch_job_last_run_failed", "job_name", "job",
        pending_for=5 * MINUTE, keep_firing=10 * MINUTE,
        summary="job {subject} fails",
        cause="The last run of the job failed.",
        action="Read the job's error; the next slot tries again.",
    ),
    of_metric(
        "JobOverdue", "warning", "platform", "gatewatch_job_overdue", "job_name", "job", pending_for=10 * MINUTE,
        summary="job {subject} has not run within its interval and deadline",
        cause="A run hangs, or no process runs the job.",
        action="Check that 'gatewatch run' is alive and read the end of its log; a restart loses nothing.",
    ),
    of_metric(
        "DeadLetters", "critical", "platform", "gatewatch_outbox_dead", "channel", "channel", limit=0.0, clear=0.0,
        unit=Unit.NUMBER, reads="{value} messages were given up, none should be",
        summary="messages for {subject} could not be delivered and are no longer retried",
        cause="Recommendations for the MES, or notifications, could not be delivered and are no longer retried.",
        action="Run 'gatewatch outbox list', correct the cause, then run 'gatewatch outbox resend'.",
    ),
    of_metric(
        "DeliveryLate", "warning", "platform", "gatewatch_outbox_delay_seconds", "channel", "channel", limit=3600.0,
        clear=600.0, unit=Unit.AGE, reads="the oldest has waited {value}, allowed {limit}",
        summary="messages for {subject} have been waiting for a long time",
        cause="The MES or a notification service cannot be reached, so people do not see messages meant for them.",
        action="Run 'gatewatch outbox list --status pending' for the error; nothing is lost, delivery is retried.",
    ),
    of_metric(
        "PlantFileRejected", "warning", "platform", "gatewatch_plant_last_reload_failed", "site", "site",
        summary="the changed plant file of site {subject} has problems; the previous one stays in force",
        cause="The changed plant file has problems; the previous one stays in force.",
        action="Run 'gatewatch check' on it, correct it, and send SIGHUP again.",
    ),
    of_metric(
        "StoreUnwritable", "critical", "platform", "gatewatch_store_unwritable", "site", "site", keep_firing=MINUTE,
        summary="the store of site {subject} cannot be written",
        cause="The store's disk is full, another program holds its lock, or it takes no writes.",
        action="Read the reason at /readyz or in the log; free the disk or end the other program, and work goes on.",
    ),
    of_metric(
        "ClockStepped", "warning", "platform", "gatewatch_clock_stepped", "site", "site",
        summary="the clock of the computer that runs site {subject} was set",
        cause="The clock jumped: it was set by hand or by its time service, or it had been ahead for a while.",
        action="Check the time of the computer and its time service; jobs go on by themselves, rows are kept.",
    ),
    of_metric(
        DRILL, "critical", "platform", "gatewatch_drill_running", "team", "team",
        summary="this is a drill for {subject}: nothing is wrong, alerting is tried out",
        cause="The command 'gatewatch drill', or the drill in the plant file, moves a metric to try the way from it to "
        "people.",
        action="Nothing; it ends by itself within a few minutes.",
    ),
    of_metric(
        WATCHDOG, "info", "platform", "gatewatch_alerting_works", "site", "site",
        summary="alerting of site {subject} works",
        cause="None: this alert always fires. If it stops, alerting does not work, or the store cannot be written.",
        action="Let an external dead man's switch, for instance behind Alertmanager, expect it and warn you if it "
        "stops.",
    ),
)  # fmt: skip
