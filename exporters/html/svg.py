"""Time charts as inline SVG, without scripts: frames, axes, curves, bands and bars.

Colours come from the classes of the stylesheet, so that a chart follows the reader's light or dark theme.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from exporters.html.html import Html, tag
from monitor.instants import floor_to

_SHORT = (1, 2)
"""Minutes between ticks that are too short for a bar."""
_MINUTES = (5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 10080, 20160, 43200, 129600)


@dataclass(frozen=True, slots=True)
class Frame:
    """Maps times and values to coordinates. What lies outside is drawn on the edge."""

    start: datetime
    end: datetime
    low: float = 0.0
    high: float = 1.0
    width: float = 960.0
    height: float = 170.0
    left: float = 56.0
    right: float = 14.0
    top: float = 10.0
    bottom: float = 24.0

    def x(self, at: datetime) -> float:
        """The x coordinate of an instant."""
        share = (at - self.start) / (self.end - self.start)
        return self.left + min(1.0, max(0.0, share)) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """The y coordinate of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.height - self.bottom - min(1.0, max(0.0, share)) * (self.height - self.top - self.bottom)

    @property
    def floor(self) -> float:
        """The y coordinate of the lowest value."""
        return self.height - self.bottom


def figure(frame: Frame, title: str, description: str, *elements: str) -> Html:
    """The whole chart, with title and description for screen readers."""
    box = f"0 0 {_px(frame.width)} {_px(frame.height)}"
    return tag("svg", tag("title", title), tag("desc", description), *elements, viewBox=box, role="img")


def curve(frame: Frame, points: Sequence[tuple[datetime, float | None]], class_: str, gap: timedelta) -> Html:
    """A line through the points; it breaks at None and at gaps longer than `gap`."""
    drawn = [_polyline([(frame.x(at), frame.y(v)) for at, v in run]) for run in _runs(points, gap)]
    return tag("path", d="".join(drawn), class_=class_)


def polyline(points: Sequence[tuple[float, float]], class_: str) -> Html:
    """A line through points in coordinates of the chart; at least one."""
    return tag("path", d=_polyline(points), class_=class_)


def envelope(frame: Frame, rows: Sequence[tuple[datetime, float, float]], class_: str, gap: timedelta) -> Html:
    """The area between a lower and an upper value."""
    drawn = []
    uppers = {at: high for at, _, high in rows}
    for run in _runs([(at, low) for at, low, _ in rows], gap):
        if len(run) == 1:  # A single point has no width: it is drawn as a short line.
            x = frame.x(run[0][0])
            drawn.append(_polyline([(x, frame.y(run[0][1])), (x + 1, frame.y(uppers[run[0][0]]))]))
            continue
        lower = [(frame.x(at), frame.y(low)) for at, low in run]
        upper = [(frame.x(at), frame.y(uppers[at])) for at, _ in reversed(run)]
        drawn.append(f"{_polyline([*lower, *upper])}Z")
    return tag("path", d="".join(drawn), class_=class_)


def band(frame: Frame, start: datetime, end: datetime | None, class_: str, title: str) -> Html:
    """A period over the whole height, at least 1.5 pixels wide."""
    x = frame.x(start)
    width = max(1.5, frame.x(end or frame.end) - x)
    return block(x, frame.top, width, frame.floor - frame.top, class_, title)


def block(x: float, y: float, width: float, height: float, class_: str, title: str = "") -> Html:
    """A rectangle; its title is a tooltip."""
    tooltip = (tag("title", title),) if title else ()
    return tag("rect", *tooltip, x=_px(x), y=_px(y), width=_px(width), height=_px(height), class_=class_)


def label(x: float, y: float, text: str, class_: str = "label", anchor: str = "start") -> Html:
    """Text at a point."""
    return tag("text", text, x=_px(x), y=_px(y), class_=class_, text_anchor=anchor)


