"""Evaluation of the alerts by Gatewatch itself (profile embedded), on the samples that /metrics shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from alerting.alerts.evaluator import Samples, evaluate
from alerting.alerts.in_force import alerts_in_force
from alerting.specs.roster import ALERTS
from exporters.metrics.collector import StoreCollector
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import MetricsSnapshot
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
            snapshot = metrics_snapshot(connection, run.now)
            states = alerting.open_states(connection)
        _, changes = evaluate(self._specs.values(), samples(snapshot, self._bounds()), states, run.now)
        if changes:
            with self._store.write() as connection:
                renew(self._store, connection, run.lease)
                alerting.save_changes(connection, changes, self._specs, self._plant, run.now, "embedded")
        return Result(len(changes))


def samples(snapshot: MetricsSnapshot, bounds: Bounds) -> Samples:
    """What a scrape would show of the metrics that an evaluation reads."""
    collector = StoreCollector(snapshot, bounds)
    by_name: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in collector.collect(READ):
        for sample in family.samples:
            by_name.setdefault(sample.name, []).append((sample.labels, sample.value))
    return by_name
