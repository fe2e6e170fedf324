"""What the sections of the report share: times, lengths, numbers, legends and plots with a caption."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from exporters.html.html import Html, tag


def moment(at: datetime | None) -> Html:
    """An instant to the minute, in UTC; a dash for none."""
    return tag("span", "-") if at is None else tag("time", f"{at:%Y-%m-%d %H:%M}", datetime=at.isoformat())


def until(at: datetime | None) -> Html:
    """When it ended; what has not ended says so."""
    return tag("span", "still holds") if at is None else moment(at)


def lasted(length: timedelta) -> str:
    """A length of time in its two largest units, such as 2 d 5 h.

    >>> lasted(timedelta(minutes=135)), lasted(timedelta(days=2, hours=5, minutes=3)), lasted(timedelta(seconds=20))
    ('2 h 15 min', '2 d 5 h', '0 min')
    """
    minutes = round(length / timedelta(minutes=1))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    named = [(days, "d"), (hours, "h"), (rest, "min")]
    kept = [f"{n} {unit}" for n, unit in named if n][:2]
    return " ".join(kept) or "0 min"


def share(part: int, whole: int) -> str:
    """A percentage, a dash where there is nothing to divide."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def plain(word: str) -> str:
    """A name from a closed list as people say it."""
    return word.replace("_", " ")


def counts(numbers: Mapping[str, int]) -> str:
    """Numbers by name in a line, largest first."""
    ranked = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{plain(name)} {n}" for name, n in ranked if n)


def plot(caption: str, picture: Html, wide: bool = True) -> Html:
    """A picture with what it is called above it; a wide one scrolls by itself on a narrow screen."""
    return tag("figure", tag("figcaption", caption), tag("div", picture, class_="wide") if wide else picture)


def legend(entries: Iterable[tuple[str, str]]) -> Html:
    """What each colour means: (class of the shape, words)."""
    return tag("ul", *(tag("li", _swatch(class_), text) for class_, text in entries), class_="legend")


def _swatch(class_: str) -> Html:
    if class_.split()[0] in ("line", "limit", "sign", "zero"):
        shape = tag("line", x1="0", y1="5", x2="18", y2="5", class_=class_)
    else:
        shape = tag("rect", x="0", y="0", width="18", height="10", class_=class_)
    return tag("svg", shape, viewBox="0 0 18 10", aria_hidden="true")


def folded(summary: str, body: Html) -> Html:
    """A table that opens when it is asked for."""
    return tag("details", tag("summary", summary), body)
