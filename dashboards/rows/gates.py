"""The gates: recommendations, confidence, and accuracy."""

from __future__ import annotations

from dashboards.blocks.panels import BAD, DIM, PLAIN, POOR, Panel, bars, lines, statuses, value_table
from dashboards.blocks.queries import Query, by, hourly, limit, series, share_of_limit, value
from monitor.detection import BIAS, ESTIMATE, ESTIMATED_ERROR, LOG_LOSS, MAE, MISCOVERAGE, PERFORMANCE, SKILL
from monitor.statuses import Answer

VERDICTS = {"continue": PLAIN, "correct": POOR, "scrap": BAD, "hold": DIM}


def panels() -> list[Panel]:
    """What to know of a gate."""
    return [*_decisions(), _truth(), _overridden(), *_performance()]


def _overridden() -> Panel:
    """Where people do something else."""
    return bars(
        "Overridden recommendations",
        "Parts per hour with which people did something else than the gate had recommended, by what that was. If one "
        "verdict is overridden again and again, ask why before the next retraining: people see what the gate does not.",
        [
            Query(
                hourly("gatewatch_gate_dispositions_total", ("verdict",), gate="=~$gate", answer=Answer.OVERRIDDEN),
                "{{verdict}}",
            )
        ],
        colours=VERDICTS,
    )


def _truth() -> Panel:
    """What the recommendations were worth."""
    counts = by(
        "sum", ("verdict", "truth"), f"increase({series('gatewatch_gate_verdict_outcomes_total', gate='=~$gate')}[7d])"
    )
    return value_table(
        "Recommended, and what was right",
        "Outcomes of the last seven days by what the gate had recommended and by what the outcome says would have been "
        "right. Scrap where continue was right wastes parts; continue where scrap was right lets defects escape.",
        Query(counts + " > 0", instant=True),
        {"verdict": "recommended", "truth": "right", "Value": "parts"},
        empty="no outcome of a decided part, or no data",
    )


def _decisions() -> list[Panel]:
    """Recommendations, and reasons of holds."""
    return [
        bars(
            "Decisions per hour",
            "Recommendations of the gates. If there are none while parts pass, the gate is out of service. If there "
            "is more scrap than usual, check the machines of the step first, then drift.",
            [Query(hourly("gatewatch_gate_decisions_total", ("verdict",), gate="=~$gate"), "{{verdict}}")],
            colours=VERDICTS,
        ),
        bars(
            "Holds per hour, by reason",
            "Why gates held. no_model or bad_model: see the versions below; incomplete_input: a source or "
            "sensor is missing; out_of_distribution: see the board of drift; uncertain or no_skill: the model needs "
            "outcomes and retraining.",
            [
                Query(
                    hourly("gatewatch_gate_decisions_total", ("reason",), gate="=~$gate", verdict="hold"), "{{reason}}"
                )
            ],
        ),
        lines(
            "Outcomes to learn from",
            "Parts with an outcome, and the number that a gate's first model needs. If it stands still while parts "
            "pass, look at the source of the outcomes.",
            [
                Query(by("max", ("gate",), series("gatewatch_gate_outcomes", gate="=~$gate")), "{{gate}}"),
                Query(
                    by("max", ("gate",), series("gatewatch_gate_outcomes_needed", gate="=~$gate")), "needed {{gate}}"
                ),
            ],
        ),
        lines(
            "Share of holds",
            "Holds among the newest 100 decisions, with the limit of the alert HoldRateHigh. Near 1 the gate decides "
            "nothing: see the reasons of the holds.",
            _with_alert("gatewatch_gate_hold_ratio", "HoldRateHigh"),
            unit="percentunit",
        ),
        lines(
            "Share of scrap",
            "Scrap among the newest 100 decisions, also where the part was held for want of a second signal or in a "
            "surge, with the limit of the alert ScrapSurge. After a sudden rise, stop "
            "and check the machines of the step: each scrapped part loses all work done on it so far.",
            _with_alert("gatewatch_gate_scrap_ratio", "ScrapSurge"),
            unit="percentunit",
        ),
    ]


