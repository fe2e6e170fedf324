"""Current problems: counts that should be 0."""

from __future__ import annotations

from dashboards.blocks.panels import BASE_URL, Panel, number, value_table
from dashboards.blocks.queries import Query, age, by, or_zero, series
from dashboards.rows.machines import STATES
from monitor.detection import CAUSE
from monitor.model import WATCHDOG

TITLE = "Current state"

REAL = f"!={WATCHDOG}"
"""All alerts but the watchdog, which always fires."""


def panels() -> list[Panel]:
    """The panels of the row."""
    return [*_now(), *_alerts()]


def _now() -> list[Panel]:
    """Counts of problems."""
    return [
        number(
            "Firing alerts",
            "Alerts that fire now, without Watchdog. If above 0, see the table below and follow the runbook of each "
            "alert.",
            Query(or_zero(by("sum", (), series("gatewatch_alert_active", alert=REAL))), "alerts"),
        ),
        number(
            "Gates out of service",
            "Gates that hold every part because they have no verified model with skill. If above 0, see 'gatewatch "
            "model list': train a model, roll back to the previous one, or wait for enough outcomes.",
            Query(or_zero(by("sum", (), series("gatewatch_gate_out_of_service"))), "gates"),
        ),
        number(
            "Machines in breach",
            "Machines with a finding beyond its limit. If above 0, the row Machines names the sensor: check it "
            "before the next shift.",
            Query(
                or_zero(
                    by(
                        "sum",
                        (),
                        by(
                            "max",
                            ("subject",),
                            series("gatewatch_finding_status", method=STATES, subject="=~$machine", status="breach"),
                        ),
                    )
                ),
                "machines",
            ),
        ),
        number(
            "Findings not judged",
            "Findings without data, or that cannot be judged: nothing is monitored there. If above 0 after the "
            "warm-up, look for a dead sensor, a missing column or a source that stands still.",
            Query(
                or_zero(
                    by("sum", (), series("gatewatch_finding_status", method=STATES, status="=~no_data|cannot_judge"))
                ),
                "findings",
            ),
            bad=None,
        ),
        number(
            "Overdue jobs",
            "Jobs that served no slot within interval and deadline. If above 0, the row Delivery and platform names "
            "them: check the process and its log.",
            Query(or_zero(by("sum", (), series("gatewatch_job_overdue"))), "jobs"),
        ),
        number(
            "Stale sources",
            "Sources whose newest row is older than their stale_after, so the panels below show old data. If above "
            "0, check the MES or historian, and the read errors of the source.",
            Query(or_zero(by("sum", (), series("gatewatch_source_staleness_ratio") + " > bool 1")), "sources"),
        ),
    ]


def _alerts() -> list[Panel]:
    """The firing alerts, and the age of the data."""
    return [
        value_table(
            "Firing alerts by subject",
            "Alerts that fire now. The runbook docs/runbooks/NAME.md explains each and what to do; Gatewatch's own "
            "page summarises them.",
            Query(
                by("max", ("alert", "subject", "severity"), series("gatewatch_alert_active", alert=REAL) + " == 1"),
                instant=True,
            ),
            {"severity": "severity", "alert": "alert", "subject": "subject", "Value": "active"},
            width=18,
            links={"Gatewatch": f"{BASE_URL}/"},
        ),
        number(
            "Age of the data",
            "Time since the store was read for the newest scrape. If it grows, Prometheus does not reach Gatewatch, "
            "and everything else on this page is out of date.",
            Query(age("gatewatch_snapshot_timestamp_seconds", ()), "age"),
            unit="s",
            bad=None,
            width=6,
        ),
        value_table(
            "Likely causes",
            "What the findings in breach have in common: one machine, lot, recipe, sensor, camera or test rig, the "
            "process of a step, or a model. 'gatewatch alerts causes' says how certain that is and what else it could "
            "be.",
            Query(
                by("max", ("method", "subject"), series("gatewatch_finding_status", detector=CAUSE, status="breach"))
                + " == 1",
                instant=True,
            ),
            {"method": "cause", "subject": "of", "Value": "now"},
            width=24,
            links={"Gatewatch": f"{BASE_URL}/"},
        ),
    ]
