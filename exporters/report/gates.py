"""Gates in the report: recommendations and their outcomes, and the accuracy of predictions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from exporters.html.calibration import Bar, histogram, reliability
from exporters.html.formatting import number
from exporters.html.html import Html, table, tag
from exporters.html.svg import Frame, block, curve, envelope, figure, label, padded, rule, time_axis, value_axis
from exporters.report.elements import collapsed, counts, legend, moment, plot, share
from exporters.report.trend import exceedances_table, trend_plots
from exporters.report.values import DecisionCounts, GateReport, PlantReport, Realised
from exporters.report.view import View, fault_bands, process_faults, view_of
from monitor.detection import (
    BIAS,
    ESTIMATE_LIGHT,
    ESTIMATED_COVERAGE,
    ESTIMATED_ERROR,
    LOG_LOSS,
    MAE,
    MISCOVERAGE,
    SKILL,
    WORST_RATIO,
)

VERDICTS = ("continue", "correct", "scrap", "hold")


def gates_section(report: PlantReport) -> list[Html]:
    """Every gate under its own heading, with faults of parts and process in the background of its charts."""
    return [element for gate in report.gates for element in _gate(gate, view_of(report, process_faults(report)))]


def _gate(gate: GateReport, view: View) -> Iterable[Html]:
    yield tag("h3", f"Gate {gate.name}", id=f"gate-{gate.name}")
    parts = sum(row.parts for row in gate.verdicts)
    if not parts:
        yield tag("p", f"It made no decisions at step {gate.step}.", class_="muted")
        return
    yield tag("p", _about(gate, parts), class_="muted")
    yield _recommendations(gate)
    yield tag("p", f"Held because: {counts(gate.holds) or 'nothing'}.")
    yield legend([(f"b-{v}", v) for v in VERDICTS])
    yield plot(f"Parts by verdict, {_bar_length(gate.bar)} per bar", _decisions_chart(gate, view))
    yield collapsed("as a table", _decisions_table(gate.decided))
    if gate.realised:
        yield from _errors(gate, view)
    if gate.calibration:
        yield from _calibration(gate)
    yield tag("h4", "Accuracy over the newest parts with an outcome")
    yield trend_plots(gate.trends, view, _MEASURE_TITLES)
    if gate.slices:
        yield exceedances_table("Machine/recipe", gate.slices, "")


def _about(gate: GateReport, parts: int) -> str:
    meanings = ", ".join(f"{name} means {meaning}" for name, meaning in gate.classes)
    of_classes = f" ({meanings}; it decides by one meaning from {100 * gate.coverage:.0f} % on)" if meanings else ""
    return f"Predicts {gate.characteristic}{of_classes} at step {gate.step}; {parts} parts in this period."


_MEASURE_TITLES = {
    MAE: "mean absolute error",
    LOG_LOSS: "mean log loss of the classes",
    BIAS: "bias, positive or negative",
    MISCOVERAGE: "share of outcomes outside their intervals",
    SKILL: "skill over what was known of outcomes; the limit is a lower bound",
    ESTIMATED_ERROR: "error of the parts that wait for their outcome, estimated",
    ESTIMATED_COVERAGE: "share of their outcomes inside their intervals, estimated",
    ESTIMATE_LIGHT: "whether the estimates can be believed: 0 green, 1 too few parts, 2 an assumption is broken",
    WORST_RATIO: "worst of error, bias and share outside, as a ratio to its limit",
}


def _recommendations(gate: GateReport) -> Html:
    rows: list[tuple[str, ...]] = [
        (row.verdict, str(row.parts), share(row.parts, sum(r.parts for r in gate.verdicts)), str(row.in_spec),
         str(row.reworkable), str(row.scrap), str(row.waiting))
        for row in gate.verdicts
    ]  # fmt: skip
    heads = ("Verdict", "Parts", "Share", "In spec", "Reworkable", "Scrap", "No outcome yet")
    return table(heads, rows, "No decision.")


def _bar_length(length: timedelta) -> str:
    minutes = round(length / timedelta(minutes=1))
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _decisions_chart(gate: GateReport, view: View) -> Html:
    most = max(sum(d.counts.values()) for d in gate.decided)
    frame = Frame(view.start, view.end, 0.0, most * 1.05, height=150.0)
    elements: list[Html] = [*fault_bands(frame, view.faults), value_axis(frame, 3), time_axis(frame)]
    for d in gate.decided:
        x, right = frame.x(d.start), frame.x(d.start + gate.bar)
        stacked = 0
        for verdict in VERDICTS:
            n = d.counts.get(verdict, 0)
            if n:
                top, bottom = frame.y(stacked + n), frame.y(stacked)
                tooltip = f"{d.start:%Y-%m-%d %H:%M} UTC: {verdict} {n}"
                elements.append(block(x, top, max(1.0, right - x - 0.6), bottom - top, f"b-{verdict}", tooltip))
                stacked += n
    title = f"Parts by verdict of gate {gate.name}"
    return figure(frame, title, "Stacked bars over time; the table below has the numbers.", *elements)


def _decisions_table(decided: Iterable[DecisionCounts]) -> Html:
    rows: list[tuple[str, ...]] = [(moment(d.start), *(str(d.counts.get(v, 0)) for v in VERDICTS)) for d in decided]
    return table(("From (UTC)", *(v.capitalize() for v in VERDICTS)), rows, "No decision.")


def _errors(gate: GateReport, view: View) -> Iterable[Html]:
    yield legend([("area", "smallest to largest error"), ("line", "mean error")])
    outcomes = sum(r.parts for r in gate.realised)
    covered = share(sum(r.covered for r in gate.realised), outcomes)
    what = f"Prediction minus outcome in {gate.unit or 'its unit'}", "inside their interval"
    if gate.classes:
        what = "Probability of a part that is not good, minus 1 where it was not", "among the likeliest classes"
    caption = (
        f"{what[0]}, by the time of measurement: {outcomes} parts, {covered} {what[1]} "
        f"(target {100 * gate.coverage:.0f} %)"
    )
    yield plot(caption, _error_chart(gate, view))
    yield collapsed("as a table", _error_table(gate.realised))


def _error_chart(gate: GateReport, view: View) -> Html:
    low, high = padded([0.0, *(r.lowest for r in gate.realised), *(r.highest for r in gate.realised)])
    frame = Frame(view.start, view.end, low, high, height=170.0)
    step = (view.end - view.start) / 160
    gap = max(timedelta(hours=3), 3 * step)
    middle = [(r.start + step / 2, r) for r in gate.realised]
    title = f"Prediction minus outcome of gate {gate.name}"
    return figure(
        frame, title, "Mean, smallest and largest error over time; the table below has the numbers.",
        *fault_bands(frame, view.faults), value_axis(frame), time_axis(frame),
        envelope(frame, [(at, r.lowest, r.highest) for at, r in middle], "area", gap),
        rule(frame, 0.0, "zero"), curve(frame, [(at, r.bias) for at, r in middle], "line", gap),
        label(4, 12, gate.unit),
    )  # fmt: skip


def _calibration(gate: GateReport) -> Iterable[Html]:
    """Whether predictions hold what they claim."""
    bars = [Bar(b.low, b.high, b.claimed, b.observed, b.lower, b.upper) for b in gate.calibration]
    title = f"Claimed and observed shares of gate {gate.name}"
    text = "Observed shares with 90 % bounds; the table below has the numbers."
    if gate.classes:
        caption = "Share of parts that were not good, over the probability that was claimed"
        chart = reliability(bars, title, text)
    else:
        caption = (
            f"Share of outcomes in each tenth of the predicted distribution, {gate.calibration[0].parts} parts. High "
            "at both ends: intervals are too narrow; high in the middle: too wide; high on one side: biased"
        )
        chart = histogram(bars, title, text)
    yield plot(caption, chart, wide=False)
    rows: list[tuple[str, ...]] = [
        (f"{b.low:.1f} to {b.high:.1f}", str(b.parts), number(b.claimed), number(b.observed),
         f"{b.lower:.3f} to {b.upper:.3f}")
        for b in gate.calibration
    ]  # fmt: skip
    heads = ("Claimed probability" if gate.classes else "Tenth", "Parts", "Claimed", "Observed", "90 % bounds")
    yield collapsed("as a table", table(heads, rows, "No outcome."))


def _error_table(realised: Iterable[Realised]) -> Html:
    rows: list[tuple[str, ...]] = [
        (moment(r.start), str(r.parts), number(r.bias), number(r.lowest), number(r.highest), str(r.covered))
        for r in realised
    ]
    heads = ("From (UTC)", "Outcomes", "Mean error", "Lowest", "Highest", "Inside the interval")
    return table(heads, rows, "No outcome.")
