"""The page of a shift's handover: what stands, opened and closed, which parts were held, and what was overridden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from exporters.html.html import Html, chip, table, tag
from exporters.pages.clock import Clock
from exporters.pages.lists import list_url
from exporters.pages.part_style import PART_STYLE
from exporters.pages.parts import (
    REFRESH_SECONDS,
    Top,
    framed,
    links,
    part_link,
    runbook_link,
    search_form,
    section,
    subject_link,
)

_PERIODS = ("8h", "12h", "24h", "7d")


def handover_page(found: Mapping[str, Any], given: str, top: Top) -> str:
    """What happened since; `given` is the start as it was asked for, '' for the default."""
    clock, since = top.clock, datetime.fromisoformat(found["since"])
    as_json = tag("a", "as JSON", href=_url(given, format="json"))
    shift = found["shift"]
    # Without shifts, what is shown by default is the shortest period.
    chosen = given or ("" if shift is not None else _PERIODS[0])
    offered = [*([("", f"shift {shift}")] if shift is not None else []), *((period, period) for period in _PERIODS)]
    periods = (tag("a", name, href=_url(period), **_current(period == chosen)) for period, name in offered)
    return framed(
        "Handover",
        top,
        tag("header", tag("h1", "Handover"), search_form(), links(as_json)),
        tag("section", tag("dl", tag("dt", "since"), tag("dd", clock.moment(since), *periods), class_="filters")),
        section(f"{_count(found['stands'], 'alert')} stand", _alerts(found["stands"], clock, "No alert fires.")),
        section(f"{_count(found['opened'], 'alert')} opened", _alerts(found["opened"], clock, "No alert has opened.")),
        section(f"{_count(found['closed'], 'alert')} closed", _alerts(found["closed"], clock, "No alert has closed.")),
        section(f"{found['parts']} holds", _held(found), tag("p", tag("a", "Holds that still wait", href="/holds"))),
        section(f"{len(found['overridden'])} recommendations overridden", *_overridden(found, clock)),
        refresh=0 if given else REFRESH_SECONDS,
        style=PART_STYLE,
    )


def _url(since: str, **more: str) -> str:
    query = {name: value.encode("utf-8", "replace") for name, value in {"since": since, **more}.items() if value}
    return f"/handover?{urlencode(query)}" if query else "/handover"


def _current(is_current: bool) -> dict[str, str]:
    return {"aria_current": "true"} if is_current else {}


def _count(rows: Iterable[object], what: str) -> str:
    number = len(list(rows))
    return f"{number} {what}{'' if number == 1 else 's'}"


def _alerts(rows: Iterable[Mapping[str, Any]], clock: Clock, empty: str) -> Html:
    told: list[tuple[str, ...]] = [
        (
            chip(str(row["severity"])), runbook_link(str(row["name"])), subject_link(str(row["subject"])),
            str(row["summary"]), str(row["cause"]) or "-", clock.moment(_at(row["since"])),
            clock.moment(_at(row["ended_at"])) if row["ended_at"] else "fires",
        )
        for row in rows
    ]  # fmt: skip
    return table(("", "Alert", "Where", "What", "Likely cause", "Since", "Until"), told, empty)


def _held(found: Mapping[str, Any]) -> Html:
    rows: list[tuple[str, ...]] = []
    for row in found["held"]:
        kept = {"verdict": "hold", "gate": row["gate"], "reason": row["reason"], "since": found["since"]}
        parts = tag("a", str(row["parts"]), href=list_url({name: str(value) for name, value in kept.items()}))
        rows.append((subject_link(str(row["gate"])), str(row["reason"]).replace("_", " "), parts))
    return table(("Gate", "Reason", "Holds"), rows, "No part was held.")


def _overridden(found: Mapping[str, Any], clock: Clock) -> Iterable[Html]:
    rows: list[tuple[str, ...]] = [
        (
            part_link(str(row["serial"])), subject_link(str(row["gate"])),
            chip(str(row["verdict"])), str(row["reason"]).replace("_", " "), str(row["disposition"]),
            clock.moment(_at(row["at"])),
        )
        for row in found["overridden"]
    ]  # fmt: skip
    yield table(("Part", "Gate", "Recommended", "Reason", "Done", "When"), rows, "No recommendation was overridden.")
    yield tag("p", f"Of {found['dispositions']} dispositions that came after a decision at their step.", class_="muted")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
