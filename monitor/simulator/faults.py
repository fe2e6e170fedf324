"""The fault script as data, and the ground truth of each fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.errors import UsageError
from monitor.simulator.machines import CHANNELS, MACHINE_STEP, MACHINES, SENSORS, STEPS


class FaultKind(StrEnum):
    """The kinds of fault; each comment gives the meaning of `magnitude`."""

    SLOW_WEAR = "slow_wear"  # final drift as a multiple of the distance from run level to upper limit
    STEP_OFFSET = "step_offset"  # thickness, in standard deviations
    STUCK_SENSOR = "stuck_sensor"  # none
    DEAD_SENSOR = "dead_sensor"  # none
    LOT_SHIFT = "lot_shift"  # hardness, in standard deviations
    WRONG_RECIPE = "wrong_recipe"  # excess stock removal, in standard deviations
    CAMERA_CHANGE = "camera_change"  # remaining light, as a fraction
    CONCEPT_CHANGE = "concept_change"  # Hz by which the test rig reads too high


_ON_SENSOR = (FaultKind.SLOW_WEAR, FaultKind.STUCK_SENSOR, FaultKind.DEAD_SENSOR)
_STEP_OF = {
    FaultKind.STEP_OFFSET: "forging",
    FaultKind.LOT_SHIFT: "forging",
    FaultKind.CAMERA_CHANGE: "coating",
    FaultKind.CONCEPT_CHANGE: "testing",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """An entry of the script. `subject` is a machine or a step, `start_offset` counts from the start of the history.

    Without a duration, the fault lasts to the end of the history.
    """

    kind: FaultKind
    subject: str
    start_offset: timedelta
    duration: timedelta | None
    magnitude: float = 0.0
    sensor: str = ""


@dataclass(frozen=True, slots=True)
class FaultTruth:
    """The effect of a fault: where, from `start` (inclusive) to `end` (exclusive), and on which parts and lots.

    `lasting`: the fault has no duration and is still present at `end`, the end of the history. `beyond_limits_from` is
    when the level of a worn sensor passes its operating limit.
    """

    kind: FaultKind
    subject: str
    step: str
    sensor: str
    start: datetime
    end: datetime
    magnitude: float
    serials: tuple[str, ...] = ()
    lots: tuple[str, ...] = ()
    lasting: bool = False
    beyond_limits_from: datetime | None = None


def _hours(hours: float) -> timedelta:
    return timedelta(hours=hours)


DEFAULT_SCRIPT = (
    Fault(FaultKind.STUCK_SENSOR, "forge-2", _hours(18), _hours(5), sensor="pressure"),
    Fault(FaultKind.CAMERA_CHANGE, "coating", _hours(26), _hours(7), 0.6),
    Fault(FaultKind.DEAD_SENSOR, "coat-1", _hours(36), _hours(4), sensor="temperature"),
    Fault(FaultKind.STEP_OFFSET, "forging", _hours(43), _hours(6), 7.0),
    Fault(FaultKind.LOT_SHIFT, "forging", _hours(56), _hours(8), -6.0),
    Fault(FaultKind.SLOW_WEAR, "mill-2", _hours(60), _hours(32), 1.8, "vibration_x"),
    Fault(FaultKind.WRONG_RECIPE, "mill-1", _hours(74), _hours(5), 15.0),
    Fault(FaultKind.CONCEPT_CHANGE, "testing", _hours(84), None, 9.0),
)
"""Each kind once over five days. The first comes after a detector's warm-up; no two touch the same subject."""


def check_script(script: Sequence[Fault]) -> None:
    """UsageError if a fault has an unknown machine, step or sensor, or starts before the history."""
    for fault in script:
        if fault.kind in _STEP_OF:
            allowed: Sequence[str] = (_STEP_OF[fault.kind],)
        elif fault.kind is FaultKind.WRONG_RECIPE:
            allowed = [m for m, step in zip(MACHINES, MACHINE_STEP, strict=True) if step == "machining"]
        else:
            allowed = MACHINES
        if fault.subject not in allowed:
            raise UsageError(f"{fault.kind} cannot happen at {fault.subject!r}; allowed: {', '.join(allowed)}")
        if (fault.sensor in SENSORS) != (fault.kind in _ON_SENSOR):
            raise UsageError(f"{fault.kind} on {fault.subject!r}: sensor {fault.sensor!r} does not fit the kind")
        if fault.start_offset < timedelta(0) or (fault.duration is not None and fault.duration <= timedelta(0)):
            raise UsageError(f"{fault.kind} on {fault.subject!r}: expected an offset >= 0 and a duration > 0")
        if fault.kind is FaultKind.SLOW_WEAR and fault.duration is None:
            raise UsageError(f"{fault.kind} on {fault.subject!r}: expected a duration, over which the drift grows")


def initial_truth(fault: Fault, start: datetime, end: datetime) -> FaultTruth:
    """The truth of a fault from the script, without the affected parts."""
    first = start + fault.start_offset
    last = end if fault.duration is None else min(end, first + fault.duration)
    step = fault.subject if fault.subject in STEPS else MACHINE_STEP[MACHINES.index(fault.subject)]
    crossing = last
    if fault.kind is FaultKind.SLOW_WEAR and fault.duration is not None and fault.magnitude > 1:
        crossing = first + fault.duration / fault.magnitude
    return FaultTruth(
        fault.kind,
        fault.subject,
        step,
        fault.sensor,
        first,
        last,
        fault.magnitude,
        lasting=fault.duration is None,
        beyond_limits_from=crossing if crossing < last else None,
    )


def full_drift(fault: Fault) -> float:
    """The error of a worn sensor at the end of the fault, in the sensor's unit."""
    channel = CHANNELS[MACHINES.index(fault.subject)][SENSORS.index(fault.sensor)]
    return fault.magnitude * (channel.high - channel.run)
