"""A chart as a picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from detectors.spc.files.charting import Charted
from detectors.spc.rules import Rule
from monitor.model import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE, _LIMIT, _SIGNAL = "#33557f", "#b03030", "#d04040"


def picture(charted: Charted, format_: str) -> bytes:
    """The points with their limits, their spread, and the sums or averages that are asked; as png or svg."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = charted.study
    memory = [rule for rule in (Rule.EWMA, Rule.CUSUM) if rule in found.settings.rules]
    figure = Figure(figsize=(12, 3.0 + 2.2 * (1 + len(memory))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 + len(memory), 1, sharex=True, squeeze=False)[:, 0]
    lower, upper = found.limits.band(found.points)
    center, _ = found.limits.band(found.points, 0.0)
    _draw(axes[0], found.points.means, charted.column.name[:24], (lower, center, upper))
    low, middle, high = found.limits.spread_band(found.points)
    _draw(axes[1], found.points.spreads, found.points.spread.value, (low, middle, high))
    for axis, rule in zip(axes[2:], memory, strict=True):
        _draw_memory(axis, charted, rule)
    _mark(charted, axes)
    axes[-1].set_xlabel("point; grey: phase 1, dashed: limits, red: signals", fontsize=8)
    file = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "gatewatch", "svg.fonttype": "none"}):
        figure.savefig(file, format=format_, dpi=110, metadata={"Date": None} if format_ == "svg" else None)
    return file.getvalue()


def _draw(axis: Axes, values: Floats, name: str, lines: tuple[Floats, Floats, Floats]) -> None:
    numbers = np.arange(1, len(values) + 1)
    axis.plot(numbers, values, linewidth=0.7, marker=".", markersize=3, color=_LINE)
    for line, style in zip(lines, ("--", "-", "--"), strict=True):
        axis.plot(numbers, line, linewidth=0.8, color=_LIMIT, linestyle=style, drawstyle="steps-mid")
    axis.set_ylabel(name, fontsize=8)


def _draw_memory(axis: Axes, charted: Charted, rule: Rule) -> None:
    judged, settings = charted.study.judged, charted.study.settings
    if rule is Rule.EWMA:
        _draw(axis, judged.average, "EWMA / sigma", (-judged.bounds, 0 * judged.bounds, judged.bounds))
        return
    limit = np.full(len(judged.above), settings.cusum.limit)
    _draw(axis, judged.above, "CUSUM / sigma", (-limit, 0 * limit, limit))
    axis.plot(np.arange(1, len(limit) + 1), -judged.below, linewidth=0.7, marker=".", markersize=3, color=_LINE)


def _mark(charted: Charted, axes: np.ndarray) -> None:
    """Phase 1 on every panel, and the points that signal on that of the rule."""
    found = charted.study
    values = {Rule.SPREAD: 1, Rule.EWMA: -1, Rule.CUSUM: -1}
    for axis in axes:
        axis.axvspan(found.phase1[0] + 0.5, found.phase1[1] + 0.5, color="#999999", alpha=0.15, linewidth=0)
        axis.tick_params(labelsize=7)
    for rule, flags in found.judged.flags.items():
        at = np.flatnonzero(flags)
        panel = values.get(rule, 0)
        panel = 2 if rule is Rule.EWMA else panel
        y = {0: found.points.means, 1: found.points.spreads, 2: found.judged.average}.get(panel)
        if y is None:
            y = np.where(found.judged.above >= found.judged.below, found.judged.above, -found.judged.below)
        axes[panel].plot(at + 1, y[at], linestyle="", marker="o", markersize=4, color=_SIGNAL)
