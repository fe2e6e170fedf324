"""What a report is made of: frozen values, read from the store by `monitor.store.report`. All times are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple


class Stretch(NamedTuple):
    """A stretch of time, open where `end` is None, and what held in it."""

    start: datetime
    end: datetime | None
    what: str = ""


class Breach(NamedTuple):
    """From when to when a detector had its subject in breach: the value and limit it began with, and its causes."""

    detector: str
    method: str
    feature: str
    start: datetime
    end: datetime | None
    value: float | None
    limit: float | None
    causes: tuple[str, ...] = ()


class Bucket(NamedTuple):
    """Some machine windows of a sensor taken together; they begin at `start`."""

    start: datetime
    minimum: float
    mean: float
    maximum: float


@dataclass(frozen=True, slots=True)
class SensorReport:
    """A sensor while its machine ran: samples in buckets `step` long, extremes kept, and how many were missing."""

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
    """A machine: its sensors, when it did not run, and what was found of it as a whole."""

    name: str
    step: str
    sensors: tuple[SensorReport, ...] = ()
    resting: tuple[Stretch, ...] = ()
    breaches: tuple[Breach, ...] = ()


class Evaluation(NamedTuple):
    """One number at one evaluation."""

    at: datetime
    value: float | None
    limit: float | None
    status: str
    causes: tuple[str, ...] = ()


class Trend(NamedTuple):
    """One number of one subject over time, oldest first."""

    detector: str
    method: str
    feature: str
    points: tuple[Evaluation, ...]


class Verdicts(NamedTuple):
    """The parts with one recommendation, and what their outcomes said later; `waiting` have none yet."""

    verdict: str
    parts: int
    in_spec: int
    reworkable: int
    scrap: int
    waiting: int


class Decided(NamedTuple):
    """How often each recommendation was made from `start` on, one bar long."""

    start: datetime
    counts: Mapping[str, int]


class Realised(NamedTuple):
    """Predictions against the outcomes measured from `start` on, one bar long.

    `bias` is the mean of prediction minus outcome, `lowest` and `highest` its extremes, `covered` how many outcomes
    lay inside their intervals.
    """

    start: datetime
    parts: int
    bias: float
    lowest: float
    highest: float
    covered: int


class Force(NamedTuple):
    """A model version that decided, from its first to its last decision in a row."""

    version: str
    start: datetime
    end: datetime
    parts: int


@dataclass(frozen=True, slots=True)
class GateReport:
    """A gate: what it recommended and what came of it, how right its predictions were, and which model it used."""

    name: str
    step: str
    characteristic: str
    unit: str
    bar: timedelta
    coverage: float = 0.9
    verdicts: tuple[Verdicts, ...] = ()
    holds: Mapping[str, int] = field(default_factory=dict)
    decided: tuple[Decided, ...] = ()
    realised: tuple[Realised, ...] = ()
    trends: tuple[Trend, ...] = ()
    slices: tuple[Beyond, ...] = ()
    forces: tuple[Force, ...] = ()


class Beyond(NamedTuple):
    """A feature or a slice above its limit: at how many evaluations, at most how far, at which first and last."""

    detector: str
    method: str
    feature: str
    evaluations: int
    worst: float
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step: how far its data drifted, and the features behind it, worst first."""

    name: str
    line: str
    trends: tuple[Trend, ...] = ()
    features: tuple[Beyond, ...] = ()
    references: tuple[Stretch, ...] = ()


class Episode(NamedTuple):
    """An alert from when it fired to when it was resolved; what was only pending is none."""

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


class Gain(NamedTuple):
    """By how much a challenger's mean error is smaller than the champion's on some parts, with its bounds."""

    parts_of: str
    parts: int
    champion: float
    challenger: float
    gain: float
    low: float
    high: float


class Comparison(NamedTuple):
    """Challenger against champion on parts that neither has seen: on all of them first, then by slice.

    The coverages are the shares of outcomes inside the intervals of each.
    """

    gains: tuple[Gain, ...]
    lots: int
    champion_coverage: float | None
    challenger_coverage: float | None


class Retraining(NamedTuple):
    """A request to retrain a gate's model, what was decided and why, and how champion and challenger compared."""

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


class Sign(NamedTuple):
    """What noticed a fault, and when first."""

    what: str
    at: datetime


class Fault(NamedTuple):
    """The truth of a simulated plant: what was put in, where, from when to when, and what noticed it.

    `subject` is a machine or a step, `sensor` the machine's where the fault is one of a sensor, `step` where either
    stands. `matters_from` is when it passes what the detector meant for it looks at, where that is not its start.
    """

    kind: str
    subject: str
    sensor: str
    step: str
    start: datetime
    end: datetime
    lasting: bool = False
    matters_from: datetime | None = None
    signs: tuple[Sign, ...] = ()
    recommended: Mapping[str, Mapping[str, int]] = {}

    @property
    def where(self) -> str:
        """Its place in words."""
        return f"{self.subject} {self.sensor}".strip()


class Healed(NamedTuple):
    """Mean error of a gate by the truth of a simulated plant: before a concept change, under it, and after it was
    learnt; None where no part was decided then.
    """

    gate: str
    before: float | None
    under: float | None
    healed: float | None


@dataclass(frozen=True, slots=True)
class Intake:
    """What the report rests on: rows by kind and those put aside by reason, failed runs by job, what was sent."""

    rows: Mapping[str, int] = field(default_factory=dict)
    quarantined: Mapping[str, int] = field(default_factory=dict)
    failed_runs: Mapping[str, int] = field(default_factory=dict)
    recommendations: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlantReport:
    """A plant from `start` (inclusive) to `end` (exclusive). `faults` is the truth of a simulated one, else None."""

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
    healed: tuple[Healed, ...] = ()
