"""The detectors of a machine, as the plant file parameterises them."""

from __future__ import annotations

from detectors.stream.roster import MachineSettings, machine_detectors
from monitor.instants import to_nanos
from monitor.plant.plant import Plant
from monitor.ports import StreamDetector


def detectors_of(plant: Plant, machine: str) -> tuple[StreamDetector, ...]:
    """The detectors of a machine, with the plant file's parameters."""
    config = plant.detectors
    period = plant.machines[machine].reference
    limits = {name: (s.low, s.high) for name, s in plant.machines[machine].sensors.items()}
    settings = MachineSettings(
        limits,
        machine=machine,
        limit_rows=config.limit_rows,
        dead_rows=config.dead_rows,
        stuck_rows=config.stuck_rows,
        warmup_rows=config.warmup_rows,
        settle_rows=config.settle_rows,
        warmup_seconds=config.warmup.total_seconds(),
        false_alarm_seconds=config.false_alarms.total_seconds(),
        horizon_seconds=config.time_left.total_seconds(),
        always=plant.machines[machine].speaks_when == "always",
        events=tuple(name for name, sensor in plant.machines[machine].sensors.items() if sensor.events),
        steady=tuple(name for name, sensor in plant.machines[machine].sensors.items() if not sensor.stuck),
        reference=None if period is None else (to_nanos(period.since), to_nanos(period.until)),
    )
    return machine_detectors(settings)
