"""What pages share: the status line on top, links, the search form; the list of reports, and the page of an error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from exporters.html.html import NO_IMAGES, Html, page, tag
from exporters.html.stylesheet import STYLESHEET
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import MetricsSnapshot
from exporters.pages.clock import Clock
from exporters.pages.status import Status, status_of

_DIGITS = re.compile("[0-9]+")
REFRESH_SECONDS = 60
"""After how long a page of what changes by itself is loaded again."""


@dataclass(frozen=True, slots=True)
class Top:
    """What every page begins with: the status of the plant; and the clock by which it shows times."""

    clock: Clock
    status: Status


def top_at(snapshot: MetricsSnapshot, bounds: Bounds) -> Top:
    """The top of a page of this snapshot."""
    clock = Clock(snapshot.at, bounds.plant.time_zone)
    return Top(clock, status_of(snapshot, bounds, clock))


def framed(
    title: str, top: Top, *body: Html, refresh: int = 0, style: str = STYLESHEET, images: str = NO_IMAGES
) -> str:
    """A page of the server, with the status line on top; `refresh` as of `page`."""
    # Of old data nothing is shown as well: the style knows by this class.
    level = f"{top.status.level} old" if top.status.old else str(top.status.level)
    line = tag("p", tag("a", top.status.text, href="/"), class_=f"status {level}", role="status")
    return page(title, line, *body, style=style, images=images, refresh=refresh)


def subject_url(name: str) -> str:
    """The URL of the page of a machine, step, gate, source or another subject of alerts."""
    return f"/subjects/{_quoted(name)}"


def subject_link(name: str) -> Html:
    """A name that leads to its page."""
    return tag("a", name, href=subject_url(name))


def part_link(serial: str) -> Html:
    """A serial number that leads to its part's page."""
    return tag("a", serial, href=part_url(serial))


def lot_url(name: str) -> str:
    """The URL of a lot's page: a query, as of a part."""
    return f"/lots?name={_quoted(name)}"


def andon_url(line: str) -> str:
    """The URL of the hall screen of a line."""
    return f"/andon/{_quoted(line)}"


def runbook_link(alert: str) -> Html:
    """The name of an alert, which leads to its runbook."""
    return tag("a", alert, href=f"/runbooks/{_quoted(alert)}")


def part_url(serial: str) -> str:
    """The URL of a part's page: a query, because dots, slashes and line breaks do not survive in a path."""
    return f"/parts?serial={_quoted(serial)}"


def picture_url(arrival: int, name: str, map_of: str = "") -> str:
    """The URL of a stored picture, or with `map_of` of the map that this gate's model draws over it."""
    url = f"/pictures?arrival={arrival}&name={_quoted(name)}"
    return f"{url}&map={_quoted(map_of)}" if map_of else url


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "replace"), safe="")


def reports_page(names: Sequence[str], top: Top) -> str:
    """The list of report files, by their path below the reports folder: by kind, in each the newest first."""
    kinds: dict[str, list[str]] = {"Daily": [], "Weekly": [], "On demand": []}
    for name in names:
        kinds.setdefault(_kind(name), []).append(name)
    lists = [section(kind, _files(files)) for kind, files in kinds.items() if files]
    header = tag("header", tag("h1", "Reports"), links())
    nothing = tag("section", tag("p", "No report has been written yet.", class_="muted"))
    return framed("Reports", top, header, *(lists or [nothing]))


def _kind(name: str) -> str:
    folder, _, file = name.rpartition("/")
    if folder == "plant":
        return file.partition("-")[0].capitalize()
    step = folder.removeprefix("drift/")
    return f"Drift of {step}" if step != folder else folder or "On demand"


def _files(names: Sequence[str]) -> Html:
    """The newest first, by the time in their names; of one time the page before its data."""
    in_order = sorted(names)
    in_order.sort(key=lambda name: "".join(_DIGITS.findall(name.rpartition("/")[2])), reverse=True)
    links = (tag("li", tag("a", name.rpartition("/")[2], href=f"/reports/{quote(name)}")) for name in in_order)
    return tag("ul", *links)


def problem_page(title: str, sentence: str, top: Top, refresh: int = 0) -> str:
    """An error page; `refresh` where the error may pass by itself."""
    body = tag("header", tag("h1", title), links()), tag("section", tag("p", sentence))
    return framed(title, top, *body, refresh=refresh)


LINKS = (
    ("Overview", "/"), ("Alarms", "/alarms"), ("Parts", "/parts"), ("Holds", "/holds"), ("Handover", "/handover"),
    ("Reports", "/reports/"),
)  # fmt: skip
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
