"""The sensors that have operating limits: their newest values beside both limits, in their units."""

from __future__ import annotations

from exporters.metrics.families.findings import fresh_findings
from exporters.metrics.families.machines import MACHINE, SENSOR
from exporters.metrics.shared.budget import ONE
from exporters.metrics.shared.metric import Label, Metric, Scrape, Series, gauge
from monitor.detection import LIMIT, LIMITS

UNIT = Label("unit", "units of the plant file", most=ONE)
SIDE = Label("side", "fixed list", ("low", "high"))

METRICS: tuple[Metric, ...] = (
    gauge("gatewatch_sensor_value", "The newest value of a sensor that has an operating limit, while its machine runs, "
          "in the unit of its label. Absent when it is too old to be current.", MACHINE, SENSOR, UNIT),
    gauge("gatewatch_sensor_limit", "An operating limit of a sensor, in the unit of its label.", MACHINE, SENSOR, UNIT,
          SIDE),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """Limits as the plant file has them, values as long as they are current."""
    machines = scrape.bounds.plant.machines
    for machine, config in machines.items():
        for name, sensor in config.sensors.items():
            for side, limit in zip(SIDE.closed, (sensor.low, sensor.high), strict=True):
                yield "gatewatch_sensor_limit", (machine, name, sensor.unit, side), limit
    for row in fresh_findings(scrape.snapshot, scrape.bounds.plant, scrape.expiry):
        if (row.detector, row.method) == (LIMITS, LIMIT) and row.subject in machines:
            found = machines[row.subject].sensors.get(row.feature)
            if found is not None:
                yield "gatewatch_sensor_value", (row.subject, row.feature, found.unit), row.value
