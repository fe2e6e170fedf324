"""The machines: which leaves its good state, by what sensor, and since when."""

from __future__ import annotations

from dashboards.blocks.panels import BAD, DIM, GOOD, POOR, Panel, lines, rows_of, statuses
from dashboards.blocks.queries import Query, by, limit, series, share_of_limit, value
from monitor.detection import ANOMALY, LIMIT, LIMITS, WORST_MACHINE

TITLE = "Machines"
SENSORS = "Sensors beside their limits"

_STATES = {0: ("ok", GOOD), 1: ("no data", DIM), 2: ("not judged", POOR), 3: ("breach", BAD)}
_WORST = ("ok", "no_data", "cannot_judge", "breach")


def panels() -> list[Panel]:
    """The panels of the row."""
    return [
        statuses(
            "State of each machine",
            "The worst finding of each machine. Red: go to the table beside for the sensor. Grey or orange where the "
            "machine runs: it is not being watched, which is no good state.",
            Query(by("max", ("subject",), _worst_status()), "{{subject}}"),
            _STATES,
        ),
        rows_of(
            "Sensors in breach",
            "Sensors outside their operating limits (limit), silent (dead) or frozen (stuck). Limit: look at the "
            "machine. Dead or stuck: look at sensor, cable and gateway; the machine is blind there until then.",
            Query(
                by(
                    "max",
                    ("subject", "feature", "method"),
                    series("gatewatch_finding_status", detector=LIMITS, subject="=~$machine", status="breach"),
                )
                + " == 1",
                instant=True,
            ),
            {"subject": "machine", "feature": "sensor", "method": "breach", "Value": "since the last change"},
            width=12,
        ),
        lines(
            "Anomaly of each machine, as a share of its limit",
            "How unlike its own normal each machine runs, over all its sensors; 1 is its limit. Rising for hours below "
            "1: wear; plan the stop. A step up: look at what was changed on the machine.",
            [
                Query(share_of_limit(("subject",), detector=ANOMALY, subject="=~$machine", feature=""), "{{subject}}"),
                Query(_one_limit(ANOMALY), "limit"),
            ],
            unit="percentunit",
            width=12,
        ),
        lines(
            "Worst machine of each step, as a share of its limit",
            "The anomaly of the worst machine at each step; 1 is its limit. Use it to see which step needs hands "
            "first.",
            [
                Query(
                    share_of_limit(("subject",), detector=ANOMALY, method=WORST_MACHINE, subject="=~$step"),
                    "{{subject}}",
                ),
                Query(_one_limit(ANOMALY), "limit"),
            ],
            unit="percentunit",
            width=12,
        ),
    ]


def sensor_panels() -> list[Panel]:
    """One graph a sensor, over the chosen machines."""
    chosen = {"detector": LIMITS, "method": LIMIT, "subject": "=~$machine", "feature": "=~$sensor"}
    return [
        lines(
            "$sensor",
            "The newest value of the sensor on each machine and the operating limit it is nearest to. Moving towards "
            "the limit: plan a stop before it gets there.",
            [
                Query(value(("subject", "feature"), **chosen), "{{subject}}"),
                Query(limit(("subject", "feature"), **chosen), "limit {{subject}}"),
            ],
            zero=False,
            width=6,
        ).repeat("sensor").repeat_direction("h").max_per_row(4)
    ]  # fmt: skip


def _worst_status() -> str:
    told = (
        f"{rank} * {series('gatewatch_finding_status', subject='=~$machine', status=status)}"
        for rank, status in enumerate(_WORST)
    )
    return " or ".join(told)


def _one_limit(detector: str) -> str:
    """1 wherever a limit is exported: the limit in units of itself."""
    exported = series("gatewatch_finding_limit", detector=detector)
    return by("max", (), f"{exported} / {exported}")
