"""Numbers at each evaluation beside their limits: performance of gates, drift of steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from exporters.html.html import Html, chip, table, tag
from exporters.html.svg import Frame, band, curve, figure, padded, time_axis, value_axis, words
from exporters.html.words import number
from exporters.report.values import Beyond, Evaluation, PlantReport, StepReport, Trend
from exporters.report.view import View, faults_of_parts, truth_bands, view_of
from exporters.report.words import folded, legend, moment, plain, plot
from monitor.detection import DRIFT, IMAGE_DRIFT

_GAP = timedelta(hours=6)
_ROWS = 200


def drift_section(report: PlantReport) -> list[Html]:
    """Every step that was looked at, the faults put in at it behind its pictures."""
    found: list[Html] = []
    for step in report.steps:
        here = [fault for fault in faults_of_parts(report) if fault.step == step.name]
        found += _step(step, view_of(report, here))
    return found or [tag("p", "No step was looked at in this time.", class_="muted")]


def _step(step: StepReport, view: View) -> Iterable[Html]:
    yield tag("h3", f"Step {step.name}")
    yield trend_plots(step.trends, view, _DRIFT, wide=True)
    yield beyond_table("Feature", step.features, "None of its features was above its limit.")
    for reference in step.references:
        yield tag("p", "Reference frozen at ", moment(reference.start), f": {reference.what}.", class_="muted")


_DRIFT = {DRIFT: "worst feature, times its limit", IMAGE_DRIFT: "worst feature of the images, times its limit"}


def beyond_table(name: str, rows: Iterable[Beyond], empty: str) -> Html:
    """Features or slices that were above their limits."""
    heads = (name, "Measured by", "Evaluations above the limit", "Worst, times the limit", "First (UTC)", "Last")
    return table(heads, [_beyond_row(row) for row in rows], empty)


def _beyond_row(f: Beyond) -> tuple[str, ...]:
    how = f"{plain(f.method)} (images)" if f.detector == IMAGE_DRIFT else plain(f.method)
    return f.feature, how, str(f.evaluations), number(f.worst), moment(f.first), moment(f.last)


def trend_plots(trends: Iterable[Trend], view: View, titles: Mapping[str, str], wide: bool = False) -> Html:
    """A picture for each number, small ones side by side, with a table behind it."""
    told = [trend for trend in trends if any(p.value is not None for p in trend.points)]
    if not told:
        return tag("p", "Nothing could be judged in this time.", class_="muted")
    pictures = [
        _plot(trend, view, titles.get(trend.method) or titles.get(trend.detector, plain(trend.method)), wide)
        for trend in told
    ]
    truth = [("fault faint", "a fault was put in")] if view.faults else []
    keys = legend([("line", "value"), ("limit", "limit"), ("breach", "beyond the limit"), *truth])
    return tag("div", keys, tag("div", *pictures, class_="stack" if wide else "plots two"))


def _plot(trend: Trend, view: View, title: str, wide: bool) -> Html:
    named = title[:1].upper() + title[1:]
    return tag("div", plot(named, _picture(trend, view, named, wide), wide), folded("as a table", _table(trend)))


def _picture(trend: Trend, view: View, title: str, wide: bool) -> Html:
    points = trend.points
    known = [v for p in points for v in (p.value, p.limit) if v is not None]
    low, high = padded([0.0, *known])
    frame = Frame(view.start, view.end, low, high, width=960.0 if wide else 470.0, height=150.0, left=44.0)
    worst = max((p for p in points if p.value is not None), key=lambda p: p.value or 0.0)
    causes = f" ({', '.join(worst.causes[:3])})" if worst.causes else ""
    said = f"{len(points)} evaluations; highest {number(worst.value)}{causes} at {worst.at:%Y-%m-%d %H:%M} UTC."
    return figure(
        frame, title, said, *truth_bands(frame, view.faults), value_axis(frame, 3), time_axis(frame),
        *_beyond(frame, points),
        curve(frame, [(p.at, p.limit) for p in points], "limit", _GAP),
        curve(frame, [(p.at, p.value) for p in points], "line", _GAP),
        words(frame.x(worst.at), frame.y(worst.value or 0.0) - 5, ", ".join(worst.causes[:2]), "label",
              "end" if frame.x(worst.at) > frame.width / 2 else "start"),
    )  # fmt: skip


def _beyond(frame: Frame, points: Iterable[Evaluation]) -> Iterable[Html]:
    began: Evaluation | None = None
    last: Evaluation | None = None
    for p in points:
        last = p
        if p.status == "breach" and began is None:
            began = p
        elif p.status != "breach" and began is not None:
            yield band(frame, began.at, p.at, "breach", _said(began))
            began = None
    if began is not None and last is not None:
        yield band(frame, began.at, last.at, "breach", _said(began))


def _said(p: Evaluation) -> str:
    causes = f": {', '.join(p.causes[:3])}" if p.causes else ""
    return f"beyond the limit from {p.at:%Y-%m-%d %H:%M} UTC{causes}"


def _table(trend: Trend) -> Html:
    rows: list[tuple[str, ...]] = [
        (moment(p.at), number(p.value), number(p.limit), chip(p.status), ", ".join(p.causes[:3]) or "-")
        for p in trend.points[-_ROWS:]
    ]
    return table(("At (UTC)", "Value", "Limit", "", "Because of"), rows, "Not evaluated.")