def _performance() -> list[Panel]:
    """Accuracy."""
    return [
        lines(
            "Realised error",
            "Mean absolute error against outcomes, with its limit, in the unit of the characteristic; of classes the "
            "mean log loss. Above the limit a retraining is requested: watch whether the error falls afterwards.",
            _with_limit(f"=~{MAE}|{LOG_LOSS}"),
        ),
        lines(
            "Bias",
            "Mean signed error of the predictions. If it leaves 0, the process or the measurement has shifted: find "
            "out what changed at the step before a retraining hides it.",
            _with_limit(BIAS),
            zero=False,
        ),
        lines(
            "Outcomes outside the interval",
            "Share of outcomes outside the prediction interval, or among the unlikely classes. Above the limit the "
            "gate is overconfident: be careful with its recommendations until it is recalibrated.",
            _with_limit(MISCOVERAGE),
            unit="percentunit",
        ),
        lines(
            "Skill over the naive baseline",
            "1 - error / error of what was known without looking at the part. At or below its limit the model is no "
            "better than the baseline, and the gate holds with no_skill.",
            _with_limit(SKILL),
            zero=False,
        ),
        lines(
            "Width of the prediction interval",
            "Mean width over the newest decisions, in the unit of the characteristic; none where it is a class. If it "
            "grows, the gate becomes less certain and will hold more: see the board of drift.",
            [Query(by("max", ("gate",), series("gatewatch_gate_interval_width", gate="=~$gate")), "{{gate}}")],
        ),
        *_before_outcomes(),
        value_table(
            "Worst slices",
            "Errors of each machine and recipe, as a share of their limits. If one slice is far above the others, "
            "check that machine or recipe, not the model.",
            Query(
                "topk(10, "
                + share_of_limit(("feature", "method"), detector=PERFORMANCE, subject="=~$gate", feature="!=")
                + ")",
                instant=True,
            ),
            {"feature": "machine and recipe", "method": "measure", "Value": "share of limit"},
            unit="percentunit",
        ),
    ]


def _before_outcomes() -> list[Panel]:
    """What error and coverage of the parts that wait for their outcome will be, and whether to believe it."""
    error, coverage, light = (
        series(f"gatewatch_gate_{name}", gate="=~$gate")
        for name in ("estimated_error", "estimated_coverage", "estimate_light")
    )
    states = {0: ("to be believed", PLAIN), 1: ("too few parts", DIM), 2: ("assumption broken", BAD)}
    return [
        lines(
            "Estimated error before outcomes",
            "What the mean absolute error (of classes the mean log loss) of the parts that wait for their outcome will "
            "be, with the limit of the realised error. Believe it while the panel of the estimates says so; above the "
            "limit be careful with the gate now, days before outcomes show it.",
            [
                Query(by("max", ("gate",), error), "{{gate}}"),
                Query(
                    limit(("subject",), detector=ESTIMATE, method=ESTIMATED_ERROR, subject="=~$gate"),
                    "limit {{subject}}",
                ),
            ],
        ),
        lines(
            "Estimated coverage before outcomes",
            "Share of the outcomes still to come that will be inside their intervals, or among the likeliest classes. "
            "Below the coverage that the gate promises it is overconfident: be careful with its recommendations.",
            [Query(by("max", ("gate",), coverage), "{{gate}}")],
            unit="percentunit",
        ),
        statuses(
            "Whether the estimates can be believed",
            "Red: inputs lie where hardly any known part did, one is missing, the newest outcomes contradict the "
            "estimate or are overdue; the finding names which. That they can be believed does not say that what "
            "follows from unchanged inputs is unchanged: only outcomes show that.",
            Query(by("max", ("gate",), light), "{{gate}}"),
            states,
            width=8,
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
