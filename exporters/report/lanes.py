"""A time line: one lane a subject, with what held in it as blocks. Faults that were put in come first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from exporters.html.html import Html, tag
from exporters.html.svg import Frame, block, figure, time_axis, words

_LANE = 21.0
_HEAD = 20.0
_LEFT = 236.0
_LETTERS = 38


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a lane; without an end it goes on to the edge. `said` shows when it is pointed at."""

    start: datetime
    end: datetime | None
    class_: str
    said: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A line of the picture; one without blocks is a heading. `signs` are instants that are marked in it."""

    name: str
    blocks: tuple[Block, ...] = ()
    signs: tuple[datetime, ...] = ()
    heading: bool = False


def lanes(title: str, description: str, rows: Sequence[Lane], start: datetime, end: datetime) -> Html:
    """All lanes over one time axis."""
    height = 30 + sum(_HEAD if row.heading else _LANE for row in rows)
    frame = Frame(start, end, left=_LEFT, height=height, top=4.0)
    drawn: list[Html] = [time_axis(frame)]
    y = frame.top
    for row in rows:
        drawn.append(_heading(y, row) if row.heading else tag("g", *_lane(frame, y, row)))
        y += _HEAD if row.heading else _LANE
    return figure(frame, title, description, *drawn)


def _heading(y: float, row: Lane) -> Html:
    return words(0, y + _HEAD - 6, row.name, "head")


def _lane(frame: Frame, y: float, row: Lane) -> Iterable[Html]:
    inner = _LANE - 5
    yield tag("title", row.name)
    yield words(0, y + _LANE - 8, _shortened(row.name), "name")
    yield block(frame.left, y, frame.width - frame.left - frame.right, inner, "lane")
    for b in row.blocks:
        x = frame.x(b.start)
        yield block(x, y, max(2.5, frame.x(b.end or frame.end) - x), inner, b.class_, b.said)
    for at in row.signs:
        place = f"{frame.x(at):.1f}"
        yield tag("line", x1=place, y1=f"{y - 1:.1f}", x2=place, y2=f"{y + inner + 1:.1f}", class_="sign")


def _shortened(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
