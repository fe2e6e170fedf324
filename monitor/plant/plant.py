"""A whole plant, as its file describes it: sections from the files beside this one, each key checked alone.

Contradictions between keys are looked for when the file is read (`file.contradictions`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from monitor.plant.gates import GateConfig
from monitor.plant.line import Characteristic, Machine, Step
from monitor.plant.running import DetectorConfig, Jobs, MlflowConfig, ServerConfig, StoreConfig
from monitor.plant.sources import (
    Source,
    WriteBack,
)
from monitor.plant.types import (
    Duration,
    Name,
    Strict,
)
from monitor.plant.watching import (
    AlertsConfig,
    DriftConfig,
    NotifyConfig,
    PerformanceConfig,
    Profile,
)


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

    def sensor_names(self, machine: str) -> tuple[str, ...]:
        """The sensors of a machine, in the file's order."""
        return tuple(self.machines[machine].sensors)
