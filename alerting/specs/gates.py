"""Alerts on check gates: out of service, too many holds, too much scrap."""

from __future__ import annotations

from alerting.specs.spec import HOUR, MINUTE, AlertSpec, Unit, of_metric

ALERTS: tuple[AlertSpec, ...] = (
    of_metric(
        "GateOutOfService", "critical", "ml", "gatewatch_gate_out_of_service", "gate", "gate", pending_for=HOUR,
        summary="gate {subject} has no verified model with skill: it holds parts, or decides by the forecast alone",
        cause="No model is in force though there are enough outcomes, its package fails verification, or it has no "
        "skill over the naive baseline.",
        action="Run 'gatewatch model list'; train with 'gatewatch model train GATE', or check the model cache folder.",
    ),
    of_metric(
        "OutcomesMissing", "warning", "ml", "gatewatch_gate_outcomes_behind_seconds", "gate", "gate",
        limit=3 * 86400.0, clear=86400.0, needs=("outcomes",), unit=Unit.AGE,
        reads="no outcome for {value}, allowed {limit}",
        summary="gate {subject} decides on parts, and no outcome has arrived for days",
        cause="Parts have passed the gate for days, and no outcome has arrived meanwhile.",
        action="Check the source of the outcomes; the gate cannot learn, and nobody knows how well it predicts.",
    ),
    of_metric(
        "OutcomesUnmatched", "warning", "ml", "gatewatch_gate_outcomes_unmatched_ratio", "gate", "gate", limit=0.3,
        clear=0.2, pending_for=2 * HOUR, keep_firing=HOUR, unit=Unit.SHARE,
        reads="{value} of the newest outcomes belong to no passage, limit {limit}",
        summary="many of the newest outcomes of gate {subject} belong to no passage of a part and have no effect",
        cause="Outcomes name parts that did not pass the gate's step at or before the time of the outcome.",
        action="Compare serial numbers and times of an outcome and its part: 'gatewatch part show SERIAL'.",
    ),
    of_metric(
        "HoldRateHigh", "warning", "operators", "gatewatch_gate_hold_ratio", "gate", "gate", limit=0.5, clear=0.4,
        pending_for=30 * MINUTE, keep_firing=30 * MINUTE, needs=("readings", "part_steps"), unit=Unit.SHARE,
        reads="{value} of the newest {newest} decisions are holds, limit {limit}",
        summary="gate {subject} holds most of the newest parts",
        cause="The gate cannot decide on most of its newest parts: inputs missing or unfamiliar, or intervals too "
        "wide.",
        action="Apply the step's hold procedure; check the hold reasons and the machines upstream.",
    ),
    of_metric(
        "ScrapSurge", "critical", "operators", "gatewatch_gate_scrap_ratio", "gate", "gate", limit=0.1, clear=0.05,
        pending_for=15 * MINUTE, keep_firing=30 * MINUTE, unit=Unit.SHARE,
        reads="{value} of the newest {newest} decisions find scrap, limit {limit}",
        summary="gate {subject} finds many of the newest parts to be scrap",
        cause="Many of the newest parts are predicted to be beyond rework; a process step has probably shifted. "
        "Where so many are usual, set the limit by alerts.change.",
        action="Stop feeding parts into the step; check the last set-up, tool and material change before this gate.",
    ),
)  # fmt: skip
