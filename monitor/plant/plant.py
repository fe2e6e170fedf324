"""The plant file as values: what is checked of each key alone, and of keys against each other.

Reading, overriding, expanding and reporting with line numbers is `plant_file.py`; kinds of value are in
`plant_types.py`, sources in `plant_sources.py`, contradictions between keys in `plant_checks.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from monitor.model import ReworkBand, Spec
from monitor.plant.file.contradictions import contradictions, feature_names, image_features
from monitor.plant.sources import (
    WRITE_BACK_FIELDS,
    CodeCol,
    CodeColumn,
    DispositionSource,
    ImageShape,
    OutcomeSource,
    PartSource,
    ReadingSource,
    Source,
    SourceBase,
    StateSource,
    TimeCol,
    TimeColumn,
    ValueCol,
    ValueColumn,
    WriteBack,
)
from monitor.plant.types import (
    DatabaseUrl,
    Duration,
    Instant,
    Name,
    OnHold,
    PositiveDuration,
    Strict,
    Text,
    TrackingUri,
    Zone,
    parse_duration,
)
from monitor.plant.watching import (
    AlertOverride,
    AlertsConfig,
    DriftConfig,
    NotifyConfig,
    PerformanceConfig,
    Profile,
    RetrainingConfig,
)

__all__ = [
    "WRITE_BACK_FIELDS",
    "AlertOverride",
    "Characteristic",
    "CodeCol",
    "CodeColumn",
    "DetectorConfig",
    "DispositionSource",
    "Duration",
    "GateConfig",
    "ImageShape",
    "Instant",
    "Jobs",
    "Machine",
    "MlflowConfig",
    "Name",
    "OnHold",
    "OutcomeSource",
    "PartSource",
    "Plant",
    "ReadingSource",
    "Retention",
    "Rework",
    "Sensor",
    "ServerConfig",
    "Source",
    "SourceBase",
    "SpecEntry",
    "StateSource",
    "Step",
    "StoreConfig",
    "Strict",
    "TimeCol",
    "TimeColumn",
    "Training",
    "ValueCol",
    "ValueColumn",
    "WriteBack",
    "Zone",
    "feature_names",
    "image_features",
    "parse_duration",
]


class Sensor(Strict):
    """A machine variable with its operating limits."""

    unit: str = Field("", description="Unit of the readings and the limits.")
    low: float | None = Field(None, description="Lower operating limit.")
    high: float | None = Field(None, description="Upper operating limit.")

    @model_validator(mode="after")
    def _ordered(self) -> Sensor:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("expected low below high")
        return self


class Machine(Strict):
    """A work unit at a step."""

    step: str = Field(description="The step it works at.")
    sensors: dict[Name, Sensor] = Field({}, description="Its sensors by name.")


class Step(Strict):
    """An operation of a line."""

    line: Name = Field(description="The line it belongs to.")
    on_hold: OnHold = Field("plant_procedure", description="What the plant does with a part when the gate holds.")


class SpecEntry(Strict):
    """The specification from an instant on, until the next entry."""

    since: Instant = Field(description="From when on it holds.")
    lower: float | None = Field(None, description="Lower specification limit, inclusive.")
    target: float | None = Field(None, description="The value aimed at.")
    upper: float | None = Field(None, description="Upper specification limit, inclusive.")

    @model_validator(mode="after")
    def _ordered(self) -> SpecEntry:
        if self.lower is None and self.upper is None:
            raise ValueError("expected lower, upper or both")
        known = [v for v in (self.lower, self.target, self.upper) if v is not None]
        if known != sorted(known) or len(set(known)) != len(known):
            raise ValueError("expected lower < target < upper")
        return self


class Characteristic(Strict):
    """A measured property of the product, with its effective-dated specification."""

    unit: str = Field("", description="Unit of the value and its limits.")
    specs: list[SpecEntry] = Field(min_length=1, description="Specifications by the instant from which they hold.")

    @field_validator("specs")
    @classmethod
    def _one_at_a_time(cls, specs: list[SpecEntry]) -> list[SpecEntry]:
        instants = [spec.since for spec in specs]
        twice = sorted({at for at in instants if instants.count(at) > 1})
        if twice:
            raise ValueError(f"two entries hold since {twice[0].isoformat()!r}")
        return specs

    def spec_at(self, at: datetime) -> Spec | None:
        """The specification in force at `at`; None before the first."""
        known = [s for s in self.specs if s.since <= at]
        if not known:
            return None
        last = max(known, key=lambda s: s.since)
        return Spec(last.lower, last.upper, last.target, self.unit)


class Rework(Strict):
    """How far beyond each spec limit a part can still be corrected at this gate's step."""

    below: float = Field(0.0, ge=0, description="Below the lower limit, in the characteristic's unit.")
    above: float = Field(0.0, ge=0, description="Above the upper limit, in the characteristic's unit.")


