"""The values in a report, read from the store by `monitor.store.report`. All times are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from alerting.quality.figures import AlarmQuality
from exporters.report.changes import Changes


class Period(NamedTuple):
    """A period, open if `end` is None, and the state or event it stands for."""

    start: datetime
    end: datetime | None
    what: str = ""


class Breach(NamedTuple):
    """A period in which a detector reported a breach: value and limit at its start, and its causes."""

    detector: str
    method: str
    feature: str
    start: datetime
    end: datetime | None
    value: float | None
    limit: float | None
    causes: tuple[str, ...] = ()


class Bucket(NamedTuple):
    """Consecutive machine windows of a sensor combined, from `start`."""

    start: datetime
    minimum: float
    mean: float
    maximum: float


@dataclass(frozen=True, slots=True)
class SensorReport:
    """A sensor while its machine ran: buckets of length `step`, numbers of rows and missing samples, and breaches."""

    name: str
    unit: str
    low: float | None
    high: float | None
    step: timedelta
    buckets: tuple[Bucket, ...] = ()
    rows: int = 0
    missing: int = 0
    breaches: tuple[Breach, ...] = ()


@dataclass(frozen=True, slots=True)
class MachineReport:
    """A machine: its sensors, periods in which it did not run, and breaches of the machine as a whole."""

    name: str
    step: str
    sensors: tuple[SensorReport, ...] = ()
    not_running: tuple[Period, ...] = ()
    breaches: tuple[Breach, ...] = ()


class Evaluation(NamedTuple):
    """One value at one evaluation."""

    at: datetime
    value: float | None
    limit: float | None
    status: str
    causes: tuple[str, ...] = ()


class Trend(NamedTuple):
    """One value of one subject over time, oldest first."""

    detector: str
    method: str
    feature: str
    points: tuple[Evaluation, ...]


class Verdicts(NamedTuple):
    """Parts with one recommendation, by their later outcome; `waiting` have none yet."""

    verdict: str
    parts: int
    in_spec: int
    reworkable: int
    scrap: int
    waiting: int


class DecisionCounts(NamedTuple):
    """Recommendations by verdict in the bar that begins at `start`."""

    start: datetime
    counts: Mapping[str, int]


class Realised(NamedTuple):
    """Errors of predictions whose outcomes were measured in the bar that begins at `start`.

    `bias` is the mean of prediction minus outcome, `lowest` and `highest` are its extremes, `covered` is the number of
    outcomes inside their intervals.
    """

    start: datetime
    parts: int
    bias: float
    lowest: float
    highest: float
    covered: int


class CalibrationBin(NamedTuple):
    """What predictions claimed and what was observed, in one bin: share `claimed` and share `observed` of its cases.

    Of numbers a bin is a tenth of the predicted distribution, from `low` to `high`, and `parts` are all parts: the same
    share of outcomes should be in each. Of classes it holds the `parts` whose claimed probability of not being good is
    from `low` to `high`. `lower` and `upper` are exact 90 % bounds of the observed share for unrelated parts.
    """

    low: float
    high: float
    parts: int
    claimed: float
    observed: float
    lower: float
    upper: float


class VersionPeriod(NamedTuple):
    """Consecutive decisions by one model version, from first to last."""

    version: str
    start: datetime
    end: datetime
    parts: int


@dataclass(frozen=True, slots=True)
class GateReport:
    """A gate: recommendations and their outcomes, accuracy of predictions, and model versions."""

    name: str
    step: str
    characteristic: str
    unit: str
    bar: timedelta
    coverage: float = 0.9
    verdicts: tuple[Verdicts, ...] = ()
    holds: Mapping[str, int] = field(default_factory=dict)
    decided: tuple[DecisionCounts, ...] = ()
    realised: tuple[Realised, ...] = ()
    trends: tuple[Trend, ...] = ()
    slices: tuple[Exceedance, ...] = ()
    version_periods: tuple[VersionPeriod, ...] = ()
    classes: tuple[tuple[str, str], ...] = ()
    """Of a gate that predicts a class: each class with what it means."""
    calibration: tuple[CalibrationBin, ...] = ()


class Wrong(NamedTuple):
    """Wrong recommendations of one kind; see `inference.policy.savings.Wrong`."""

    known: int = 0
    open: int = 0
    inspected: int = 0
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None


class SavedMonth(NamedTuple):
    """What a gate saved in a month that starts at `month`, as known at `at`; see `inference.policy.savings.Savings`."""

    gate: str
    month: datetime
    at: datetime
    parts: int = 0
    continued: int = 0
    corrections: int = 0
    scrapped: int = 0
    held: int = 0
    stopped: int = 0
    corrected: int = 0
    worked: int = 0
    failed: int = 0
    waiting: int = 0
    unseen: int = 0
    unpriced: int = 0
    uncertain: int = 0
    avoided: float = 0.0
    lower: float = 0.0
    upper: float = 0.0
    false_scraps: Wrong = Wrong()
    escapes: Wrong = Wrong()


class StopAt(NamedTuple):
    """A step, the value of a part that has passed it, and what stopping the parts that failed there would save.

    `parts` came so far, `saved` is for all of them. `gates` stopped `caught` parts there.
    """

    step: str
    value: float
    parts: float
    saved: float
    gates: tuple[str, ...] = ()
    caught: int = 0


class LineMonth(NamedTuple):
    """The value curve of a line in a month, over its steps in order, as known at `at`."""

    line: str
    month: datetime
    at: datetime
    stops: tuple[StopAt, ...]


class Exceedance(NamedTuple):
    """A feature or slice above its limit: number of evaluations, worst ratio to the limit, first and last time."""

    detector: str
    method: str
    feature: str
    evaluations: int
    worst: float
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step: drift of its data, and the drifted features, worst first."""

    name: str
    line: str
    trends: tuple[Trend, ...] = ()
    features: tuple[Exceedance, ...] = ()
    references: tuple[Period, ...] = ()


