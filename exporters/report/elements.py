"""Elements that the sections of the report share: times, counts, legends and captioned charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from exporters.html.html import Html, tag


def moment(at: datetime | None) -> Html:
    """An instant in UTC, to the minute; '-' for None."""
    return tag("span", "-") if at is None else tag("time", f"{at:%Y-%m-%d %H:%M}", datetime=at.isoformat())


def until(at: datetime | None) -> Html:
    """The end of a period, which is open if None."""
    return tag("span", "ongoing") if at is None else moment(at)


def share(part: int, whole: int) -> str:
    """A percentage; '-' if `whole` is 0."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def plain(word: str) -> str:
    """A snake_case name as plain text."""
    return word.replace("_", " ")


def counts(numbers: Mapping[str, int]) -> str:
    """Counts by name on one line, largest first, without zeros."""
    ranked = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{plain(name)} {n}" for name, n in ranked if n)


def plot(caption: str, chart: Html, wide: bool = True) -> Html:
    """A chart under its caption; a wide one scrolls horizontally on a narrow screen."""
    return tag("figure", tag("figcaption", caption), tag("div", chart, class_="wide") if wide else chart)


def legend(entries: Iterable[tuple[str, str]]) -> Html:
    """The legend; an entry is the class of its shape and a text."""
    return tag("ul", *(tag("li", _swatch(class_), text) for class_, text in entries), class_="legend")


def _swatch(class_: str) -> Html:
    if class_.split()[0] in ("line", "limit", "sign", "zero"):
        shape = tag("line", x1="0", y1="5", x2="18", y2="5", class_=class_)
    else:
        shape = tag("rect", x="0", y="0", width="18", height="10", class_=class_)
    return tag("svg", shape, viewBox="0 0 18 10", aria_hidden="true")


def collapsed(summary: str, body: Html) -> Html:
    """A collapsed element that opens on request."""
    return tag("details", tag("summary", summary), body)
