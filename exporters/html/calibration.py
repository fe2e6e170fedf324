"""Calibration plots: what predictions claimed beside what was observed, with bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from exporters.html.html import Html
from exporters.html.svg import Frame, block, figure, label, polyline, rule, value_axis
from monitor.instants import EPOCH


class Bar(NamedTuple):
    """A bin from `low` to `high` (shares): what was claimed and observed of its cases, and bounds of the latter."""

    low: float
    high: float
    claimed: float
    observed: float
    lower: float
    upper: float


def histogram(bars: Sequence[Bar], title: str, text: str) -> Html:
    """Bars of the observed shares with their bounds, and a line at what each should be."""
    most = max(bar.upper for bar in bars)
    frame = Frame(EPOCH, EPOCH, 0.0, most * 1.05, width=470.0, height=170.0, left=44.0)
    drawn = [value_axis(frame, 3)]
    for bar in bars:
        x, right, top = _x(frame, bar.low) + 1, _x(frame, bar.high) - 1, frame.y(bar.observed)
        drawn += [block(x, top, right - x, frame.floor - top, "area"), _bounds(frame, (x + right) / 2, bar)]
    claimed = rule(frame, bars[0].claimed, "limit", "claimed")
    return figure(frame, title, text, *drawn, claimed, *_shares(frame))


def reliability(bars: Sequence[Bar], title: str, text: str) -> Html:
    """The observed share over the claimed one with its bounds; on the dashed line both are the same."""
    frame = Frame(EPOCH, EPOCH, width=470.0, height=230.0, left=44.0)
    same = polyline([(_x(frame, 0.0), frame.y(0.0)), (_x(frame, 1.0), frame.y(1.0))], "limit")
    bounds = [_bounds(frame, _x(frame, bar.claimed), bar) for bar in bars]
    points = polyline([(_x(frame, bar.claimed), frame.y(bar.observed)) for bar in bars], "line")
    return figure(frame, title, text, value_axis(frame), same, *bounds, points, *_shares(frame))


def _bounds(frame: Frame, x: float, bar: Bar) -> Html:
    return polyline([(x, frame.y(bar.lower)), (x, frame.y(bar.upper))], "sign")


def _x(frame: Frame, share: float) -> float:
    return frame.left + share * (frame.width - frame.left - frame.right)


def _shares(frame: Frame) -> list[Html]:
    """The labels of the horizontal axis, from 0 to 1."""
    ticks = ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    return [label(_x(frame, at), frame.height - 7, f"{at:g}", "label", anchor) for at, anchor in ticks]
