"""The registry as the gates use it: training a version, putting it in force, mirroring the alias."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from monitor.errors import ModelError
from monitor.gate_models.lineage import trained_on
from monitor.gate_models.training_child import Trainer
from monitor.gate_models.training_set import training_set
from monitor.model import Prediction
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.ports import GateModel
from monitor.scheduling.job import Run
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease
from monitor.store.models import versions
from monitor.store.models.versions import Version

log = logging.getLogger(__name__)


class ModelRegistry(Protocol):
    """A registry of versions with a local cache. Every call but `load` may raise ModelError if it is down."""

    def load(self, model_name: str, digest: str) -> GateModel:
        """A verified model from the local cache, without any connection. ModelError if it is missing or damaged."""

    def held_out(self, model_name: str, digest: str) -> Mapping[str, Prediction] | None:
        """By serial what a cached version said of parts that it was not fitted to; None where it does not say."""

    def fetch(self, model_name: str, version: str, digest: str) -> Path:
        """Bring a version into the local cache."""

    def set_champion(self, model_name: str, version: str) -> None:
        """Point the alias `champion` at the version in force."""

    def set_challenger(self, model_name: str, version: str) -> None:
        """Point the alias `challenger` at the version that is compared."""

    def record_comparison(
        self, model_name: str, version: str, approved: bool, metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        """Record the result of a comparison on a version."""


def usable_from(gate: GateConfig, started: datetime, now: datetime, simulated: bool) -> datetime:
    """When a version trained since `started` may be put in force: now, or simulated, after `training.takes`."""
    return started + gate.training.takes if simulated else now


def train_version(
    store: Store, plant: Plant, trainer: Trainer, gate: str, now: datetime, ready_at: datetime, run: Run | None
) -> Version:
    """Train on what was available at `now`, register and record the version; ModelError if there are too few rows."""
    config = plant.gates[gate]
    beat = run.beat if run else lambda: None
    with store.read() as connection:
        classes = plant.classes_of(config)
        data = training_set(connection, config, plant.max_ages(), now, classes=classes, beat=beat)
    trained = trainer.train(gate, config, data, beat)
    origin = trained_on(plant, config, data, trained.data_digest)
    number = trainer.register(config, trained, {"gate": gate}, origin)
    version = Version(
        gate, config.model, number, trained.digest, now, ready_at, trained.data_digest, len(data.serials),
        trained.metrics,
    )  # fmt: skip
    versions.record_version(store, run.lease if run else None, version)
    return version


def put_in_force(
    store: Store,
    registry: ModelRegistry,
    lease: Lease | None,
    gate: str,
    version: Version,
    expected: int,
    now: datetime,
) -> bool:
    """Compare-and-swap in the store, then mirror the alias; False if another process was first."""
    if not versions.put_in_force(store, lease, gate, version, expected, now):
        return False
    mirror(store, registry, gate, version.model, version.version)
    return True


def mirror(store: Store, registry: ModelRegistry, gate: str, model: str, version: str) -> None:
    """Point MLflow's alias at the version in force; if MLflow is down, the gate's job retries at its slots."""
    try:
        registry.set_champion(model, version)
    except ModelError as exc:
        log.warning("gate %s: version %s is in force, but its alias is not set yet: %s", gate, version, exc)
        return
    versions.mark_mirrored(store, gate, version)
