"""Alerts on check gates: out of service, too many holds, too much scrap."""

from __future__ import annotations

from alerting.specs.spec import HOUR, MINUTE, AlertSpec, of_metric

ALERTS: tuple[AlertSpec, ...] = (
    of_metric(
        "GateOutOfService", "critical", "ml", "gatewatch_gate_out_of_service", "gate", "gate", pending_for=HOUR,
        summary="gate {subject} holds every part: it has no verified model with skill",
        cause="No model is in force, its package fails verification, or it has no skill over the naive baseline.",
        action="Run 'gatewatch model list'; train with 'gatewatch model train GATE', or check the model cache folder.",
    ),
    of_metric(
        "HoldRateHigh", "warning", "operators", "gatewatch_gate_hold_ratio", "gate", "gate", limit=0.5, clear=0.4,
        pending_for=30 * MINUTE, keep_firing=30 * MINUTE,
        summary="gate {subject} holds most of the newest parts",
        cause="The gate cannot decide on most of its newest parts: inputs missing or unfamiliar, or intervals too "
        "wide.",
        action="Apply the step's hold procedure; check the hold reasons and the machines upstream.",
    ),
    of_metric(
        "ScrapSurge", "critical", "operators", "gatewatch_gate_scrap_ratio", "gate", "gate", limit=0.1, clear=0.05,
        pending_for=15 * MINUTE, keep_firing=30 * MINUTE,
        summary="gate {subject} recommends scrap for many of the newest parts",
        cause="Far more parts than usual are predicted to be beyond rework; a process step has probably shifted.",
        action="Stop feeding parts into the step; check the last set-up, tool and material change before this gate.",
    ),
)  # fmt: skip
