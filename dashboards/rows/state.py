"""What is wrong now: alerts with since when and where, likely causes, each step, and how old all of it is."""

from __future__ import annotations

from dashboards.blocks.board import url_of
from dashboards.blocks.panels import BAD, BASE_URL, DIM, POOR, Panel, number, statuses, tiles, value_table
from dashboards.blocks.queries import Query, age, by, or_zero, series
from dashboards.rows.machines import STATES, STATUS, worst_status
from monitor.detection import CAUSE
from monitor.model import WATCHDOG

REAL = f"!={WATCHDOG}"
"""All alerts but the watchdog, which always fires."""
_OF_ALERT = ("alert", "subject", "severity", "team")
_SEVERITIES = {"critical": BAD, "warning": POOR, "info": DIM}


def now() -> list[Panel]:
    """Whether to look further at all."""
    machines = by(
        "max", ("subject",), series("gatewatch_finding_status", method=STATES, subject="=~$machine", status="breach")
    )
    return [
        number(
            "Firing alerts",
            "Alerts that fire now, without Watchdog. If above 0, see the table below and follow the runbook of each "
            "alert.",
            Query(or_zero(by("sum", (), series("gatewatch_alert_active", alert=REAL))), "alerts"),
        ),
        number(
            "Machines in breach",
            "Machines with a finding beyond its limit. If above 0, the timeline below shows which and since when: "
            "its board names the sensor.",
            Query(or_zero(by("sum", (), machines)), "machines"),
        ),
        number(
            "Gates out of service",
            "Gates that hold every part because they have no verified model with skill. If above 0, see 'gatewatch "
            "model list': train a model, roll back to the previous one, or wait for enough outcomes.",
            Query(or_zero(by("sum", (), series("gatewatch_gate_out_of_service"))), "gates"),
        ),
        number(
            "Holds waiting",
            "Parts that a gate held and about which nobody has decided yet. The hold queue on Gatewatch's own page "
            "lists them with the time by which each is due.",
            Query(or_zero(by("sum", (), series("gatewatch_holds_waiting", step="=~$step"))), "parts"), bad=None,
        ),
        number(
            "Stale sources",
            "Sources whose newest row is older than their stale_after: what depends on them is out of date. If above "
            "0, check the MES or historian, and the read errors of the source.",
            Query(or_zero(by("sum", (), series("gatewatch_source_staleness_ratio") + " > bool 1")), "sources"),
        ),
        number(
            "Age of what is shown",
            "Time since the store was read for the newest scrape. If it grows, Prometheus does not reach Gatewatch, "
            "and everything else here is out of date; after five minutes all panels are empty.",
            Query(age("gatewatch_snapshot_timestamp_seconds", ()), "age"), unit="s", bad=300.0,
        ),
    ]  # fmt: skip


def alerts() -> list[Panel]:
    """The alerts with their causes."""
    runbook = {"title": "Runbook", "url": f"{BASE_URL}/runbooks/${{__data.fields.alert}}", "targetBlank": True}
    page = {"title": "Page", "url": f"{BASE_URL}/subjects/${{__data.fields.subject}}", "targetBlank": True}
    coloured = {name: {"color": colour, "index": i} for i, (name, colour) in enumerate(_SEVERITIES.items())}
    return [
        value_table(
            "Alerts",
            "Alerts that fire now, the newest first, with what each says and the value that it is about. The name "
            "leads to its runbook, the subject to its own page.",
            [
                Query(by("max", _OF_ALERT, series("gatewatch_alert_value", alert=REAL)), instant=True),
                Query(
                    "1000 * " + by("max", _OF_ALERT, series("gatewatch_alert_since_timestamp_seconds", alert=REAL)),
                    instant=True,
                ),
                Query(by("max", (*_OF_ALERT, "summary"), series("gatewatch_alert_info", alert=REAL)), instant=True),
            ],
            {"severity": "severity", "alert": "alert", "subject": "subject", "summary": "what", "team": "team",
             "Value #A": "value", "Value #B": "since"},
            hidden=("Value #C",), width=18, empty="no alert fires, or no data came",
            of_columns={
                "since": {"unit": "dateTimeFromNow", "custom.width": 110}, "team": {"custom.width": 95},
                "what": {"custom.cellOptions": {"type": "auto", "wrapText": True}, "custom.minWidth": 260},
                "severity": {
                    "mappings": [{"type": "value", "options": coloured}],
                    "custom.cellOptions": {"type": "color-text"}, "custom.width": 80,
                },
                "alert": {"links": [runbook], "custom.width": 185},
                "subject": {"links": [page], "custom.width": 130},
                "value": {"custom.width": 80, "noValue": "-"},
            },
        ),
        value_table(
            "Likely causes",
            "What the findings in breach have in common: one machine, lot, recipe, sensor, camera or test rig, the "
            "process of a step, or a model. 'gatewatch alerts causes' says how certain that is and what else it could "
            "be.",
            Query(
                by("max", ("method", "subject"), series("gatewatch_finding_value", detector=CAUSE))
                + " and on (method, subject) "
                + by("max", ("method", "subject"), series("gatewatch_finding_status", detector=CAUSE, status="breach"))
                + " == 1",
                instant=True,
            ),
            {"method": "cause", "subject": "of", "Value": "probability"},
            unit="percentunit", width=6, links={"Gatewatch": f"{BASE_URL}/"},
            of_columns={"cause": {"custom.width": 80}, "probability": {"custom.width": 95}},
            empty="no cause is known, or no data came",
        ),
    ]  # fmt: skip


def steps() -> list[Panel]:
    """The steps in the order of the line, and the machines over time."""
    place = series("gatewatch_step_position", step="=~$step", line="=~$line")
    return [
        tiles(
            "Steps, in the order of the line",
            "The worst finding at each step: its measurements, machines and gates. A click leads to the board of the "
            "step.",
            [
                Query(worst_status("step", step="=~$step"), instant=True),
                Query(by("max", ("step",), place), instant=True),
            ],
            STATUS, "step", link_to=url_of("gatewatch-step", "step", "step"),
        ),
        statuses(
            "Machines",
            "The worst finding of each machine. Red: its board names the sensor. Grey or orange while it runs: nothing "
            "watches it.",
            Query(worst_status("subject", method=STATES, subject="=~$machine"), "{{subject}}"),
            STATUS, width=24, link_to=url_of("gatewatch-machine", "machine", "subject", labels=True),
        ),
    ]  # fmt: skip
