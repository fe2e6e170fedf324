"""Values and limits over evaluations: performance of gates, drift of steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from exporters.html.formatting import number
from exporters.html.html import Html, chip, table, tag
from exporters.html.svg import Frame, band, curve, figure, label, padded, time_axis, value_axis
from exporters.report.elements import collapsed, legend, moment, plain, plot
from exporters.report.values import Evaluation, Exceedance, PlantReport, StepReport, Trend
from exporters.report.view import View, fault_bands, process_faults, view_of
from monitor.detection import CHART, DRIFT, IMAGE_DRIFT

_GAP = timedelta(hours=6)
_ROWS = 200


def drift_section(report: PlantReport) -> list[Html]:
    """Every judged step, with its injected faults in the background."""
    elements: list[Html] = []
    for step in report.steps:
        here = [fault for fault in process_faults(report) if fault.step == step.name]
        elements += _step(step, view_of(report, here))
    return elements or [tag("p", "No step was judged in this period.", class_="muted")]


def _step(step: StepReport, view: View) -> Iterable[Html]:
    yield tag("h3", f"Step {step.name}")
    yield trend_plots(step.trends, view, _DRIFT_TITLES, wide=True)
    yield exceedances_table("Feature", step.features, "No feature was above its limit.")
    for reference in step.references:
        yield tag("p", "Reference frozen at ", moment(reference.start), f": {reference.what}.", class_="muted")


_DRIFT_TITLES = {
    DRIFT: "worst feature, as a ratio to its limit",
    IMAGE_DRIFT: "worst image feature, as a ratio to its limit",
    CHART: "worst control chart, as a ratio to its limit",
}


def exceedances_table(name: str, rows: Iterable[Exceedance], empty: str) -> Html:
    """Features or slices that were above their limits."""
    heads = (name, "Method", "Evaluations above the limit", "Worst ratio to the limit", "First (UTC)", "Last")
    return table(heads, [_exceedance_row(row) for row in rows], empty)


def _exceedance_row(f: Exceedance) -> tuple[str, ...]:
    method = f"{plain(f.method)} (images)" if f.detector == IMAGE_DRIFT else plain(f.method)
    return f.feature, method, str(f.evaluations), number(f.worst), moment(f.first), moment(f.last)


def trend_plots(trends: Iterable[Trend], view: View, titles: Mapping[str, str], wide: bool = False) -> Html:
    """A chart with a table for each value; narrow ones side by side."""
    judged = [trend for trend in trends if any(p.value is not None for p in trend.points)]
    if not judged:
        return tag("p", "Nothing could be judged in this period.", class_="muted")
    charts = [
        _plot(trend, view, titles.get(trend.method) or titles.get(trend.detector, plain(trend.method)), wide)
        for trend in judged
    ]
    truth = [("fault faint", "injected fault")] if view.faults else []
    keys = legend([("line", "value"), ("limit", "limit"), ("breach", "beyond the limit"), *truth])
    return tag("div", keys, tag("div", *charts, class_="stack" if wide else "plots two"))


def _plot(trend: Trend, view: View, title: str, wide: bool) -> Html:
    title = title[:1].upper() + title[1:]
    return tag("div", plot(title, _chart(trend, view, title, wide), wide), collapsed("as a table", _table(trend)))


def _chart(trend: Trend, view: View, title: str, wide: bool) -> Html:
    points = trend.points
    values = [v for p in points for v in (p.value, p.limit) if v is not None]
    low, high = padded([0.0, *values])
    frame = Frame(view.start, view.end, low, high, width=960.0 if wide else 470.0, height=150.0, left=44.0)
    worst = max((p for p in points if p.value is not None), key=lambda p: p.value or 0.0)
    causes = f" ({', '.join(worst.causes[:3])})" if worst.causes else ""
    description = f"{len(points)} evaluations; highest {number(worst.value)}{causes} at {worst.at:%Y-%m-%d %H:%M} UTC."
    return figure(
        frame, title, description, *fault_bands(frame, view.faults), value_axis(frame, 3), time_axis(frame),
        *_breach_bands(frame, points),
        curve(frame, [(p.at, p.limit) for p in points], "limit", _GAP),
        curve(frame, [(p.at, p.value) for p in points], "line", _GAP),
        label(frame.x(worst.at), frame.y(worst.value or 0.0) - 5, ", ".join(worst.causes[:2]), "label",
              "end" if frame.x(worst.at) > frame.width / 2 else "start"),
    )  # fmt: skip


def _breach_bands(frame: Frame, points: Iterable[Evaluation]) -> Iterable[Html]:
    began: Evaluation | None = None
    last: Evaluation | None = None
    for p in points:
        last = p
        if p.status == "breach" and began is None:
            began = p
        elif p.status != "breach" and began is not None:
            yield band(frame, began.at, p.at, "breach", _tooltip(began))
            began = None
    if began is not None and last is not None:
        yield band(frame, began.at, last.at, "breach", _tooltip(began))


def _tooltip(p: Evaluation) -> str:
    causes = f": {', '.join(p.causes[:3])}" if p.causes else ""
    return f"beyond the limit from {p.at:%Y-%m-%d %H:%M} UTC{causes}"


def _table(trend: Trend) -> Html:
    rows: list[tuple[str, ...]] = [
        (moment(p.at), number(p.value), number(p.limit), chip(p.status), ", ".join(p.causes[:3]) or "-")
        for p in trend.points[-_ROWS:]
    ]
    return table(("At (UTC)", "Value", "Limit", "", "Causes"), rows, "Not evaluated.")
