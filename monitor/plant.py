"""The plant file as values: what is checked of each key alone, and of keys against each other.

Reading, overriding, expanding and reporting with line numbers is `plant_file.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from monitor.model import MachineState, ReworkBand, Spec

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(value: object) -> timedelta:
    """`90s`, `5m`, `1h30m`, `2d` as a timedelta; ValueError for anything else, a bare number included."""
    text = str(value)
    if isinstance(value, timedelta):
        return value
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        raise ValueError("expected a duration such as 30s, 5m, 1h30m or 2d")
    return timedelta(seconds=sum(float(n) * _UNITS[u] for n, u in re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)))


def _aware(value: object) -> object:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("expected a time with an offset, such as 2026-01-01T00:00:00Z")
        return value.astimezone(UTC)
    raise ValueError("expected a time with an offset, such as 2026-01-01T00:00:00Z")


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected an IANA time zone such as Europe/Berlin or UTC") from None
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", value):
        raise ValueError("expected a name of 1 to 63 letters, digits, '_', '-' or '.'")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Instant = Annotated[datetime, BeforeValidator(_aware)]
Zone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, AfterValidator(_name)]
OnHold = Literal["wait", "inspect", "plant_procedure"]


class Strict(BaseModel):
    """A part of the plant file: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Sensor(Strict):
    """A machine variable with its operating limits."""

    unit: str = ""
    low: float | None = Field(None, description="Lower operating limit.")
    high: float | None = Field(None, description="Upper operating limit.")

    @model_validator(mode="after")
    def _ordered(self) -> Sensor:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("expected low below high")
        return self


class Machine(Strict):
    """A work unit at a step."""

    step: str
    sensors: dict[Name, Sensor] = {}


class Step(Strict):
    """An operation of a line."""

    line: Name
    on_hold: OnHold = Field("plant_procedure", description="What the plant does with a part when the gate holds.")


class SpecEntry(Strict):
    """The specification from an instant on, until the next entry."""

    since: Instant
    lower: float | None = None
    target: float | None = None
    upper: float | None = None

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

    unit: str = ""
    specs: list[SpecEntry] = Field(min_length=1)

    def spec_at(self, at: datetime) -> Spec | None:
        """The specification in force at `at`; None before the first."""
        known = [s for s in self.specs if s.since <= at]
        if not known:
            return None
        last = max(known, key=lambda s: s.since)
        return Spec(last.lower, last.upper, last.target, self.unit)


class Rework(Strict):
    """How far beyond each spec limit a part can still be corrected at this gate's step."""

    below: float = Field(0.0, ge=0)
    above: float = Field(0.0, ge=0)


class Training(Strict):
    """When and how the gate's first model is trained."""

    every: Duration = Field(timedelta(minutes=10), description="How often to look whether a model can be trained.")
    min_outcomes: int = Field(200, ge=40, description="Parts with an outcome needed before a model is trained.")
    takes: Duration = Field(timedelta(minutes=20), description="Simulated time that training takes under replay.")
    max_rows: int = Field(20000, ge=40, description="Newest parts used, at most.")
    epochs: int = Field(400, ge=1)
    seed: int = 1


class GateConfig(Strict):
    """The check at a step: which model, on which inputs, against which characteristic."""

    step: str
    characteristic: str
    model: Name = Field(description="Registered model name.")
    profile: list[str] = Field(
        min_length=4, description="The measured profile, features of the gate's step or of earlier ones."
    )
    covariates: list[str] = Field([], description="Further inputs, as step.feature or feature of the gate's step.")
    coverage: float = Field(0.9, gt=0.5, lt=1, description="Coverage of the prediction interval.")
    rework: Rework = Rework()
    timeout: Duration = timedelta(seconds=5)
    training: Training = Training()

    def inputs(self) -> tuple[str, ...]:
        """Every input as step.feature, profile first."""
        return tuple(f if "." in f else f"{self.step}.{f}" for f in (*self.profile, *self.covariates))

    def rework_band(self) -> ReworkBand:
        """The rework band as a value."""
        return ReworkBand(self.rework.below, self.rework.above)


