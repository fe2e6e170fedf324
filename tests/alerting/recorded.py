"""The sampled series of a replay, slot by slot, and the episodes that its alert table holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from promtool_kit import Labels, Series, Told, labels

from alerting.alerts.in_force import alerts_in_force
from alerting.specs.spec import AlertSpec
from exporters.metrics.collector import StoreCollector
from monitor.jobs.alerts import READ
from monitor.runtime.app import App, bounds_of
from monitor.store.database import tables as t
from monitor.store.metrics import metrics_snapshot

ALWAYS = ("gatewatch_alert_limit", "gatewatch_alert_clear_level", "gatewatch_alert_expected")


@dataclass
class Recorder:
    """Keeps what the alerts read at each of their slots; give `stop_at` to the replay."""

    slots: list[datetime] = field(default_factory=list)
    found: dict[tuple[str, Labels], dict[int, float]] = field(default_factory=dict)
    rows: list[Any] = field(default_factory=list)
    specs: tuple[AlertSpec, ...] = ()

    def stop_at(self, app: App, at: datetime, name: str, _slot: object) -> bool:
        """After each run of the alerts: the samples that it saw, and the table as it left it."""
        if name == "alerts":
            self.specs = alerts_in_force(app.plant)
            with app.store.read() as connection:
                snapshot = metrics_snapshot(connection, at)
                self.rows = list(connection.execute(t.alert.select().order_by(t.alert.c.id)).all())
            step = len(self.slots)
            self.slots.append(at)
            collected = StoreCollector(snapshot, bounds_of(app.plant, app.jobs)).samples(READ)
            for metric, values in collected.items():
                for given, value in values:
                    if metric in ALWAYS or self._read(metric, given):
                        self.found.setdefault((metric, labels(**given)), {})[step] = value
        return False

    def _read(self, metric: str, given: Mapping[str, str]) -> bool:
        return any(
            spec.metric == metric and all(given[name] == wanted for name, wanted in spec.match) for spec in self.specs
        )

    def series(self) -> Series:
        """Every series that some alert reads, a value a slot."""
        steps = range(len(self.slots))
        return {key: [values.get(n) for n in steps] for key, values in self.found.items()}

    def firing(self) -> list[Told]:
        """What fired at each slot, by the episodes of the table."""
        found: list[Told] = []
        for at in self.slots:
            now = [
                row for row in self.rows
                if row.fired_at is not None and row.fired_at <= at and (row.ended_at is None or row.ended_at > at)
            ]  # fmt: skip
            found.append({(row.name, row.condition, row.subject): "firing" for row in now})
        return found
