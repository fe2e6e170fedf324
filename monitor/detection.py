"""The names of detectors and their methods, as findings, metrics and alerts carry them; defined only here.

Which detectors run: `detectors.stream.roster` and `detectors.window.roster`. A new detector may keep its names in its
own file.
"""

from __future__ import annotations

from typing import Final

LIMITS: Final = "limits"
"""A machine's sensors against their operating limits."""
LIMIT: Final = "limit"
DEAD: Final = "dead"
STUCK: Final = "stuck"

ANOMALY: Final = "anomaly"
"""A machine's samples against what is normal for it."""
CONDITION: Final = "condition"
"""By the limit that flags rows."""
CONDITION_ALARM: Final = "condition_alarm"
"""By the limit that calls a person."""
CHANGE: Final = "change"
"""By change points: a step of the sensors' means, whatever the limits say."""
TIME_LEFT: Final = "time_left"
"""By the hours of running until a sensor reaches its operating limit."""
TIME_LEFT_EARLIEST: Final = "time_left_earliest"
TIME_LEFT_LATEST: Final = "time_left_latest"
"""The ends of the interval of `time_left`."""
TIME_LEFT_HOURS: Final = (TIME_LEFT, TIME_LEFT_EARLIEST, TIME_LEFT_LATEST)
"""What is said of the hours until a limit: the likely ones, and the ends of their interval."""
CONTRIBUTION: Final = "contribution"
"""What a sensor contributes to the machine's score."""
CAPABILITY: Final = "capability"
"""How wide a specification is for the outcomes of a gate's parts."""
CAPABILITY_METHODS: Final = {
    (index, bound): index if bound == "value" else f"{index}_{bound}"
    for index in ("cp", "cpk", "pp", "ppk")
    for bound in ("value", "low", "high")
}
"""By index, and whether it is the value or an end of its interval."""
MEASURES: Final = frozenset({TIME_LEFT_EARLIEST, TIME_LEFT_LATEST, CONTRIBUTION, *CAPABILITY_METHODS.values()})
"""Values beside a finding, current only and without a verdict of their own; their metrics are not those of findings."""
NO_STATES: Final = (CHANGE, TIME_LEFT)
"""Methods that say what happened or what will, not what state a machine is in."""
SKILL_REGAINED: Final = 0.1
"""Realised skill above which a breach of `skill` ends; between 0 and this value the status stays as it was."""
UNWATCHED: Final = "unwatched"
"""The rows of a running machine that were compared with nothing."""
EVENTS: Final = "events"
"""A sensor by itself against everything it has shown before."""
EVENT: Final = "event"
WORST_MACHINE: Final = "worst_machine"

DRIFT: Final = "drift"
"""A step's features and predictions against their reference."""
IMAGE_DRIFT: Final = "image_drift"
"""A step's image features against their reference."""
WASSERSTEIN: Final = "wasserstein"
MISSING_RATE: Final = "missing_rate"
CHANGED_RATE: Final = "changed_rate"
CHART: Final = "chart"
"""Control charts of a step's features and predictions."""
OUTCOME_CHART: Final = "outcome_chart"
"""Control charts of what a gate's parts turned out to be, and of the residuals of its predictions."""
OUTCOME: Final = "outcome"
RESIDUAL: Final = "residual"
"""The outcome less the prediction."""
WORST_SLICE: Final = "worst_slice"
"""The highest value / limit of a feature in a machine, recipe or lot alone."""
EXPLAINED_BY_MIX: Final = "explained_by_mix"
"""The share of a feature's drift that a changed mix of recipes or machines explains."""
PREDICTION: Final = "prediction"
"""The feature name of the gate model's predictions."""
EMBEDDING: Final = "embedding"
"""What the names of features begin with that say where a gate's pictures lie among those its model was trained on."""

PERFORMANCE: Final = "performance"
"""A gate's predictions against the outcomes."""
MAE: Final = "mae"
LOG_LOSS: Final = "log_loss"
"""In place of `mae` where a gate predicts a class."""
BIAS: Final = "bias"
MISCOVERAGE: Final = "miscoverage"
SKILL: Final = "skill"

ESTIMATE: Final = "estimate"
"""A gate's predictions before their outcomes: what its error and coverage will be."""
ESTIMATED_ERROR: Final = "estimated_error"
ESTIMATED_COVERAGE: Final = "estimated_coverage"
ESTIMATE_LIGHT: Final = "estimate_light"
"""Whether the estimates can be believed: 0 green, 1 amber (cannot say), 2 red (an assumption is broken)."""

WORST_RATIO: Final = "worst_ratio"
"""The highest value / limit of a subject as a whole."""

RECONCILIATION: Final = "reconciliation"
"""A source's rows against the store's."""
HOURLY_COUNT: Final = "hourly_count"
"""Rows that the source has and the store has not."""
VANISHED: Final = "vanished"
"""Rows that the store has and the source has no longer."""
CHANGED: Final = "changed"
"""Rows that were changed in place, later than a pull looks back."""

CAUSE: Final = "cause"
"""What several findings have in common; the method is the kind of cause."""
