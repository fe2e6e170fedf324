"""Evaluation of the alerts by Gatewatch itself (profile embedded), on the samples that /metrics shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from alerting.alerts.evaluator import Highest, Key, States, by_key, evaluate, highest_values
from alerting.alerts.in_force import alerts_in_force, expected_by_default, growing
from alerting.alerts.readings import Known, Recorded, changed, followed, row_of, whole_is_due, whole_row
from alerting.specs.roster import ALERTS
from exporters.metrics.collector import StoreCollector
from exporters.metrics.shared.metric import Bounds
from monitor.plant.plant import Plant
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.statuses import AlertCondition
from monitor.store.database.database import Connection, Store
from monitor.store.database.leases import renew
from monitor.store.metrics import metrics_snapshot
from monitor.store.watching import alerts as alerting
from monitor.store.watching import readings

READ = frozenset(
    {spec.metric for spec in ALERTS}
    | {"gatewatch_alert_limit", "gatewatch_alert_clear_level", "gatewatch_alert_expected"}
)
"""The metrics that an evaluation reads."""
_READS_HOLDS = any(name.startswith("gatewatch_holds_") for name in READ)


class AlertsJob:
    """Evaluates every alert at each slot; the state between two slots is in the store.

    What it read is recorded for a backtest. What is on record already is kept in memory too.
    """

    name = readings.JOB
    scope = WHOLE_PLANT

    def __init__(self, store: Store, plant: Plant, bounds: Callable[[], Bounds]) -> None:
        self._store = store
        self._plant = plant
        self._bounds = bounds
        self._specs = {spec.name: spec for spec in alerts_in_force(plant)}
        self._growing = growing(plant)
        self._expected = {Key(name, AlertCondition.ABSENT, of): 1.0 for name, of in expected_by_default(plant)}
        self._known: Known | None = None

    @property
    def interval(self) -> timedelta:
        """As the plant file says."""
        return self._plant.alerts.every

    def forget(self) -> None:
        """Drop what is known to be on record."""
        self._known = None

    def run(self, run: Run) -> Result:
        """Evaluate, and write what changed of alerts and of what they read."""
        with self._store.read() as connection:
            snapshot = metrics_snapshot(connection, run.now, holds=_READS_HOLDS, quality=False)
            states = alerting.open_states(connection)
            known = self._known or readings.known_readings(connection)
            samples = StoreCollector(snapshot, self._bounds()).samples(READ)
            highest = highest_values(self._specs.values(), samples)
            row, after = self._record(connection, known, highest, states, run)
        _, changes = evaluate(self._specs.values(), samples, states, run.now, highest)
        if changes or row.readings or row.states is not None:
            with self._store.write() as connection:
                renew(self._store, connection, run.lease)
                # Also where only a time ran out: the row says that there was an evaluation.
                readings.save_row(connection, row)
                if changes:
                    alerting.save_changes(connection, changes, self._specs, self._plant, run.now, "embedded")
        self._known = after
        return Result(len(changes))

    def _record(
        self, connection: Connection, known: Known, highest: Highest, states: States, run: Run
    ) -> tuple[Recorded, Known]:
        """The row of this evaluation, and what is on record with it."""
        values = by_key(highest) | self._expected
        changes = changed(known.readings, values, self._growing, run.now)
        now = followed(known.readings, changes)
        if not whole_is_due(known, run.now):
            return row_of(run.now, changes), Known(now, known.whole_at)
        times = [] if known.whole_at is None else readings.evaluated_between(
            connection, known.whole_at, run.now
        )  # fmt: skip
        return whole_row(run.now, now, states, known, times), Known(now, run.now)
