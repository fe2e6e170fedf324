"""The pages of decisions on parts, by verdict, gate and reason, and of the holds that wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from exporters.html import part_words as words
from exporters.html.html import Html, chip, table, tag
from exporters.metrics.families.gates import HOLD_REASONS, RECOMMENDED
from exporters.pages.clock import Clock
from exporters.pages.part_style import PART_STYLE
from exporters.pages.parts import REFRESH_SECONDS, Top, framed, links, part_link, search_form, section, subject_link
from monitor.model import Reason, Verdict

_FILTERS = ("verdict", "gate", "reason", "since")


def parts_page(listing: Mapping[str, Any], given: Mapping[str, str], gates: Iterable[str], top: Top) -> str:
    """One page of decisions. `given` are the filters of the request, `gates` those that can be chosen."""
    chosen = {name: given[name] for name in _FILTERS if given.get(name)}
    rows = [_row(row, top.clock) for row in listing["decisions"]]
    heads = ("Part", "", "Gate", "Reason", "Predicted", "Since then", "Passed")
    as_json = tag("a", "as JSON", href=list_url({**given, "format": "json"}))
    newest = not given.get("after")
    return framed(
        "Parts",
        top,
        tag("header", tag("h1", "Parts"), search_form(), links(as_json)),
        tag("section", _filters(chosen, gates)),
        tag("section", table(heads, rows, "No decision of that kind is stored."), _pager(listing, given, chosen)),
        refresh=REFRESH_SECONDS if newest else 0,
        style=PART_STYLE,
    )


def holds_page(listing: Mapping[str, Any], top: Top) -> str:
    """The holds that wait, overdue ones first."""
    rows = [_hold(row, top.clock) for row in listing["holds"]]
    heads = ("", "Due", "Part", "Step", "Reason", "Procedure", "Held")
    count = f"{len(rows)} waiting, {listing['overdue']} overdue"
    rule = (
        "A part waits while its newest decision is a hold and neither a disposition, an outcome nor a later passage is "
        "known. The plant file's steps.NAME.decide_by says when it is overdue."
    )
    return framed(
        "Holds",
        top,
        tag("header", tag("h1", "Holds"), search_form(), links(tag("a", "as JSON", href="/holds?format=json"))),
        section(count, table(heads, rows, "No part waits for a decision."), tag("p", rule, class_="muted")),
        refresh=REFRESH_SECONDS,
        style=PART_STYLE,
    )


def list_url(filters: Mapping[str, str]) -> str:
    """The URL of a list of parts."""
    kept = {name: value.encode("utf-8", "replace") for name, value in filters.items() if value}
    return f"/parts?{urlencode(kept)}" if kept else "/parts"


def _row(row: Mapping[str, Any], clock: Clock) -> tuple[str, ...]:
    link = part_link(str(row["serial"]))
    return (
        link, chip(str(row["verdict"])), subject_link(str(row["gate"])),
        str(row["reason"]).replace("_", " "), words.short_prediction(row), words.became(row),
        clock.moment(datetime.fromisoformat(row["at"])),
    )  # fmt: skip


def _filters(chosen: Mapping[str, str], gates: Iterable[str]) -> Html:
    """A line of links for each filter: all of its values, and the one that is chosen."""
    verdict = chosen.get("verdict", "")
    reasons = [r.value for r in _reasons(verdict)]
    lines = (("verdict", [v.value for v in Verdict]), ("gate", list(gates)), ("reason", reasons))
    terms = [element for name, values in lines for element in _filter(name, values, chosen)]
    if since := chosen.get("since"):
        without = tag("a", "all", href=list_url({**chosen, "since": ""}))
        terms += [tag("dt", "since"), tag("dd", tag("span", since), without)]
    return tag("dl", *terms, class_="filters")


def _reasons(verdict: str) -> Sequence[Reason]:
    """The reasons that a verdict can have; all of them without one."""
    by_verdict = {**RECOMMENDED, Verdict.HOLD: HOLD_REASONS}
    chosen = [reasons for one, reasons in by_verdict.items() if verdict in ("", one.value)]
    return list(dict.fromkeys(reason for reasons in chosen for reason in reasons))


def _filter(name: str, values: Sequence[str], chosen: Mapping[str, str]) -> tuple[Html, Html]:
    known = chosen.get(name, "")
    given = [*values, *([known] if known and known not in values else [])]
    # Another verdict has other reasons.
    kept = {one: value for one, value in chosen.items() if not (name == "verdict" and one == "reason")}
    shown = [
        tag("a", value.replace("_", " ") or "all", href=list_url({**kept, name: value}), **_current(value == known))
        for value in ("", *given)
    ]
    return tag("dt", name), tag("dd", *shown)


def _current(is_current: bool) -> dict[str, str]:
    return {"aria_current": "true"} if is_current else {}


def _pager(listing: Mapping[str, Any], given: Mapping[str, str], chosen: Mapping[str, str]) -> Html:
    found = [tag("a", "newest", href=list_url(chosen))] if given.get("after") else []
    if listing["next"]:
        found.append(tag("a", "older", href=list_url({**chosen, "after": str(listing["next"])})))
    return tag("nav", *found)


def _hold(row: Mapping[str, Any], clock: Clock) -> tuple[str, ...]:
    due = datetime.fromisoformat(row["due"]) if row["due"] else None
    until = tag("span", "no time set", class_="muted")
    if due is not None:
        until = tag("div", clock.until(due), tag("small", clock.text(due)), class_="near")
    return (
        chip("overdue") if row["overdue"] else chip("hold", "waits"), until,
        part_link(str(row["serial"])), subject_link(str(row["step"])),
        str(row["reason"]).replace("_", " "), str(row["on_hold"]).replace("_", " "),
        clock.ago(datetime.fromisoformat(row["decided_at"])),
    )  # fmt: skip