class TimeColumn(Strict):
    """Where a time stands and how it is written."""

    column: str
    zone: Zone | None = Field(None, description="IANA zone of naive times; required where times are naive.")
    epoch: Literal["s", "ms", "us", "ns"] | None = Field(
        None, description="Set where times are numbers since 1970 UTC."
    )


class CodeColumn(Strict):
    """Where a word stands, and how the source's codes map to ours."""

    column: str
    codes: dict[str, str] = Field({}, description="Source code to our name; a code not listed stands for itself.")


class ImageShape(Strict):
    """An 8-bit grey image stored row by row as bytes; features <name>_mean, _std and _gradient are made of it."""

    width: int = Field(ge=2, le=4096)
    height: int = Field(ge=2, le=4096)


class ValueColumn(Strict):
    """Where a number stands, its unit conversion (value * scale + offset) and the codes that mean missing."""

    column: str
    scale: float = 1.0
    offset: float = 0.0
    missing: list[float | str] = []
    unit: str = ""
    image: ImageShape | None = None


def _time_column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


TimeCol = Annotated[TimeColumn, BeforeValidator(_time_column)]
CodeCol = Annotated[CodeColumn, BeforeValidator(_time_column)]
ValueCol = Annotated[ValueColumn, BeforeValidator(_time_column)]


class SourceBase(Strict):
    """What every source has."""

    url: str = Field(description="SQLAlchemy URL; ${NAME} reads the environment, ${file:PATH} a file.")
    table: str
    table_schema: str | None = None
    at: TimeCol = Field(description="When it happened.")
    available_at: TimeCol | None = Field(None, description="When the row could be known.")
    delay: Duration = Field(timedelta(0), description="Declared delay where there is no available_at column.")
    late_by: Duration = Field(timedelta(0), description="How far back rows may still arrive; re-read at every pull.")
    every: Duration = timedelta(minutes=1)
    timeout: Duration = Field(timedelta(seconds=10), description="Connect and statement time-out.")
    partitions: dict[Name, list[str]] = Field(
        {}, description="Machines (or steps, for part steps) pulled under a cursor of their own."
    )


class PartSource(SourceBase):
    """Part steps: one row for each passage of a part through a step."""

    kind: Literal["part_steps"]
    serial: str
    step: CodeCol
    visit: str | None = Field(None, description="Column counting passages; without it another time is another visit.")
    machine: CodeCol | None = None
    recipe: str | None = None
    lot: str | None = None
    values: dict[str, ValueCol] = {}


class ReadingSource(SourceBase):
    """Machine readings: wide (`values` names the columns) or long (`sensor` and `value` name them)."""

    kind: Literal["readings"]
    machine: CodeCol
    recipe: str | None = None
    values: dict[str, ValueCol] = Field({}, description="Wide layout: sensor to column.")
    sensor: CodeCol | None = Field(None, description="Long layout: the column that names the sensor.")
    value: ValueCol | None = Field(None, description="Long layout: the column that holds the number.")

    @model_validator(mode="after")
    def _one_layout(self) -> ReadingSource:
        if bool(self.values) == (self.sensor is not None and self.value is not None):
            raise ValueError("expected either values (wide layout) or sensor and value (long layout)")
        return self


class StateSource(SourceBase):
    """Machine states: one row for each change."""

    kind: Literal["machine_states"]
    machine: CodeCol
    state: CodeCol


class OutcomeSource(SourceBase):
    """Outcomes: the measured truth of a part, often days later."""

    kind: Literal["outcomes"]
    serial: str
    characteristic: str = Field(description="Which characteristic of this file the value belongs to.")
    value: ValueCol


class DispositionSource(SourceBase):
    """Dispositions: what people did with a part."""

    kind: Literal["dispositions"]
    serial: str
    step: CodeCol | None = None
    disposition: CodeCol


Source = Annotated[
    PartSource | ReadingSource | StateSource | OutcomeSource | DispositionSource, Field(discriminator="kind")
]

WRITE_BACK_FIELDS = (
    "site", "serial", "step", "visit", "revision", "recommendation", "confidence", "reason", "on_hold",
    "model_version", "predicted", "lower", "upper", "decided_at",
)  # fmt: skip


