"""The detectors of a machine, as the plant file parameterises them."""

from __future__ import annotations

from detectors.stream.roster import MachineSettings, machine_detectors
from monitor.plant.plant import Plant
from monitor.ports import StreamDetector


def detectors_of(plant: Plant, machine: str) -> tuple[StreamDetector, ...]:
    """The detectors of a machine, with the plant file's parameters."""
    config = plant.detectors
    limits = {name: (s.low, s.high) for name, s in plant.machines[machine].sensors.items()}
    settings = MachineSettings(
        limits,
        machine=machine,
        limit_rows=config.limit_rows,
        dead_rows=config.dead_rows,
        stuck_rows=config.stuck_rows,
        warmup_rows=config.warmup_rows,
        settle_rows=config.settle_rows,
        seed=config.seed,
        always=plant.machines[machine].speaks_when == "always",
    )
    return machine_detectors(settings)