class Episode(NamedTuple):
    """An alert from firing to resolution, with its likely cause; pending alerts are left out."""

    name: str
    subject: str
    severity: str
    team: str
    line: str
    since: datetime
    ended_at: datetime | None
    summary: str
    value: float | None = None
    limit: float | None = None
    cause: str = ""


class Gain(NamedTuple):
    """Reduction of the mean error from champion to challenger on some parts, with confidence bounds."""

    parts_of: str
    parts: int
    champion: float
    challenger: float
    gain: float
    low: float
    high: float


class Comparison(NamedTuple):
    """Challenger against champion on held-out parts: on all of them first, then by slice.

    The coverages are the shares of outcomes inside the intervals of each.
    """

    gains: tuple[Gain, ...]
    lots: int
    champion_coverage: float | None
    challenger_coverage: float | None


class Retraining(NamedTuple):
    """A request to retrain a gate's model, its result and reason, and the comparison of champion and challenger."""

    gate: str
    cause: str
    requested_at: datetime
    state: str
    reason: str
    decided_at: datetime | None
    finished_at: datetime | None
    champion: str
    challenger: str
    comparison: Comparison | None = None


class VersionRow(NamedTuple):
    """A registered model version."""

    gate: str
    version: str
    trained_at: datetime
    rows: int
    status: str
    metrics: Mapping[str, Any]
    digest: str


class Detection(NamedTuple):
    """What detected a fault, and when first."""

    what: str
    at: datetime


class Fault(NamedTuple):
    """A fault injected into a simulated plant, and what detected it.

    `subject` is a machine or a step, `sensor` the faulty sensor of the machine or '', `step` the step of either.
    `detectable_from` is when it exceeds the limit of the detector meant for it, if that is not its start.
    """

    kind: str
    subject: str
    sensor: str
    step: str
    start: datetime
    end: datetime
    lasting: bool = False
    detectable_from: datetime | None = None
    detections: tuple[Detection, ...] = ()
    recommended: Mapping[str, Mapping[str, int]] = {}

    @property
    def where(self) -> str:
        """Subject and sensor as text."""
        return f"{self.subject} {self.sensor}".strip()


class Recovery(NamedTuple):
    """Mean error of a gate in a simulated plant: before and during a concept change, and with the model retrained on
    it; None without decisions.
    """

    gate: str
    before: float | None
    during: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Intake:
    """The data behind the report: rows by kind, quarantined rows by reason, failed runs by job, and recommendations."""

    rows: Mapping[str, int] = field(default_factory=dict)
    quarantined: Mapping[str, int] = field(default_factory=dict)
    failed_runs: Mapping[str, int] = field(default_factory=dict)
    recommendations: Mapping[str, int] = field(default_factory=dict)


class BuiltStep(NamedTuple):
    """A step of a simulated line: the share of variance that it was found to explain, and that it was built with."""

    step: str
    found: float
    built: float
    matters: bool


class TrueCosts(NamedTuple):
    """What a gate's recommendations cost by the truth of a simulated plant, and what other rules would have cost."""

    gate: str
    parts: int
    costs: tuple[tuple[str, int], ...]
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlantReport:
    """A plant from `start` (inclusive) to `end` (exclusive). `faults` is None if it is not simulated.

    `true_costs` and `built_steps` are known of a simulated plant only.
    """

    site: str
    start: datetime
    end: datetime
    plant_digest: str
    gates: tuple[GateReport, ...] = ()
    machines: tuple[MachineReport, ...] = ()
    steps: tuple[StepReport, ...] = ()
    alerts: tuple[Episode, ...] = ()
    retrainings: tuple[Retraining, ...] = ()
    versions: tuple[VersionRow, ...] = ()
    intake: Intake = field(default_factory=Intake)
    faults: tuple[Fault, ...] | None = None
    recoveries: tuple[Recovery, ...] = ()
    savings: tuple[SavedMonth, ...] = ()
    curves: tuple[LineMonth, ...] = ()
    true_costs: TrueCosts | None = None
    built_steps: tuple[BuiltStep, ...] = ()
    currency: str = ""
    alarms: AlarmQuality = field(default_factory=AlarmQuality)
    changes: Changes = field(default_factory=Changes)