class WriteBack(Strict):
    """Where recommendations go: an upsert into a table of the MES under a unique key."""

    url: str
    table: str
    table_schema: str | None = None
    columns: dict[str, str] = Field(description="Our field to their column; the key fields are needed.")
    every: Duration = timedelta(seconds=10)
    timeout: Duration = timedelta(seconds=10)
    attempts: int = Field(8, ge=1, description="Tries before a recommendation becomes a dead letter.")
    backoff: Duration = Field(
        timedelta(seconds=10), description="Wait after the first failure; doubles to at most 1 h."
    )
    time_zone: Zone = Field("UTC", description="Zone in which decided_at is written, as naive time.")

    @model_validator(mode="after")
    def _fields(self) -> WriteBack:
        unknown = sorted(set(self.columns) - set(WRITE_BACK_FIELDS))
        if unknown:
            raise ValueError(f"unknown field {', '.join(unknown)} in columns; allowed: {', '.join(WRITE_BACK_FIELDS)}")
        needed = [f for f in ("site", "serial", "step", "visit", "revision", "recommendation") if f not in self.columns]
        if needed:
            raise ValueError(f"columns lacks {', '.join(needed)}")
        return self


class Retention(Strict):
    """How long the rows of each table are kept; None keeps them for good."""

    readings: Duration | None = timedelta(days=30)
    windows: Duration | None = timedelta(days=400)
    findings: Duration | None = timedelta(days=400)
    parts: Duration | None = None
    decisions: Duration | None = None
    outcomes: Duration | None = None
    quarantine: Duration | None = timedelta(days=90)
    job_runs: Duration | None = timedelta(days=30)
    outbox: Duration | None = Field(timedelta(days=90), description="Sent rows only; pending and dead ones are kept.")


class StoreConfig(Strict):
    """Gatewatch's own database."""

    url: str = "sqlite:///gatewatch.db"
    lease: Duration = Field(
        timedelta(seconds=30), description="How long a job is another process's after its last sign of life."
    )
    batch_rows: int = Field(1000, ge=1, le=100000)
    snapshot_rows: int = Field(5000, ge=1, description="Rows of one machine between two saved detector states.")
    window: Duration = Field(timedelta(minutes=5), description="Length of the machine windows.")
    retention: Retention = Retention()


class MlflowConfig(Strict):
    """Where models are tracked and registered, and where versions are cached."""

    tracking_uri: str = "sqlite:///mlflow.db"
    artifacts: str | None = Field("mlartifacts", description="Folder for artifacts where no server keeps them.")
    experiment: str = "gatewatch"
    cache: str = Field("models", description="Folder of verified model versions; deciding needs only this.")


class ServerConfig(Strict):
    """The one HTTP server."""

    host: str = "127.0.0.1"
    port: int = Field(9464, ge=0, le=65535)


class Jobs(Strict):
    """Intervals of the jobs that belong to no source."""

    reconcile: Duration = timedelta(hours=1)
    prune: Duration = timedelta(days=1)
    deadline: Duration = Field(timedelta(minutes=10), description="A run longer than this is counted as overdue.")


class DetectorConfig(Strict):
    """Parameters of the default detectors; one set for every machine."""

    limit_rows: int = Field(
        3, ge=1, description="Consecutive samples outside (inside) a limit that start (end) a breach."
    )
    dead_rows: int = Field(10, ge=2, description="Consecutive missing samples after which a sensor is dead.")
    stuck_rows: int = Field(40, ge=3, description="Consecutive equal samples after which a sensor is stuck.")
    warmup_rows: int = Field(1000, ge=100, description="Running samples used to set the limit of the anomaly score.")
    seed: int = 7


