"""A prediction drawn: an interval beside its specification, or a bar for each class. SVG, without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exporters.html.formatting import percent
from exporters.html.html import Html, tag
from exporters.html.part_words import in_unit, outcome, span
from exporters.html.svg import block, label

_WIDTH, _LEFT, _RIGHT = 460.0, 8.0, 452.0
_TOP, _BOTTOM = 32.0, 70.0
_NEAR = 84.0
"""Labels nearer than this stand in two rows."""


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float

    def x(self, value: float) -> float:
        """The x coordinate of a value; what lies outside is drawn on the edge."""
        share = (value - self.low) / (self.high - self.low)
        return _LEFT + min(1.0, max(0.0, share)) * (_RIGHT - _LEFT)


def interval_figure(decision: Mapping[str, Any]) -> Html | None:
    """The prediction of a decision of a passport; None where nothing was predicted or its limits are not known."""
    if decision["classes"]:
        return _class_bars(decision)
    drawn = span(decision)
    if drawn is None:
        return None
    scale = _Scale(*drawn)
    parts = [*_zones(decision, scale), *_borders(decision, scale), *_interval(decision, scale)]
    found = [row for row in decision["outcomes"] if row["value"] is not None]
    parts += [element for row in found[-1:] for element in _outcome(row, decision, scale)]
    return _figure(decision, 104.0 if found else 88.0, parts)


def _figure(decision: Mapping[str, Any], height: float, parts: list[Html]) -> Html:
    title, text = f"Prediction of gate {decision['gate']}", str(decision["sentence"])
    box = f"0 0 {_WIDTH:.0f} {height:.0f}"
    return tag("svg", tag("title", title), tag("desc", text), *parts, viewBox=box, role="img", class_="prediction")


def _zones(decision: Mapping[str, Any], scale: _Scale) -> Iterator[Html]:
    """The regions of the specification: what can only be scrapped, what can be corrected, what is good."""
    spec = decision["specification"]
    rework, lower, upper = spec["rework"], spec["lower"], spec["upper"]
    height = _BOTTOM - _TOP
    yield block(_LEFT, _TOP, _RIGHT - _LEFT, height, "zone bad", "outside")
    if lower is not None and rework["below"]:
        yield _zone(scale, lower - rework["below"], lower, "zone warn", "can be corrected")
    if upper is not None and rework["above"]:
        yield _zone(scale, upper, upper + rework["above"], "zone warn", "can be corrected")
    ends = (scale.low if lower is None else lower, scale.high if upper is None else upper)
    yield _zone(scale, *ends, "zone ok", "within specification")


def _zone(scale: _Scale, start: float, end: float, class_: str, title: str) -> Html:
    x = scale.x(start)
    return block(x, _TOP, scale.x(end) - x, _BOTTOM - _TOP, class_, title)


def _borders(decision: Mapping[str, Any], scale: _Scale) -> Iterator[Html]:
    spec = decision["specification"]
    named = [(spec["lower"], "lower", "border"), (spec["upper"], "upper", "border"), (spec["target"], "", "target")]
    if spec["lower"] is not None and spec["rework"]["below"]:
        named.append((spec["lower"] - spec["rework"]["below"], "rework from", "border faint"))
    if spec["upper"] is not None and spec["rework"]["above"]:
        named.append((spec["upper"] + spec["rework"]["above"], "rework to", "border faint"))
    last, row = -_NEAR, 0
    for value, name, class_ in sorted((one for one in named if one[0] is not None), key=lambda one: one[0]):
        if not scale.low <= value <= scale.high:
            continue
        x = scale.x(value)
        yield tag("line", x1=_px(x), y1=_px(_TOP - 3), x2=_px(x), y2=_px(_BOTTOM + 3), class_=class_)
        if name:
            row = 1 - row if x - last < _NEAR else 0
            last = x
            yield _text(x, 26.0 - 13 * row, f"{name} {in_unit(decision, value)}")


def _interval(decision: Mapping[str, Any], scale: _Scale) -> Iterator[Html]:
    lower, upper, value = (scale.x(decision[name]) for name in ("lower", "upper", "predicted"))
    middle = (_TOP + _BOTTOM) / 2
    yield block(lower, middle - 5, max(2.0, upper - lower), 10, "span", "interval")
    yield tag("circle", cx=_px(value), cy=_px(middle), r="7", class_="dot")
    said = [in_unit(decision, decision[name]) for name in ("predicted", "lower", "upper")]
    text = f"{said[0]} ({said[1]} to {said[2]}) {decision['unit']}".rstrip()
    yield _text(value, _BOTTOM + 15, text, "label strong")


def _outcome(row: Mapping[str, Any], decision: Mapping[str, Any], scale: _Scale) -> Iterator[Html]:
    x, middle = scale.x(row["value"]), (_TOP + _BOTTOM) / 2
    points = (
        f"{_px(x)},{_px(middle - 13)} {_px(x + 6)},{_px(middle)} {_px(x)},{_px(middle + 13)} {_px(x - 6)},{_px(middle)}"
    )
    yield tag("polygon", tag("title", "outcome"), points=points, class_="found")
    yield _text(x, _BOTTOM + 30, f"outcome {outcome(row, decision)}")


def _class_bars(decision: Mapping[str, Any]) -> Html:
    """A bar a class, and the probability that is wanted of one meaning."""
    parts, wanted, name_end, bar_end = list[Html](), decision["coverage"], 120.0, 390.0
    for place, row in enumerate(decision["classes"]):
        y, share = 8.0 + 24 * place, row["probability"] or 0.0
        parts.append(label(name_end - 8, y + 13, str(row["name"])[:18], "label strong", "end"))
        parts.append(block(name_end, y, bar_end - name_end, 17, "zone rest"))
        parts.append(block(name_end, y, max(1.0, share * (bar_end - name_end)), 17, f"bar {row['means'] or 'hold'}"))
        parts.append(label(bar_end + 8, y + 13, percent(row["probability"])))
    bottom = 8.0 + 24 * len(decision["classes"])
    if wanted is not None and decision["expected_cost"] is None:
        x = name_end + wanted * (bar_end - name_end)
        parts.append(tag("line", x1=_px(x), y1="4", x2=_px(x), y2=_px(bottom), class_="border"))
        parts.append(_text(x, bottom + 12, f"wanted {percent(wanted)}"))
    return _figure(decision, bottom + 18, parts)


def _text(x: float, y: float, text: str, class_: str = "label") -> Html:
    """Text at a point, kept inside the picture."""
    half = 3.6 * len(text)
    if x - half < _LEFT:
        return label(_LEFT, y, text, class_, "start")
    return label(_RIGHT, y, text, class_, "end") if x + half > _RIGHT else label(x, y, text, class_, "middle")


def _px(value: float) -> str:
    return f"{value:.1f}"
