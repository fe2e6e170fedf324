"""The gates: what they recommend, how sure they are, and how right they were."""

from __future__ import annotations

from dashboards.blocks.panels import BAD, DIM, GOOD, POOR, Panel, bars, lines, rows_of
from dashboards.blocks.queries import Query, by, hourly, limit, series, share_of_limit, value
from monitor.detection import BIAS, MAE, MISCOVERAGE, PERFORMANCE, SKILL

TITLE = "Gates"


def panels() -> list[Panel]:
    """The panels of the row."""
    return [*_decisions(), *_performance()]


def _decisions() -> list[Panel]:
    """What the gates recommended, and why they held."""
    return [
        bars(
            "Decisions an hour",
            "What the gates recommended. None while parts pass: the gate is out of service. More scrap than usual: "
            "look at the machines of the step first, then at drift.",
            [Query(hourly("gatewatch_gate_decisions_total", ("verdict",), gate="=~$gate"), "{{verdict}}")],
            colours={"continue": GOOD, "correct": POOR, "scrap": BAD, "hold": DIM},
        ),
        bars(
            "Holds an hour by reason",
            "Why gates held. no_model or bad_model: see the row Models; incomplete_input: a source or sensor is "
            "missing; out_of_distribution: see Drift; uncertain or no_skill: the model needs outcomes and retraining.",
            [
                Query(
                    hourly("gatewatch_gate_decisions_total", ("reason",), gate="=~$gate", verdict="hold"), "{{reason}}"
                )
            ],
        ),
        lines(
            "Share of holds",
            "Holds among the newest 100 decisions, with the limit of the alert HoldRateHigh. Near 1 the gate decides "
            "nothing: look at the reasons beside.",
            _with_alert("gatewatch_gate_hold_ratio", "HoldRateHigh"),
            unit="percentunit",
        ),
        lines(
            "Share of scrap",
            "Scrap among the newest 100 decisions, with the limit of the alert ScrapSurge. A step up: stop and look at "
            "the machines of the step; each part costs what was spent on it so far.",
            _with_alert("gatewatch_gate_scrap_ratio", "ScrapSurge"),
            unit="percentunit",
        ),
    ]


def _performance() -> list[Panel]:
    """How right they were."""
    return [
        lines(
            "Realised error",
            "Mean absolute error against the outcomes, with its limit, in the unit of the characteristic. Above the "
            "limit a retraining is asked for; watch whether it heals.",
            _with_limit(MAE),
        ),
        lines(
            "Bias",
            "Mean signed error of the predictions. Away from 0 in one direction: the process or the measurement was "
            "moved; ask what changed at the step before a retraining hides it.",
            _with_limit(BIAS),
            zero=False,
        ),
        lines(
            "Outcomes outside the interval",
            "Share of outcomes that the prediction interval missed. Above the limit the gate is surer than it may be: "
            "hold back on its recommendations until it is calibrated again.",
            _with_limit(MISCOVERAGE),
            unit="percentunit",
        ),
        lines(
            "Skill over the naive guess",
            "1 - error / error of the running median. At or below its limit the model is worth no more than a guess "
            "and the gate holds with no_skill.",
            _with_limit(SKILL),
            zero=False,
        ),
        lines(
            "Width of the prediction interval",
            "Mean width among the newest decisions, in the unit of the characteristic. Growing: the gate gets less "
            "sure and will hold more; see Drift.",
            [Query(by("max", ("gate",), series("gatewatch_gate_interval_width", gate="=~$gate")), "{{gate}}")],
        ),
        rows_of(
            "Worst slices",
            "Error of each machine and recipe as a share of its limit. One slice far above the others: look at that "
            "machine or recipe, not at the model.",
            Query(
                "topk(10, "
                + share_of_limit(
                    ("subject", "feature", "method"), detector=PERFORMANCE, subject="=~$gate", feature="!="
                )
                + ")",
                instant=True,
            ),
            {"subject": "gate", "feature": "machine and recipe", "method": "of", "Value": "share of limit"},
            unit="percentunit",
        ),
    ]


def _with_alert(metric: str, alert: str) -> list[Query]:
    exported = by("max", (), series("gatewatch_alert_limit", alert=alert))
    return [Query(by("max", ("gate",), series(metric, gate="=~$gate")), "{{gate}}"), Query(exported, "limit")]


def _with_limit(method: str) -> list[Query]:
    chosen = {"detector": PERFORMANCE, "method": method, "subject": "=~$gate", "feature": ""}
    return [
        Query(value(("subject",), **chosen), "{{subject}}"),
        Query(limit(("subject",), **chosen), "limit {{subject}}"),
    ]