class Plant(Strict):
    """One plant: its sources, machines, steps, gates and where everything goes."""

    version: Literal[1]
    site: Name
    clock_skew: Duration = Field(
        timedelta(minutes=5), description="A row further ahead of the clock than this is quarantined."
    )
    store: StoreConfig = StoreConfig()
    mlflow: MlflowConfig = MlflowConfig()
    server: ServerConfig = ServerConfig()
    jobs: Jobs = Jobs()
    detectors: DetectorConfig = DetectorConfig()
    steps: dict[Name, Step] = Field(min_length=1)
    machines: dict[Name, Machine] = {}
    characteristics: dict[Name, Characteristic] = {}
    gates: dict[Name, GateConfig] = {}
    sources: dict[Name, Source] = Field(min_length=1)
    write_back: WriteBack | None = None

    def cross_check(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Every contradiction between keys, as (path of keys, sentence)."""
        return list(_contradictions(self))

    def sensor_names(self, machine: str) -> tuple[str, ...]:
        """The sensors of a machine, in the file's order."""
        return tuple(self.machines[machine].sensors)


def _among(what: str, value: str, allowed: Mapping[str, Any]) -> str:
    return f"unknown {what} {value!r}; allowed: {', '.join(allowed) or 'none'}"


def _contradictions(plant: Plant) -> Any:
    for name, machine in plant.machines.items():
        if machine.step not in plant.steps:
            yield ("machines", name, "step"), _among("step", machine.step, plant.steps)
    features = _features_by_step(plant)
    for name, gate in plant.gates.items():
        if gate.step not in plant.steps:
            yield ("gates", name, "step"), _among("step", gate.step, plant.steps)
        if gate.characteristic not in plant.characteristics:
            yield (
                ("gates", name, "characteristic"),
                _among("characteristic", gate.characteristic, plant.characteristics),
            )
        for key in ("profile", "covariates"):
            for i, feature in enumerate(getattr(gate, key)):
                full = feature if "." in feature else f"{gate.step}.{feature}"
                step, _, wanted = full.partition(".")
                if step not in plant.steps or wanted not in features:
                    yield ("gates", name, key, i), _among("feature", full, dict.fromkeys(sorted(features)))
    for a, b in _same_step(plant):
        yield ("gates", b, "step"), f"gate {a!r} already checks this step; one gate a step"
    for name, source in plant.sources.items():
        yield from _source_contradictions(plant, name, source)


def _same_step(plant: Plant) -> Any:
    seen: dict[str, str] = {}
    for name, gate in plant.gates.items():
        if gate.step in seen:
            yield seen[gate.step], name
        seen.setdefault(gate.step, name)


def _features_by_step(plant: Plant) -> set[str]:
    found: set[str] = set()
    for source in plant.sources.values():
        if isinstance(source, PartSource):
            found |= {feature for name, v in source.values.items() for feature in feature_names(name, v)}
    return found


def feature_names(name: str, column: ValueColumn) -> tuple[str, ...]:
    """The features one value column makes: itself, or the three statistics of an image."""
    return (f"{name}_mean", f"{name}_std", f"{name}_gradient") if column.image else (name,)


def _source_contradictions(plant: Plant, name: str, source: Any) -> Any:
    if isinstance(source, OutcomeSource) and source.characteristic not in plant.characteristics:
        yield (
            ("sources", name, "characteristic"),
            _among("characteristic", source.characteristic, plant.characteristics),
        )
    sensors = {s for m in plant.machines.values() for s in m.sensors}
    if isinstance(source, ReadingSource):
        for sensor in source.values:
            if sensor not in sensors:
                yield ("sources", name, "values", sensor), _among("sensor", sensor, dict.fromkeys(sorted(sensors)))
    if isinstance(source, StateSource):
        allowed = {s.value: None for s in MachineState}
        for code, state in source.state.codes.items():
            if state not in allowed:
                yield ("sources", name, "state", "codes", code), _among("state", state, allowed)
    members = plant.steps if isinstance(source, PartSource) else plant.machines
    what = "step" if isinstance(source, PartSource) else "machine"
    if source.partitions and isinstance(source, OutcomeSource | DispositionSource):
        yield ("sources", name, "partitions"), "partitions are for part_steps, readings and machine_states"
        return
    listed: set[str] = set()
    for partition, names in source.partitions.items():
        for i, member in enumerate(names):
            if member not in members:
                yield ("sources", name, "partitions", partition, i), _among(what, member, members)
            if member in listed:
                yield ("sources", name, "partitions", partition, i), f"{what} {member!r} is in two partitions"
            listed.add(member)
