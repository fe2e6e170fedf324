"""The other pages (a part, the list of reports, an error), and the elements that pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from exporters.html.formatting import format_value
from exporters.html.html import OWN_IMAGES, Html, chip, page, table, tag


def part_page(passport: Mapping[str, Any]) -> str:
    """The passport of one part."""
    serial = str(passport["serial"])
    rows = [_event(event) for event in passport["events"]]
    decided = [_event(event) for event in reversed(passport["events"]) if event["kind"] == "decision"]
    as_json = tag("a", "as JSON", href=f"{part_url(serial)}&format=json")
    heads = ("Time (UTC)", "What", "", "")
    return page(
        f"Part {serial}",
        tag("header", tag("h1", f"Part {serial}"), tag("nav", _home(), as_json)),
        search_form(),
        section("Decision", table(heads, decided, "No gate has decided on this part.")),
        section("History", table(heads, rows, "Nothing is known about this part.")),
        images=OWN_IMAGES,
    )


def part_url(serial: str) -> str:
    """The URL of a part's page: a query, because dots, slashes and line breaks do not survive in a path."""
    return f"/parts?serial={quote(serial.encode('utf-8', 'replace'), safe='')}"


def _picture_url(arrival: int, name: str) -> str:
    return f"/pictures?arrival={arrival}&name={quote(name.encode('utf-8', 'replace'), safe='')}"


def reports_page(names: Sequence[str]) -> str:
    """The list of report files, by their path below the reports folder."""
    rows: list[tuple[str, ...]] = [(tag("a", name, href=f"/reports/{quote(name)}"),) for name in names]
    header = tag("header", tag("h1", "Reports"), tag("nav", _home()))
    return page("Reports", header, tag("section", table(("File",), rows, "No report has been written yet.")))


def problem_page(title: str, sentence: str) -> str:
    """An error page."""
    return page(title, tag("header", tag("h1", title), tag("nav", _home())), tag("section", tag("p", sentence)))


def ago(at: datetime | None, now: datetime) -> Html:
    """How long ago, with the exact time as a tooltip."""
    if at is None:
        return tag("span", "never", class_="muted")
    seconds = (now - at).total_seconds()
    word = "ago" if seconds >= 0 else "ahead"
    return tag("time", f"{_duration(abs(seconds))} {word}", datetime=at.isoformat(), title=clock(at))


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def clock(at: datetime) -> str:
    """An instant in UTC, to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def _home() -> Html:
    return tag("a", "Overview", href="/")


def section(title: str, *body: Html) -> Html:
    """A card under a heading."""
    return tag("section", tag("h2", title), *body)


def search_form() -> Html:
    """The form that looks up a serial number."""
    field = tag("input", name="serial", placeholder="Serial number of a part", aria_label="Serial number", required="")
    return tag("form", field, tag("button", "Show part"), action="/parts", method="get")


def _event(event: Mapping[str, Any]) -> tuple[str, ...]:
    status = str(event["details"].get("verdict") or event["details"].get("status") or "")
    kind = tag("div", str(event["kind"]).replace("_", " "))
    terms = [
        element
        for name, value in event["details"].items()
        for element in (tag("dt", name), tag("dd", format_value(value)))
    ]
    collapsed = tag("details", tag("summary", "details"), tag("dl", *terms))
    pictures = [
        tag("img", src=_picture_url(event["details"]["arrival"], name), alt=str(name), height="256", loading="lazy")
        for name in event["details"].get("pictures", ())
    ]
    time = tag("time", str(event["at"]).replace("T", " "), datetime=str(event["at"]))
    return time, kind, chip(status) if status else "", tag("div", str(event["summary"]), *pictures, collapsed)
