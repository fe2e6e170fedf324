"""The page of a runbook: what an alert means and what to do, with where it fires now."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote

from exporters.html.html import tag
from exporters.html.markdown import markdown
from exporters.metrics.shared.snapshot import MetricsSnapshot
from exporters.pages.parts import Top, framed, links, runbook_link, section, subject_link


def runbook_page(name: str, text: str, known: Collection[str], snapshot: MetricsSnapshot, top: Top) -> str:
    """The runbook of an alert. `text` is Markdown with the name as its first heading, `known` have runbooks too."""
    _, _, body = text.partition("\n")

    def link_to(target: str) -> str | None:
        other = target.partition("#")[0].removesuffix(".md")
        return f"/runbooks/{quote(other)}" if other in known else None

    firing = [row for row in snapshot.alerts if row.name == name and row.active]
    places = [
        one for row in firing for one in (", ", subject_link(row.subject), " since ", top.clock.moment(row.since))
    ]
    now = section("Fires now", tag("p", *places[1:])) if firing else tag("p", "Does not fire now.", class_="muted")
    return framed(
        name, top, tag("header", tag("h1", name), links()), now, tag("section", *markdown(body, link_to), class_="text")
    )


def runbooks_page(names: Collection[str], top: Top) -> str:
    """The list of runbooks."""
    header = tag("header", tag("h1", "Runbooks"), links())
    return framed(
        "Runbooks", top, header, tag("section", tag("ul", *(tag("li", runbook_link(name)) for name in names)))
    )
