"""The machines: which one leaves its normal state, since when, and by which sensor."""

from __future__ import annotations

from dashboards.blocks.panels import BAD, DIM, PLAIN, POOR, Panel, lines, statuses, value_table
from dashboards.blocks.queries import Query, by, series, share_of_limit
from monitor.detection import ANOMALY, CONDITION, LIMITS, NO_STATES

STATES = f"!~{'|'.join(NO_STATES)}"
"""The methods that say what state a machine is in."""

STATUS = {0: ("ok", PLAIN), 1: ("no data", DIM), 2: ("not judged", POOR), 3: ("breach", BAD)}
_WORST = ("ok", "no_data", "cannot_judge", "breach")


def panels() -> list[Panel]:
    """The panels of the row."""
    return [
        statuses(
            "State of each machine",
            "The worst finding of each machine. Red: the table on the right names the sensor. Grey or orange while "
            "the machine runs: it is not monitored.",
            Query(worst_status("subject", method=STATES, subject="=~$machine"), "{{subject}}"),
            STATUS,
        ),
        value_table(
            "Sensors in breach",
            "Sensors outside their operating limits (limit), silent (dead) or frozen (stuck). limit: check the "
            "machine. dead or stuck: check sensor, cable and gateway; until then the sensor is not monitored.",
            Query(
                by(
                    "max",
                    ("subject", "feature", "method"),
                    series("gatewatch_finding_status", detector=LIMITS, subject="=~$machine", status="breach"),
                )
                + " == 1",
                instant=True,
            ),
            {"subject": "machine", "feature": "sensor", "method": "breach", "Value": "in breach"},
            width=12,
            empty="no sensor is in breach, or no data came",
        ),
        *_scores(),
        *_outlook(),
    ]


def _scores() -> list[Panel]:
    """The anomaly scores and what makes them."""
    return [
        lines(
            "Anomaly score of each machine, as a share of its limit",
            "How far each machine is from its normal pattern, over all its sensors. A rise over hours indicates "
            "wear: plan the stop. After a sudden rise, check what was changed on the machine.",
            [
                Query(
                    share_of_limit(("subject",), detector=ANOMALY, method=CONDITION, subject="=~$machine"),
                    "{{subject}}",
                ),
                Query(_one_limit(ANOMALY), "limit"),
            ],
            unit="percentunit",
            width=12,
        ),
        lines(
            "What each sensor contributes to the anomaly score",
            "The sensors that make the scores of the chosen machines: 1 marks a sample, 2 calls a person. Start an "
            "inspection at the highest line.",
            [
                Query(
                    by("max", ("machine", "sensor"), series("gatewatch_anomaly_contribution", machine="=~$machine"))
                    + " > 0.5",
                    "{{machine}} {{sensor}}",
                )
            ],
            width=12,
        ),
    ]


def _outlook() -> list[Panel]:
    """When sensors reach their limits."""
    return [
        lines(
            "Running time until a sensor reaches its limit",
            "Only sensors with a trend: the likely time, and the earliest and latest in nine of ten cases. Plan the "
            "stop before the earliest one.",
            [
                Query(
                    by(
                        "min",
                        ("machine", "sensor", "bound"),
                        series("gatewatch_machine_time_left_seconds", machine="=~$machine"),
                    ),
                    "{{machine}} {{sensor}}, {{bound}}",
                )
            ],
            unit="s",
            width=12,
        ),
    ]


def sensor_panels() -> list[Panel]:
    """A graph for each sensor, with both limits, in its unit."""
    chosen = {"machine": "=~$machine", "sensor": "=~$sensor"}
    newest, limits = (series(f"gatewatch_sensor_{name}", **chosen) for name in ("value", "limit"))
    return [
        lines(
            "$sensor",
            "The newest value of the sensor on each chosen machine while it runs, and its operating limits. If it "
            "moves towards one of them, plan a stop before it gets there.",
            [
                Query(by("max", ("machine", "unit"), newest), "{{machine}} {{unit}}"),
                Query(by("max", ("machine", "side"), limits), "limit {{side}}"),
            ],
            zero=False,
            width=6,
        ).repeat("sensor").repeat_direction("h").max_per_row(4)
    ]  # fmt: skip


def worst_status(label: str, **chosen: str) -> str:
    """By a label the worst status of findings: its place in ok, no data, not judged, breach."""
    ranked = (
        f"{rank} * {series('gatewatch_finding_status', **chosen, status=status)}" for rank, status in enumerate(_WORST)
    )
    return by("max", (label,), " or ".join(ranked))


def _one_limit(detector: str) -> str:
    """1 if a limit is exported: the limit as a share of itself."""
    exported = series("gatewatch_finding_limit", detector=detector)
    return by("max", (), f"{exported} / {exported}")
