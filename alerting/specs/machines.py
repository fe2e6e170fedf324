"""Alerts on machines and their sensors: operating limits, anomalies, dead and stuck sensors."""

from __future__ import annotations

from alerting.specs.spec import HOUR, MINUTE, NONE, AlertSpec, of_machine, of_metric
from monitor.detection import ANOMALY, CONDITION_ALARM, DEAD, EVENT, EVENTS, LIMIT, LIMITS, STUCK, TIME_LEFT

ALERTS: tuple[AlertSpec, ...] = (
    of_machine(
        "MachineOutOfSpec", "critical", "operators", LIMITS, LIMIT, pending_for=NONE, keep_firing=2 * HOUR,
        summary="machine {subject} runs outside its operating limits",
        cause="A sensor of a running machine has been outside its operating limits for several samples in a row.",
        action="Check the named sensor; correct the setting, or stop the machine, by its procedure.",
    ),
    of_machine(
        "MachineAnomalous", "warning", "engineers", ANOMALY, CONDITION_ALARM, pending_for=10 * MINUTE, keep_firing=HOUR,
        summary="the sensors of machine {subject} have left their normal pattern",
        cause="The sensors, taken together, no longer follow the pattern learnt for this machine and recipe.",
        action="Compare the named sensors with previous days; plan an inspection if the score keeps rising.",
    ),
    of_machine(
        "MachineAnomalousForDays", "info", "engineers", ANOMALY, CONDITION_ALARM, pending_for=72 * HOUR,
        keep_firing=HOUR,
        summary="machine {subject} has not been in its normal pattern for three days",
        cause="A breach lasts as long as its cause, or the machine was changed on purpose and nobody has said so.",
        action="Look for the cause; if this is how the machine shall be, let its baseline start anew with 'gatewatch "
        "machine forget'.",
    ),
    of_machine(
        "MachineWearing", "warning", "engineers", ANOMALY, TIME_LEFT, pending_for=NONE, keep_firing=2 * HOUR,
        summary="a sensor of machine {subject} will reach its operating limit if it goes on as it does",
        cause="A sensor has left its usual level steadily, and at this pace it is beyond its limit within the horizon.",
        action="Plan the stop before the named sensor reaches its limit; after the repair record it with 'gatewatch "
        "machine forget'.",
    ),
    of_machine(
        "SensorDead", "warning", "operators", LIMITS, DEAD, pending_for=NONE, keep_firing=15 * MINUTE,
        absent_after=2 * HOUR, needs=("readings",),
        summary="a sensor of machine {subject} delivers no values", absent="no readings of machine {subject} arrive",
        cause="The historian has no values for this sensor while the machine runs, or no rows for the machine at all.",
        action="Check the sensor's cable, transmitter and historian tag; its limits are not monitored until it is "
        "back.",
    ),
    of_machine(
        "MetricEvent", "info", "engineers", EVENTS, EVENT, pending_for=NONE, keep_firing=15 * MINUTE,
        summary="a metric of machine {subject} went beyond everything it has shown before",
        cause="A sensor whose events are looked for had a value, a mean or a variation that it had never had.",
        action="Look at the named sensor around that time; an event is told once, and what lasts becomes known.",
    ),
    of_metric(
        "MachineUnwatched", "warning", "engineers", "gatewatch_machine_unwatched", "machine", "machine",
        pending_for=2 * HOUR, needs=("readings", "machine_states"),
        summary="machine {subject} is not watched",
        cause="No row of the machine came yet, its rows are compared with nothing, or nothing reports whether it runs.",
        action="Look up the reason in gatewatch_machine_unwatched; check the machine's code, recipes and sources.",
    ),
    of_machine(
        "SensorStuck", "warning", "operators", LIMITS, STUCK, pending_for=NONE, keep_firing=15 * MINUTE,
        summary="a sensor of machine {subject} repeats one value",
        cause="A sensor that normally varies has shown exactly the same value for many samples while the machine runs.",
        action="Check the named sensor and its transmitter; do not trust its value or predictions based on it.",
    ),
)  # fmt: skip
