"""Machines in the report: sensors with their operating limits, breaches, and stops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from exporters.html.formatting import duration, number
from exporters.html.html import Html, chip, table, tag
from exporters.html.svg import Frame, band, curve, envelope, figure, padded, rule, time_axis, value_axis
from exporters.report.elements import collapsed, legend, moment, plain, plot, until
from exporters.report.values import Breach, MachineReport, Period, PlantReport, SensorReport
from exporters.report.view import View, fault_bands, view_of
from monitor.detection import LIMITS

MOST_CHARTS = 120
"""The maximum number of sensor charts, which keeps the file small."""


def machines_section(report: PlantReport) -> list[Html]:
    """Every machine with its table; charts for up to MOST_CHARTS sensors."""
    drawn = _drawn(report.machines)
    keys = [
        ("line", "mean"), ("area", "lowest to highest"), ("limit", "operating limit"), ("breach", "breach"),
        ("cause", "cause of an anomaly"), ("rest", "the machine did not run"),
        *([("fault faint", "injected fault")] if report.faults else []),
    ]  # fmt: skip
    elements = [legend(keys)]
    for machine in report.machines:
        here = [fault for fault in report.faults or () if fault.subject == machine.name]
        elements += _machine(machine, drawn, view_of(report, here))
    left_out = sum(len(m.sensors) for m in report.machines) - len(drawn)
    if left_out:
        elements.append(tag("p", f"{left_out} sensors without a breach are in the tables only.", class_="muted"))
    return elements if report.machines else [tag("p", "The plant file has no machine.", class_="muted")]


def _drawn(machines: Sequence[MachineReport]) -> frozenset[tuple[str, str]]:
    """The sensors that get a chart: those with a breach first, then causes of anomalies."""
    sensors = [(m, s) for m in machines for s in m.sensors]
    caused = {(m.name, cause) for m in machines for b in m.breaches for cause in b.causes}
    ranked = sorted(sensors, key=lambda pair: (not pair[1].breaches, (pair[0].name, pair[1].name) not in caused))
    return frozenset((m.name, s.name) for m, s in ranked[:MOST_CHARTS])


def _machine(machine: MachineReport, drawn: frozenset[tuple[str, str]], view: View) -> Iterable[Html]:
    yield tag("h3", f"Machine {machine.name}", tag("span", f", step {machine.step}", class_="muted"))
    breaches = sorted([*machine.breaches, *(b for s in machine.sensors for b in s.breaches)], key=lambda b: b.start)
    stopped = sum(((p.end or view.end) - p.start for p in machine.not_running), timedelta())
    uptime = f"It ran {100 * (1 - stopped / (view.end - view.start)):.0f} % of the time. "
    yield tag("p", uptime, "" if breaches else "No breach.", class_="muted")
    if breaches:
        yield table(_BREACH_HEADS, [_breach_row(b, view.end) for b in breaches], "")
    charts = [_sensor(machine, s, view) for s in machine.sensors if (machine.name, s.name) in drawn]
    yield tag("div", *charts, class_="plots")
    yield collapsed(f"the {len(machine.sensors)} sensors as a table", _sensor_table(machine.sensors))


_BREACH_HEADS = ("Detected by", "Sensor", "Value", "Limit", "Since (UTC)", "Until", "Lasted")


def _breach_row(b: Breach, end: datetime) -> tuple[str, ...]:
    # Causes are ordered by weight.
    where = b.feature or ", ".join(b.causes[:3]) or "-"
    name = plain(b.method) if b.detector == LIMITS else f"{plain(b.detector)} ({plain(b.method)})"
    length = duration((b.end or end) - b.start)
    return name, where, number(b.value), number(b.limit), moment(b.start), until(b.end), length


def _sensor(machine: MachineReport, sensor: SensorReport, view: View) -> Html:
    unit = f", {sensor.unit}" if sensor.unit else ""
    mark = chip("breach") if sensor.breaches else ""
    caption = tag("span", f"{sensor.name}{unit} ", mark)
    return plot(caption, _chart(machine, sensor, view), wide=False)


def _chart(machine: MachineReport, sensor: SensorReport, view: View) -> Html:
    limits = [v for v in (sensor.low, sensor.high) if v is not None]
    low, high = padded([*limits, *(v for b in sensor.buckets for v in (b.minimum, b.maximum))])
    frame = Frame(view.start, view.end, low, high, width=320.0, height=132.0, left=44.0, right=8.0, top=6.0)
    gap = 2 * sensor.step
    middle = [(b.start + sensor.step / 2, b) for b in sensor.buckets]
    return figure(
        frame, f"{sensor.name} of {machine.name}", _description(sensor),
        *fault_bands(frame, [f for f in view.faults if f.sensor in ("", sensor.name)]),
        *_period_bands(frame, machine.not_running, "rest"), *_causes(frame, machine, sensor), *_breaches(frame, sensor),
        value_axis(frame, 3), time_axis(frame),
        envelope(frame, [(at, b.minimum, b.maximum) for at, b in middle], "area", gap),
        curve(frame, [(at, b.mean) for at, b in middle], "line", gap),
        *(rule(frame, value, "limit") for value in limits),
    )  # fmt: skip


def _breaches(frame: Frame, sensor: SensorReport) -> Iterable[Html]:
    for b in sensor.breaches:
        yield band(frame, b.start, b.end, "breach", f"{plain(b.method)} from {b.start:%Y-%m-%d %H:%M} UTC")


def _causes(frame: Frame, machine: MachineReport, sensor: SensorReport) -> Iterable[Html]:
    for b in machine.breaches:
        if sensor.name in b.causes[:3]:
            yield band(frame, b.start, b.end, "cause", f"{plain(b.detector)} from {b.start:%Y-%m-%d %H:%M} UTC")


def _period_bands(frame: Frame, periods: Iterable[Period], class_: str) -> Iterable[Html]:
    """Periods as bands; those too narrow to see are left out."""
    for s in periods:
        if frame.x(s.end or frame.end) - frame.x(s.start) >= 1.0:
            yield band(frame, s.start, s.end, class_, f"{s.what} from {s.start:%Y-%m-%d %H:%M} UTC")


def _description(sensor: SensorReport) -> str:
    if not sensor.buckets:
        return "No value while the machine ran."
    low, high = min(b.minimum for b in sensor.buckets), max(b.maximum for b in sensor.buckets)
    limits = f"operating limits {number(sensor.low)} to {number(sensor.high)}"
    breaches = f"{len(sensor.breaches)} breaches" if sensor.breaches else "no breach"
    return f"From {number(low)} to {number(high)} {sensor.unit}; {limits}; {breaches}."


def _sensor_table(sensors: Iterable[SensorReport]) -> Html:
    heads = ("Sensor", "Unit", "Lower limit", "Upper limit", "Lowest", "Highest", "Samples", "Missing", "Breaches")
    return table(heads, [_sensor_row(s) for s in sensors], "It has no sensors.")


def _sensor_row(s: SensorReport) -> tuple[str, ...]:
    low = min((b.minimum for b in s.buckets), default=None)
    high = max((b.maximum for b in s.buckets), default=None)
    numbers = (number(s.low), number(s.high), number(low), number(high))
    return s.name, s.unit or "-", *numbers, str(s.rows), str(s.missing), str(len(s.breaches))