def rule(frame: Frame, value: float, class_: str, text: str = "") -> Html:
    """A horizontal line at a value, labelled at its right end."""
    y = frame.y(value)
    line = _line(frame.left, y, frame.width - frame.right, y, class_)
    # Below the line if there is no room above it.
    caption = label(frame.width - frame.right - 2, y - 3 if y > frame.top + 12 else y + 12, text, "label", "end")
    return tag("g", line, caption) if text else line


def time_axis(frame: Frame) -> Html:
    """Ticks at round times in UTC, a date at each midnight, and thin lines up from them."""
    drawn: list[Html] = []
    for at in _times(frame):
        x = frame.x(at)
        text = f"{at:%b} {at.day}" if at.hour == at.minute == 0 else f"{at:%H:%M}"
        drawn.append(_line(x, frame.top, x, frame.floor, "grid"))
        # Labels at the edges stay inside the chart.
        anchor = "start" if x < frame.left + 8 else "end" if x > frame.width - frame.right - 8 else "middle"
        drawn.append(label(x, frame.height - 7, text, "label", anchor))
    return tag("g", *drawn, aria_hidden="true")


def value_axis(frame: Frame, ticks: int = 4) -> Html:
    """Ticks at round values."""
    drawn: list[Html] = []
    for value in round_values(frame.low, frame.high, ticks):
        y = frame.y(value)
        drawn += [
            _line(frame.left, y, frame.width - frame.right, y, "grid"),
            label(frame.left - 6, y + 4, f"{value:.6g}", "label", "end"),
        ]
    return tag("g", *drawn, aria_hidden="true")


def round_values(low: float, high: float, ticks: int) -> list[float]:
    """About `ticks` round values from low to high.

    >>> round_values(0.0, 1.0, 4)
    [0.0, 0.5, 1.0]
    >>> round_values(2.2, 4.6, 4)
    [3.0, 4.0]
    """
    rough = (high - low) / ticks
    if not math.isfinite(rough) or rough <= 0:
        return []
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * f for f in (1, 2, 5, 10, 20) if size * f >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def padded(values: Iterable[float], share: float = 0.06) -> tuple[float, float]:
    """A range slightly wider than the finite values; never empty."""
    finite = [v for v in values if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    room = (high - low) * share or max(abs(high) * share, 0.5)
    return low - room, high + room


def bar_length(start: datetime, end: datetime, most: int) -> timedelta:
    """The shortest round length of which at most `most` fit between start and end."""
    minutes = (end - start) / timedelta(minutes=1)
    return timedelta(minutes=next((m for m in _MINUTES if minutes / m <= most), math.ceil(minutes / most)))


def _times(frame: Frame) -> Iterator[datetime]:
    most = max(2, int((frame.width - frame.left - frame.right) // 52))
    minutes = (frame.end - frame.start) / timedelta(minutes=1)
    short = next((m for m in _SHORT if minutes / m <= most), None)
    step = timedelta(minutes=short) if short else bar_length(frame.start, frame.end, most)
    at = floor_to(frame.start, step)
    if at < frame.start:
        at += step
    while at <= frame.end:
        yield at
        at += step


def _runs(points: Sequence[tuple[datetime, float | None]], gap: timedelta) -> Iterator[list[tuple[datetime, float]]]:
    run: list[tuple[datetime, float]] = []
    for at, value in points:
        if run and (value is None or at - run[-1][0] > gap):
            yield run
            run = []
        if value is not None and math.isfinite(value):
            run.append((at, value))
    if run:
        yield run


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    if len(points) == 1:  # A dot: a line of zero length with round ends.
        points = [points[0], points[0]]
    first, *rest = (f"{_px(x)} {_px(y)}" for x, y in points)
    return f"M{first}L{' '.join(rest)}"


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    return tag("line", x1=_px(x1), y1=_px(y1), x2=_px(x2), y2=_px(y2), class_=class_)


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
