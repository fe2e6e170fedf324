"""The list of detectors that watch a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from detectors.stream.baseline import Settings
from detectors.stream.limits import SensorLimits
from detectors.stream.metric_events import MetricEvents
from detectors.stream.online import MachineAnomaly
from detectors.stream.patience import Patience
from monitor.ports import StreamDetector


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """A machine with its sensors' (low, high) limits, and the parameters of its detectors.

    `machine` is the subject of findings made before the first row. The counts are described at `DetectorConfig` in
    the plant file; `warmup_rows` is at least 100. `always`: the sensors owe values while the machine stands, too.
    `events`: the sensors whose events are looked for. `steady`: those that may repeat a value and are never stuck.
    `reference`: the period, in nanoseconds, from which alone the baseline is learnt.
    """

    sensors: Mapping[str, tuple[float | None, float | None]]
    machine: str = ""
    limit_rows: int = 3
    dead_rows: int = 10
    stuck_rows: int = 40
    warmup_rows: int = 1000
    settle_rows: int = 10
    warmup_seconds: float = 14 * 86_400.0
    false_alarm_seconds: float = 30 * 86_400.0
    horizon_seconds: float = 86_400.0
    always: bool = False
    events: tuple[str, ...] = ()
    steady: tuple[str, ...] = ()
    reference: tuple[int, int] | None = None


def _limits(given: MachineSettings) -> StreamDetector:
    rows = (given.limit_rows, given.dead_rows, given.stuck_rows)
    return SensorLimits(given.sensors, *rows, machine=given.machine, always=given.always, steady=given.steady)


def _anomaly(given: MachineSettings) -> StreamDetector:
    settings = Settings(
        given.warmup_rows, given.warmup_seconds, given.false_alarm_seconds, given.reference, given.horizon_seconds
    )
    return MachineAnomaly(given.sensors, settings, Patience(settle_rows=given.settle_rows), given.machine)


def _events(given: MachineSettings) -> StreamDetector | None:
    return MetricEvents(given.events, machine=given.machine) if given.events else None


MACHINE_DETECTORS: tuple[Callable[[MachineSettings], StreamDetector | None], ...] = (_limits, _anomaly, _events)


def machine_detectors(settings: MachineSettings) -> tuple[StreamDetector, ...]:
    """The detectors of one machine; none without sensors."""
    made = (make(settings) for make in MACHINE_DETECTORS) if settings.sensors else ()
    return tuple(detector for detector in made if detector is not None)
