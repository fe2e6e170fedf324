"""The list of reports and the page of an error, and the elements that pages share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from exporters.html.html import Html, page, table, tag


def part_url(serial: str) -> str:
    """The URL of a part's page: a query, because dots, slashes and line breaks do not survive in a path."""
    return f"/parts?serial={_quoted(serial)}"


def picture_url(arrival: int, name: str, map_of: str = "") -> str:
    """The URL of a stored picture, or with `map_of` of the map that this gate's model draws over it."""
    url = f"/pictures?arrival={arrival}&name={_quoted(name)}"
    return f"{url}&map={_quoted(map_of)}" if map_of else url


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "replace"), safe="")


def reports_page(names: Sequence[str]) -> str:
    """The list of report files, by their path below the reports folder."""
    rows: list[tuple[str, ...]] = [(tag("a", name, href=f"/reports/{quote(name)}"),) for name in names]
    header = tag("header", tag("h1", "Reports"), links())
    return page("Reports", header, tag("section", table(("File",), rows, "No report has been written yet.")))


def problem_page(title: str, sentence: str) -> str:
    """An error page."""
    return page(title, tag("header", tag("h1", title), links()), tag("section", tag("p", sentence)))


def ago(at: datetime | None, now: datetime) -> Html:
    """How long ago, with the exact time as a tooltip."""
    if at is None:
        return tag("span", "never", class_="muted")
    seconds = (now - at).total_seconds()
    word = "ago" if seconds >= 0 else "ahead"
    return tag("time", f"{_duration(abs(seconds))} {word}", datetime=at.isoformat(), title=clock(at))


def until(at: datetime, now: datetime) -> Html:
    """In how long, or how long ago, with the exact time as a tooltip."""
    seconds = (at - now).total_seconds()
    text = f"in {_duration(seconds)}" if seconds >= 0 else f"{_duration(-seconds)} ago"
    return tag("time", text, datetime=at.isoformat(), title=clock(at))


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def clock(at: datetime) -> str:
    """An instant in UTC, to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


LINKS = (("Overview", "/"), ("Parts", "/parts"), ("Holds", "/holds"), ("Reports", "/reports/"))
"""The pages that every other one links to."""


def links(*more: Html) -> Html:
    """The links to the other pages."""
    return tag("nav", *(tag("a", text, href=href) for text, href in LINKS), *more)


def section(title: str, *body: Html) -> Html:
    """A card under a heading."""
    return tag("section", tag("h2", title), *body)


def search_form() -> Html:
    """The form that looks up a serial number."""
    field = tag("input", name="serial", placeholder="Serial number of a part", aria_label="Serial number", required="")
    return tag("form", field, tag("button", "Show part"), action="/parts", method="get")
