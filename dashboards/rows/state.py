"""What is wrong now: the numbers that are 0 on a good day."""

from __future__ import annotations

from dashboards.blocks.panels import BASE_URL, Panel, number, rows_of
from dashboards.blocks.queries import Query, age, by, found, series
from monitor.model import WATCHDOG

TITLE = "State now"

REAL = f"!={WATCHDOG}"
"""Every alert but the one that always fires, to show that alerts arrive."""


def panels() -> list[Panel]:
    """The panels of the row."""
    return [*_now(), *_alerts()]


def _now() -> list[Panel]:
    """Counts of what is wrong."""
    return [
        number(
            "Alerts firing",
            "Alerts that fire now, Watchdog aside. Above 0: the table below says which; do what its runbook says.",
            Query(found(by("sum", (), series("gatewatch_alert_active", alert=REAL))), "alerts"),
        ),
        number(
            "Gates out of service",
            "Gates that hold every part for want of a verified model with skill. Above 0: 'gatewatch model list' says "
            "what there is; train one, put the one before back, or wait for enough outcomes.",
            Query(found(by("sum", (), series("gatewatch_gate_out_of_service"))), "gates"),
        ),
        number(
            "Machines in breach",
            "Machines with a finding beyond its limit. Above 0: the row Machines says which sensor; look at it before "
            "the next shift.",
            Query(
                found(
                    by(
                        "sum",
                        (),
                        by(
                            "max",
                            ("subject",),
                            series("gatewatch_finding_status", subject="=~$machine", status="breach"),
                        ),
                    )
                ),
                "machines",
            ),
        ),
        number(
            "Findings not judged",
            "Findings that have no data or cannot be judged: nobody watches there. Above 0 after the warm-up: look for "
            "a dead sensor, a missing column or a source that stands still.",
            Query(
                found(by("sum", (), series("gatewatch_finding_status", status="=~no_data|cannot_judge"))), "findings"
            ),
            bad=None,
        ),
        number(
            "Jobs overdue",
            "Jobs that served no slot within interval and deadline. Above 0: the row Delivery and platform says which; "
            "look at the process and its log.",
            Query(found(by("sum", (), series("gatewatch_job_overdue"))), "jobs"),
        ),
        number(
            "Sources stale",
            "Sources whose newest row is older than their stale_after: what is shown of them below is old. Above 0: "
            "look at the MES or historian, and at the read errors of the source.",
            Query(found(by("sum", (), series("gatewatch_source_staleness_ratio") + " > bool 1")), "sources"),
        ),
    ]


def _alerts() -> list[Panel]:
    """Which alerts, and how old all of this is."""
    return [
        rows_of(
            "Which alerts",
            "Alerts that fire now. Each has a page docs/runbooks/NAME.md that says what it means and what to do; "
            "Gatewatch's own page says it in a sentence.",
            Query(
                by("max", ("alert", "subject", "severity"), series("gatewatch_alert_active", alert=REAL) + " == 1"),
                instant=True,
            ),
            {"severity": "severity", "alert": "alert", "subject": "of", "Value": "active"},
            width=18,
            links={"Gatewatch": f"{BASE_URL}/"},
        ),
        number(
            "Age of these numbers",
            "Time since the store was read for the newest scrape. Growing: Prometheus does not reach Gatewatch; "
            "everything else on this page is then old, not good.",
            Query(age("gatewatch_snapshot_timestamp_seconds", ()), "age"),
            unit="s",
            bad=None,
            width=6,
        ),
    ]