class Training(Strict):
    """When and how the gate's first model is trained."""

    every: PositiveDuration = Field(
        timedelta(minutes=10), description="How often to look whether a model can be trained."
    )
    min_outcomes: int = Field(200, ge=40, description="Parts with an outcome needed before a model is trained.")
    takes: Duration = Field(timedelta(minutes=20), description="Simulated time that training takes under replay.")
    max_rows: int = Field(20000, ge=40, description="Newest parts used, at most.")
    epochs: int = Field(400, ge=1, description="Passes over the training rows.")
    seed: int = Field(1, ge=0, le=2**32 - 1, description="Seed of everything random in training.")


class GateConfig(Strict):
    """The check at a step: which model, on which inputs, against which characteristic."""

    step: str = Field(description="The step it checks.")
    characteristic: str = Field(description="The characteristic it predicts.")
    model: Name = Field(description="Registered model name.")
    profile: list[str] = Field(
        min_length=4, description="The measured profile, features of the gate's step or of earlier ones."
    )
    profile_kind: Literal["line", "vector"] = Field(
        "line",
        description="line: points of one line in one unit, whose offset and tilt are split off; vector: unlike values.",
    )
    covariates: list[str] = Field([], description="Further inputs, as step.feature or feature of the gate's step.")
    max_missing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the inputs that a part may lack; a model trained with it fills them by its medians.",
    )
    coverage: float = Field(0.9, gt=0.5, lt=1, description="Coverage of the prediction interval.")
    rework: Rework = Field(Rework(), description="How far outside the specification a part can be corrected.")
    since: Instant | None = Field(
        None, description="Parts that passed the step earlier are history: kept and learnt from, not decided on."
    )
    timeout: PositiveDuration = Field(timedelta(seconds=5), description="A batch that takes longer is held.")
    training: Training = Field(Training(), description="When and how its first model is trained.")
    retraining: RetrainingConfig = Field(RetrainingConfig(), description="When a challenger is trained and used.")

    def inputs(self) -> tuple[str, ...]:
        """Every input as step.feature, profile first."""
        return tuple(f if "." in f else f"{self.step}.{f}" for f in (*self.profile, *self.covariates))

    def rework_band(self) -> ReworkBand:
        """The rework band as a value."""
        return ReworkBand(self.rework.below, self.rework.above)


class Retention(Strict):
    """How long the rows of each table are kept; an empty value keeps them for good."""

    readings: PositiveDuration | None = Field(timedelta(days=30), description="Machine readings.")
    windows: PositiveDuration | None = Field(timedelta(days=400), description="Machine windows.")
    findings: PositiveDuration | None = Field(timedelta(days=400), description="Findings of detectors.")
    trends: PositiveDuration | None = Field(
        timedelta(days=400), description="Drift and performance at each evaluation, of which findings have the changes."
    )
    parts: PositiveDuration | None = Field(None, description="Part steps.")
    decisions: PositiveDuration | None = Field(None, description="Decisions of gates.")
    outcomes: PositiveDuration | None = Field(None, description="Outcomes and dispositions.")
    quarantine: PositiveDuration | None = Field(timedelta(days=90), description="Rows that could not be read.")
    job_runs: PositiveDuration | None = Field(timedelta(days=30), description="Runs of jobs.")
    outbox: PositiveDuration | None = Field(
        timedelta(days=90), description="Sent rows only; pending and dead ones are kept."
    )


class StoreConfig(Strict):
    """Gatewatch's own database."""

    url: DatabaseUrl = Field("sqlite:///gatewatch.db", description="Where it is; see sources for ${...}.")
    lease: PositiveDuration = Field(
        timedelta(seconds=30), description="How long a job is another process's after its last sign of life."
    )
    batch_rows: int = Field(1000, ge=1, le=100000, description="Rows of a source read and committed at once.")
    snapshot_rows: int = Field(5000, ge=1, description="Rows of one machine between two saved detector states.")
    window: PositiveDuration = Field(timedelta(minutes=5), description="Length of the machine windows.")
    retention: Retention = Field(Retention(), description="How long rows are kept.")


