"""Evaluation of the alerts by Gatewatch itself (profile embedded), on the samples that /metrics shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from alerting.alerts.evaluator import evaluate
from alerting.alerts.in_force import alerts_in_force
from alerting.specs.roster import ALERTS
from exporters.metrics.collector import StoreCollector
from exporters.metrics.shared.metric import Bounds
from monitor.plant.plant import Plant
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.database.database import Store
from monitor.store.database.leases import renew
from monitor.store.metrics import metrics_snapshot
from monitor.store.watching import alerts as alerting

READ = frozenset(
    {spec.metric for spec in ALERTS}
    | {"gatewatch_alert_limit", "gatewatch_alert_clear_level", "gatewatch_alert_expected"}
)
"""The metrics that an evaluation reads."""
_READS_HOLDS = any(name.startswith("gatewatch_holds_") for name in READ)


class AlertsJob:
    """Evaluates every alert at each slot; all state between two slots is in the store."""

    name = "alerts"
    scope = WHOLE_PLANT

    def __init__(self, store: Store, plant: Plant, bounds: Callable[[], Bounds]) -> None:
        self._store = store
        self._plant = plant
        self._bounds = bounds
        self._specs = {spec.name: spec for spec in alerts_in_force(plant)}

    @property
    def interval(self) -> timedelta:
        """As the plant file says."""
        return self._plant.alerts.every

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Evaluate, and write what changed."""
        with self._store.read() as connection:
            snapshot = metrics_snapshot(connection, run.now, holds=_READS_HOLDS)
            states = alerting.open_states(connection)
        samples = StoreCollector(snapshot, self._bounds()).samples(READ)
        _, changes = evaluate(self._specs.values(), samples, states, run.now)
        if changes:
            with self._store.write() as connection:
                renew(self._store, connection, run.lease)
                alerting.save_changes(connection, changes, self._specs, self._plant, run.now, "embedded")
        return Result(len(changes))
