"""The top level of the plant file; the other modules here define its sections. Each key is validated by itself.

Contradictions between keys are detected when the file is read (`file.contradictions`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, field_validator

from monitor.model import ClassSpec, Spec
from monitor.plant.calendar import Maintenance, Shift
from monitor.plant.gates import GateConfig
from monitor.plant.line import Characteristic, Machine, Step
from monitor.plant.running import (
    DetectorConfig,
    Jobs,
    LakeConfig,
    MlflowConfig,
    ReconcileConfig,
    ServerConfig,
    StoreConfig,
)
from monitor.plant.sources import (
    PartSource,
    Source,
    WriteBack,
)
from monitor.plant.types import (
    Duration,
    Name,
    Strict,
    Zone,
)
from monitor.plant.watching import (
    AlertsConfig,
    DriftConfig,
    DrillConfig,
    NotifyConfig,
    PerformanceConfig,
    Profile,
    ReportsConfig,
    SpcConfig,
)

WITH_PICTURES = 50
"""Rows at once at most where they hold pictures, which are in memory, or where a gate judges such, some 0.05 s each."""


class Plant(Strict):
    """The plant: its sources, steps, machines and gates, and where results go."""

    version: Literal[1] = Field(description="Version of this format.")
    profile: Profile = Field(
        "embedded",
        description="Who evaluates the alerts: Gatewatch (embedded), or Prometheus with Alertmanager (stack).",
    )
    site: Name = Field(description="Name of the site; part of every idempotency key in the MES.")
    currency: str = Field(
        "", max_length=8, pattern=r"^\S*$",
        description="Currency of every cost and value in this file, such as USD or €; told with each sum. Without it "
        "sums are told as bare numbers.",
    )  # fmt: skip
    time_zone: Zone = Field(
        "UTC",
        description="Time zone of the site, such as Europe/Berlin: pages and messages show it, with UTC beside it.",
    )
    shifts: list[Shift] = Field([], description="The shifts of the site, in its `time_zone`; they may not overlap.")
    maintenance: list[Maintenance] = Field(
        [], description="When alerts about something are not told, because people work on it."
    )
    clock_skew: Duration = Field(
        timedelta(minutes=5), description="A row whose time is further in the future than this is quarantined."
    )
    store: StoreConfig = Field(StoreConfig(), description="Gatewatch's own database.")
    mlflow: MlflowConfig = Field(MlflowConfig(), description="Model tracking, registry and cache.")
    server: ServerConfig = Field(ServerConfig(), description="The HTTP server.")
    jobs: Jobs = Field(
        Jobs(), description="Intervals of the jobs that do not belong to a source, and the processes that run jobs."
    )
    reconcile: ReconcileConfig = Field(ReconcileConfig(), description="Comparison of sources and store.")
    detectors: DetectorConfig = Field(DetectorConfig(), description="Parameters of the default detectors.")
    drift: DriftConfig = Field(DriftConfig(), description="Drift detection.")
    spc: SpcConfig = Field(SpcConfig(), description="Control charts.")
    performance: PerformanceConfig = Field(PerformanceConfig(), description="Model performance.")
    alerts: AlertsConfig = Field(AlertsConfig(), description="Evaluation of the alerts.")
    notify: NotifyConfig = Field(NotifyConfig(), description="Notifications.")
    drill: DrillConfig | None = Field(None, description="Drills by schedule; none without it.")
    reports: ReportsConfig = Field(ReportsConfig(), description="Reports by schedule.")
    steps: dict[Name, Step] = Field(min_length=1, description="Steps (operations) by name.")
    machines: dict[Name, Machine] = Field({}, description="Machines (work units) by name.")
    characteristics: dict[Name, Characteristic] = Field({}, description="Measured properties of the product by name.")
    gates: dict[Name, GateConfig] = Field({}, description="Gates by name, at most one per step.")
    sources: dict[Name, Source] = Field(min_length=1, description="Tables to read, by name.")
    write_back: WriteBack | None = Field(
        None, description="Table of the MES that receives recommendations; without it none are sent."
    )

    lake: LakeConfig | None = Field(None, description="Delta tables that results are appended to; none without it.")

    @field_validator("gates")
    @classmethod
    def _with_earlier_gates(cls, gates: dict[str, GateConfig]) -> dict[str, GateConfig]:
        for gate in gates.values():
            gate.find_earlier(gates)
        return gates

    def max_ages(self) -> dict[str, timedelta]:
        """How old a part's passage may be when a gate uses it, by step."""
        return {name: step.max_age for name, step in self.steps.items()}

    def step_places(self) -> dict[str, int]:
        """The place of each step in its line, from 1 on, in the order of the plant file."""
        counted: Counter[str] = Counter()
        places = {}
        for name, step in self.steps.items():
            counted[step.line] += 1
            places[name] = counted[step.line]
        return places

    def rows_at_once(self, source: str) -> int:
        """Rows of a source that are read and committed in one batch: fewer of part steps with pictures."""
        most = self.store.batch_rows
        return min(most, WITH_PICTURES) if self.has_pictures(source) else most

    def has_pictures(self, source: str) -> bool:
        """Whether rows of a source hold images as files, or gates judge pictures when these rows come."""
        config = self.sources[source]
        if not isinstance(config, PartSource):
            return False
        files = any(column.image is not None and column.image.format == "file" for column in config.values.values())
        return files or any(gate.picture is not None for gate in self.gates.values())

    def classes_of(self, gate: GateConfig) -> ClassSpec | None:
        """What the classes mean that a gate predicts; None where it predicts a number."""
        return self.characteristics[gate.characteristic].class_spec(gate.coverage)

    def class_names(self) -> dict[str, dict[int, str]]:
        """By characteristic with classes the name of each class, by its number in outcomes, ascending."""
        specs = {name: c.class_spec(1.0) for name, c in self.characteristics.items()}
        return {name: dict(zip(s.values, s.names, strict=True)) for name, s in specs.items() if s is not None}

    def rules_of(self, gate: GateConfig) -> Callable[[datetime], Spec | ClassSpec | None]:
        """By what a gate decides on a part of an instant; it returns None where no specification is in force."""
        characteristic = self.characteristics[gate.characteristic]
        return lambda at: characteristic.rule_at(at, gate.coverage)

    def sensor_names(self, machine: str) -> tuple[str, ...]:
        """The sensors of a machine, in the order of the file."""
        return tuple(self.machines[machine].sensors)