class MlflowConfig(Strict):
    """Where models are tracked and registered, and where versions are cached."""

    tracking_uri: TrackingUri = Field("sqlite:///mlflow.db", description="The MLflow tracking and registry URI.")
    artifacts: Text | None = Field("mlartifacts", description="Folder for artifacts where no server keeps them.")
    experiment: Text = Field("gatewatch", description="Name of the MLflow experiment.")
    cache: Text = Field("models", description="Folder of verified model versions; deciding needs only this.")


class ServerConfig(Strict):
    """The one HTTP server."""

    host: Text = Field("127.0.0.1", description="Address it listens on.")
    port: int = Field(9464, ge=0, le=65535, description="Port it listens on; 0 takes a free one.")


class Jobs(Strict):
    """Intervals of the jobs that belong to no source."""

    reconcile: PositiveDuration = Field(
        timedelta(hours=1), description="How often row counts of source and store are compared."
    )
    prune: PositiveDuration = Field(timedelta(days=1), description="How often rows past their retention are deleted.")
    retraining: PositiveDuration = Field(
        timedelta(minutes=10), description="How often firing alerts and waiting requests to retrain are looked at."
    )
    deadline: PositiveDuration = Field(
        timedelta(minutes=10), description="A run longer than this is counted as overdue."
    )


class DetectorConfig(Strict):
    """Parameters of the default detectors; one set for every machine."""

    limit_rows: int = Field(
        3, ge=1, description="Consecutive samples outside (inside) a limit that start (end) a breach."
    )
    dead_rows: int = Field(10, ge=2, description="Consecutive missing samples after which a sensor is dead.")
    stuck_rows: int = Field(40, ge=3, description="Consecutive equal samples after which a sensor is stuck.")
    warmup_rows: int = Field(1000, ge=100, description="Running samples used to set the limit of the anomaly score.")
    settle_rows: int = Field(
        10, ge=0, description="Running samples after a start or changeover that the anomaly score leaves out."
    )
    seed: int = Field(7, ge=0, le=2**32 - 1, description="Seed of everything random in the detectors.")


class Plant(Strict):
    """One plant: its sources, machines, steps, gates and where everything goes."""

    version: Literal[1] = Field(description="Version of this format.")
    profile: Profile = Field(
        "embedded", description="Who evaluates the alerts: Gatewatch itself, or Prometheus with Alertmanager (stack)."
    )
    site: Name = Field(description="Name of the site; part of every key sent to the MES.")
    clock_skew: Duration = Field(
        timedelta(minutes=5), description="A row further ahead of the clock than this is quarantined."
    )
    store: StoreConfig = Field(StoreConfig(), description="Gatewatch's own database.")
    mlflow: MlflowConfig = Field(MlflowConfig(), description="Where models are kept.")
    server: ServerConfig = Field(ServerConfig(), description="The one HTTP server.")
    jobs: Jobs = Field(Jobs(), description="Intervals of the jobs that belong to no source.")
    detectors: DetectorConfig = Field(DetectorConfig(), description="Parameters of the default detectors.")
    drift: DriftConfig = Field(DriftConfig(), description="Drift of the steps.")
    performance: PerformanceConfig = Field(PerformanceConfig(), description="Performance of the gates.")
    alerts: AlertsConfig = Field(AlertsConfig(), description="Evaluation of the alerts.")
    notify: NotifyConfig = Field(NotifyConfig(), description="Who is told.")
    steps: dict[Name, Step] = Field(min_length=1, description="Operations by name.")
    machines: dict[Name, Machine] = Field({}, description="Work units by name.")
    characteristics: dict[Name, Characteristic] = Field({}, description="Measured properties of the product by name.")
    gates: dict[Name, GateConfig] = Field({}, description="Checks by name, one a step at most.")
    sources: dict[Name, Source] = Field(min_length=1, description="Tables that are read, by name.")
    write_back: WriteBack | None = Field(None, description="Where recommendations go; without it nothing is sent.")

    def cross_check(self, unsure: Collection[str] = ()) -> list[tuple[tuple[str | int, ...], str]]:
        """Every contradiction between keys, as (path of keys, sentence).

        `unsure` names top-level keys that are not known whole; what refers to them is not judged.
        """
        return [(path, sentence) for path, sentence, section in contradictions(self) if section not in unsure]

    def sensor_names(self, machine: str) -> tuple[str, ...]:
        """The sensors of a machine, in the file's order."""
        return tuple(self.machines[machine].sensors)
