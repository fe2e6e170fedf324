"""The findings of a subject as tables: each sensor of a machine with its limits, and what detectors found otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporters.html.formatting import number
from exporters.html.html import Html, chip, table, tag
from exporters.metrics.shared.labels import time_left_text
from exporters.metrics.shared.snapshot import BoardRow
from exporters.pages.clock import Clock
from exporters.pages.findings import WORST_FIRST, newest_sample, states, worst_status
from monitor.detection import LIMIT, LIMITS, MEASURES, TIME_LEFT_HOURS
from monitor.model import Status
from monitor.plant.line import Machine, Sensor


def sensors_table(machine: Machine, rows: Sequence[BoardRow], clock: Clock) -> Html:
    """Every sensor with its value between its operating limits; without a fresh finding it has no data."""
    of_sensor: dict[str, list[BoardRow]] = {name: [] for name in machine.sensors}
    for row in rows:
        of_sensor.setdefault(row.feature, []).append(row)
    told = [_sensor(name, sensor, of_sensor[name], clock) for name, sensor in machine.sensors.items()]
    heads = ("Sensor", "", "Value", "Low limit", "High limit", "Unit", "What", "Hours until a limit", "As of")
    return table(heads, told, "The plant file names no sensor of this machine.")


def _sensor(name: str, sensor: Sensor, rows: Sequence[BoardRow], clock: Clock) -> tuple[str, ...]:
    judged = states(rows)
    value = next((row.value for row in judged if (row.detector, row.method) == (LIMITS, LIMIT)), None)
    wrong = ", ".join(f"{_plain(row.method)}: {_plain(row.status)}" for row in judged if row.status != Status.OK)
    hours = {row.method: row.value for row in rows if row.method in TIME_LEFT_HOURS}
    trend = any(hour is not None for hour in hours.values())
    left = time_left_text(*(hours.get(method) for method in TIME_LEFT_HOURS)) if trend else "-"
    newest = newest_sample(judged)
    limits = number(sensor.low), number(sensor.high)
    return name, worst_status(judged), number(value), *limits, sensor.unit, wrong, left, clock.ago(newest)


def findings_table(rows: Sequence[BoardRow], clock: Clock) -> Iterator[Html]:
    """What is not well, worst first; what is well is folded away. No finding is no sign that all is well."""
    told = [row for row in rows if row.method not in MEASURES]
    wrong = sorted((row for row in told if row.status != Status.OK), key=_rank)
    well = [row for row in told if row.status == Status.OK]
    if not told:
        yield tag("p", "No fresh finding: nothing has judged it lately.", class_="muted")
        return
    yield table(_HEADS, [_row(row, clock) for row in wrong], "Nothing is beyond its limit.")
    if well:
        summary = tag("summary", f"{len(well)} {'check' if len(well) == 1 else 'checks'} without a problem")
        yield tag("details", summary, table(_HEADS, [_row(row, clock) for row in well], ""))


_HEADS = ("", "What", "Of", "Value", "Limit", "Because of", "As of")


def _row(row: BoardRow, clock: Clock) -> tuple[str, ...]:
    what = f"{_plain(row.detector)}, {_plain(row.method)}"
    values = number(row.value), number(row.limit)
    return chip(row.status), what, row.feature or "-", *values, ", ".join(row.causes) or "-", clock.ago(row.at)


def _rank(row: BoardRow) -> tuple[int, str, str]:
    status = next((n for n, one in enumerate(WORST_FIRST) if row.status == one), len(WORST_FIRST))
    return status, row.feature, row.method


def _plain(word: str) -> str:
    return word.replace("_", " ")
