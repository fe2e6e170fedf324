"""Alerts on what models are fed and how well they predict: drift, control charts and performance."""

from __future__ import annotations

from alerting.specs.spec import DAY, HOUR, MINUTE, TIMES_ITS_LIMIT, AlertSpec, Unit, finding, of_drift
from monitor.detection import (
    CHART,
    DRIFT,
    ESTIMATE,
    ESTIMATED_ERROR,
    IMAGE_DRIFT,
    OUTCOME,
    OUTCOME_CHART,
    PERFORMANCE,
    SKILL,
    WORST_RATIO,
)

ALERTS: tuple[AlertSpec, ...] = (
    of_drift(
        "DataDrift", DRIFT,
        summary="measurements at step {subject} have drifted from the reference",
        cause="Features of the step, or its gate's predictions, are distributed differently from the frozen reference.",
        action="Look at the named features in the drift report; if the change is intended, freeze a new reference.",
    ),
    of_drift(
        "ImageDrift", IMAGE_DRIFT,
        summary="images at step {subject} have drifted from the reference",
        cause="The pictures differ from the frozen reference, often because of lighting, lens or camera.",
        action="Check camera, lens and lighting of the step; clean or adjust them, then compare again.",
    ),
    of_drift(
        "ProcessShifted", CHART,
        summary="the process at step {subject} has shifted",
        cause="By a control chart, a characteristic of the step or its gate's prediction has left what it was in the "
        "frozen reference.",
        action="Find what changed at that time: tool, material, setting, gauge; if it is intended, freeze a new "
        "reference.",
    ),
    AlertSpec(
        "OutcomeShifted", "warning", "engineers", *finding(OUTCOME_CHART, "breach", feature=OUTCOME), "subject", "gate",
        limit=0.5, clear=0.5, pending_for=30 * MINUTE, keep_firing=HOUR,
        summary="what the parts of gate {subject} turn out to be has shifted",
        cause="By a control chart, the outcomes of the newest parts have left what they were when the model in force "
        "was trained.",
        action="Find what changed in the process, or in the measurement of the outcome, at that time.",
    ),
    AlertSpec(
        "ModelDegraded", "warning", "ml", *finding(PERFORMANCE, feature="", method=WORST_RATIO), "subject", "gate",
        limit=1.0, clear=0.9, pending_for=30 * MINUTE, keep_firing=HOUR, unit=Unit.NUMBER, reads=TIMES_ITS_LIMIT,
        summary="the model of gate {subject} predicts worse than when it was trained",
        cause="Error, bias or miscoverage over the newest parts with an outcome exceeds its limit.",
        action="Find the measure and the slice in the performance findings; retraining is requested automatically.",
        absent_after=3 * DAY,
        absent="the accuracy of the model of gate {subject} is unknown: too few predicted parts have an outcome",
    ),
    AlertSpec(
        "ModelWithoutSkill", "warning", "ml", *finding(PERFORMANCE, "breach", feature="", method=SKILL), "subject",
        "gate", limit=0.5, clear=0.5, pending_for=30 * MINUTE, keep_firing=HOUR,
        summary="the model of gate {subject} is no better than a forecast from recent outcomes",
        cause="Over the newest parts the model's error is not below that of the naive baseline.",
        action="Look for inputs that changed or went missing, then retrain; the gate holds until skill returns.",
    ),
    AlertSpec(
        "EstimatedErrorHigh", "warning", "ml", *finding(ESTIMATE, "breach", feature="", method=ESTIMATED_ERROR),
        "subject", "gate", limit=0.5, clear=0.5, pending_for=30 * MINUTE, keep_firing=HOUR,
        summary="the error of gate {subject} will exceed its limit on parts that wait for their outcome",
        cause="The estimated error of the newest parts is above the limit of the realised one, and its light is green.",
        action="Look at what the newest parts have in common; do not wait for outcomes to be careful with the gate.",
    ),
)  # fmt: skip
