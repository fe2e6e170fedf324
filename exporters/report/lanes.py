"""A timeline: one lane per subject, with blocks for periods and marks for instants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from exporters.html.html import Html, tag
from exporters.html.svg import Frame, block, figure, label, time_axis

_LANE = 21.0
_HEADING = 20.0
_NAMES = 236.0
_MOST_LETTERS = 38


@dataclass(frozen=True, slots=True)
class Block:
    """A period in a lane; without an end it extends to the edge."""

    start: datetime
    end: datetime | None
    class_: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of the timeline, or a heading. `marks` are instants."""

    name: str
    blocks: tuple[Block, ...] = ()
    marks: tuple[datetime, ...] = ()
    heading: bool = False


def lanes(title: str, description: str, rows: Sequence[Lane], start: datetime, end: datetime) -> Html:
    """All lanes over one time axis."""
    height = 30 + sum(_HEADING if row.heading else _LANE for row in rows)
    frame = Frame(start, end, left=_NAMES, height=height, top=4.0)
    drawn: list[Html] = [time_axis(frame)]
    y = frame.top
    for row in rows:
        drawn.append(_heading(y, row) if row.heading else tag("g", *_lane(frame, y, row)))
        y += _HEADING if row.heading else _LANE
    return figure(frame, title, description, *drawn)


def _heading(y: float, row: Lane) -> Html:
    return label(0, y + _HEADING - 6, row.name, "head")


def _lane(frame: Frame, y: float, row: Lane) -> Iterable[Html]:
    inner = _LANE - 5
    yield tag("title", row.name)
    yield label(0, y + _LANE - 8, _shortened(row.name), "name")
    yield block(frame.left, y, frame.width - frame.left - frame.right, inner, "lane")
    for b in row.blocks:
        x = frame.x(b.start)
        yield block(x, y, max(2.5, frame.x(b.end or frame.end) - x), inner, b.class_, b.tooltip)
    for at in row.marks:
        x1 = f"{frame.x(at):.1f}"
        yield tag("line", x1=x1, y1=f"{y - 1:.1f}", x2=x1, y2=f"{y + inner + 1:.1f}", class_="sign")


def _shortened(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
