"""The first model of a gate: trained when there are enough outcomes, and put in force when it is ready."""

from __future__ import annotations

import logging
from datetime import timedelta

from monitor.errors import ModelError, ModelReason
from monitor.gate_models.in_force import ModelsInForce
from monitor.gate_models.registry import ModelRegistry, mirror, put_in_force, train_version, usable_from
from monitor.gate_models.training_child import Trainer
from monitor.model import Reason
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.scheduling.job import JobScope, Result, Run
from monitor.statuses import VersionStatus
from monitor.store.database.database import Store
from monitor.store.models import versions
from monitor.store.models.versions import ModelInForce, Version
from monitor.store.rows.outcomes import count_outcomes

log = logging.getLogger(__name__)


class ModelJob:
    """Ensures that a gate has a model: trains the first, puts it in force, repairs the cache, mirrors the alias."""

    def __init__(
        self,
        store: Store,
        plant: Plant,
        gate: str,
        models: ModelsInForce,
        registry: ModelRegistry,
        trainer: Trainer,
        simulated: bool,
    ) -> None:
        self.name = f"model:{gate}"
        self.scope = JobScope(gate=gate)
        self._store = store
        self._plant = plant
        self._gate = gate
        self._config: GateConfig = plant.gates[gate]
        self._models = models
        self._registry = registry
        self._trainer = trainer
        self._simulated = simulated

    @property
    def interval(self) -> timedelta:
        """As the plant file says."""
        return self._config.training.every

    def forget(self) -> None:
        """The store is read at every use."""

    def run(self, run: Run) -> Result:
        """Take the next step that the gate's model needs."""
        with self._store.read() as connection:
            current = versions.model_in_force(connection, self._gate)
            # Versions of a name the gate no longer uses are not its candidates.
            candidates = [v for v in versions.list_versions(connection, self._gate) if v.model == self._config.model]
            ready = [v for v in candidates if v.status not in (VersionStatus.CHALLENGER, VersionStatus.REFUSED)]
        if current is not None:
            self._maintain(current)
        elif ready:
            self._promote(ready[-1], run)
        elif self._outcomes(run) >= self._config.training.min_outcomes:
            return Result(self._train(run))
        return Result()

    def _outcomes(self, run: Run) -> int:
        with self._store.read() as connection:
            return count_outcomes(connection, self._config.characteristic, run.now)

    def _train(self, run: Run) -> int:
        ready_at = usable_from(self._config, run.now, run.now, self._simulated)
        try:
            version = train_version(self._store, self._plant, self._trainer, self._gate, run.now, ready_at, run)
        except ModelError as exc:
            if not self._config.of_classes or exc.reason is not ModelReason.TOO_FEW_ROWS:
                raise
            # Defects are rare: however many outcomes there are, those of a second class may take long.
            log.info("gate %s: no model yet: %s", self._gate, exc)
            return 0
        self._promote(version, run)
        return version.rows

    def _promote(self, version: Version, run: Run) -> None:
        if version.ready_at <= run.now:
            put_in_force(self._store, self._registry, run.lease, self._gate, version, 0, run.now)

    def _maintain(self, current: ModelInForce) -> None:
        if self._models.for_gates([self._gate])[self._gate].refused in (Reason.NO_MODEL, Reason.BAD_MODEL):
            self._registry.fetch(current.model, current.version, current.digest)
            self._models.retry(self._gate)
        if not current.mirrored:
            mirror(self._store, self._registry, self._gate, current.model, current.version)
