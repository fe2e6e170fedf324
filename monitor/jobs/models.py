"""The model of a gate: the first one trained when there are outcomes enough, put in force when it is ready."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from monitor.errors import ModelError
from monitor.gate_models.in_force import Shelf
from monitor.gate_models.training_child import train_in_child
from monitor.gate_models.training_set import count_outcomes, training_set
from monitor.model import Reason
from monitor.plant.plant import GateConfig, Plant
from monitor.scheduling.job import Result, Run
from monitor.store import models
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease
from monitor.store.models import Version

log = logging.getLogger(__name__)


class ModelRegistry(Protocol):
    """Where versions are registered. Every call may raise ModelError: it may be down."""

    def fetch(self, model_name: str, version: str, digest: str) -> Path:
        """Bring a version into the local cache."""

    def set_champion(self, model_name: str, version: str) -> None:
        """Let the alias name the version in force."""


def train_version(store: Store, plant: Plant, gate: str, now: datetime, ready_at: datetime, run: Run | None) -> Version:
    """Train on what was available at `now`, register, and record; ModelError when there is too little."""
    config = plant.gates[gate]
    with store.read() as connection:
        data = training_set(connection, config, now)
    found = train_in_child(gate, config, plant.mlflow, data, run.beat if run else lambda: None)
    version = Version(
        gate, config.model, str(found["version"]), found["digest"], now, ready_at, found["data_digest"],
        len(data.serials), found["metrics"],
    )  # fmt: skip
    models.record(store, run.lease if run else None, version)
    return version


class ModelJob:
    """Sees that a gate has a model: trains the first, puts it in force, mends the cache, mirrors the alias."""

    def __init__(
        self, store: Store, plant: Plant, gate: str, shelf: Shelf, registry: ModelRegistry, simulated: bool
    ) -> None:
        self.name = f"model:{gate}"
        self._store = store
        self._plant = plant
        self._gate = gate
        self._config: GateConfig = plant.gates[gate]
        self._shelf = shelf
        self._registry = registry
        self._simulated = simulated

    @property
    def interval(self) -> timedelta:
        """As the plant file says."""
        return self._config.training.every

    def forget(self) -> None:
        """The shelf reads the store at every use."""

    def run(self, run: Run) -> Result:
        """Do the next thing that the gate's model needs."""
        with self._store.read() as connection:
            current = models.in_force(connection, self._gate)
            # Versions of a name the gate no longer uses are not its candidates.
            known = [v for v in models.versions(connection, self._gate) if v.model == self._config.model]
            ready = [v for v in known if v.status not in ("challenger", "refused")]
            outcomes = count_outcomes(connection, self._config.characteristic, run.now)
        if current is not None:
            self._look_after(current)
            return Result()
        if ready:
            self._promote(ready[-1], run)
            return Result()
        if outcomes < self._config.training.min_outcomes:
            return Result()
        # Under a simulated clock training takes the declared time, else the time it takes.
        ready_at = run.now + self._config.training.takes if self._simulated else run.now
        version = train_version(self._store, self._plant, self._gate, run.now, ready_at, run)
        if version.ready_at <= run.now:
            with self._store.read() as connection:
                ready = models.versions(connection, self._gate)
            self._promote(ready[-1], run)
        return Result(version.rows)

    def _promote(self, version: Any, run: Run) -> None:
        if version.ready_at <= run.now:
            put_in_force(self._store, self._registry, run.lease, self._gate, version, 0, run.now)

    def _look_after(self, current: Any) -> None:
        if self._shelf.in_force([self._gate])[self._gate].refused in (Reason.NO_MODEL, Reason.BAD_MODEL):
            self._registry.fetch(current.model, current.version, current.digest)
            self._shelf.retry(self._gate)
        if not current.mirrored:
            mirror(self._store, self._registry, self._gate, current.model, current.version)


def put_in_force(
    store: Store, registry: ModelRegistry, lease: Lease | None, gate: str, version: Any, expected: int, now: datetime
) -> bool:
    """Compare-and-swap in the store, then mirror the alias; False when somebody else was first."""
    if not models.put_in_force(store, lease, gate, version, expected, now):
        return False
    mirror(store, registry, gate, version.model, version.version)
    return True


def mirror(store: Store, registry: ModelRegistry, gate: str, model: str, version: str) -> None:
    """Let MLflow's alias name the version in force; when MLflow is down, the gate's job tries again at its slots."""
    try:
        registry.set_champion(model, version)
    except ModelError as exc:
        log.warning("gate %s: version %s is in force, its alias is not set yet: %s", gate, version, exc)
        return
    models.mirrored(store, gate, version)
