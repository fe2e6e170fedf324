"""The list of detectors that watch a machine."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.stream.baseline import Settings
from detectors.stream.limits import SensorLimits
from detectors.stream.online import MachineAnomaly, Patience
from monitor.ports import StreamDetector


def default_detectors(
    sensors: Mapping[str, tuple[float | None, float | None]],
    *,
    machine: str = "",
    limit_rows: int = 3,
    dead_rows: int = 10,
    stuck_rows: int = 40,
    warmup_rows: int = 1000,
    settle_rows: int = 10,
    seed: int = 7,
) -> tuple[StreamDetector, ...]:
    """The detectors of one machine with these sensors and their (low, high) limits; none without sensors.

    `machine` is the subject of findings made before the first row. The counts are described at `DetectorConfig` in
    the plant file; `warmup_rows` is at least 100.
    """
    if not sensors:
        return ()
    return (
        SensorLimits(sensors, limit_rows, dead_rows, stuck_rows, machine=machine),
        MachineAnomaly(
            sensors, Settings(warmup_rows=warmup_rows, seed=seed), Patience(settle_rows=settle_rows), machine
        ),
    )
