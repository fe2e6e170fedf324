"""The page of a part: what was decided and why, what else was possible, what to do; then neighbours and history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from exporters.html import part_words as words
from exporters.html.formatting import format_value, in_currency, money
from exporters.html.html import OWN_IMAGES, Html, chip, table, tag
from exporters.pages.clock import Clock
from exporters.pages.interval import interval_figure
from exporters.pages.part_style import PART_STYLE
from exporters.pages.parts import (
    Top,
    framed,
    links,
    lot_url,
    part_link,
    part_url,
    picture_url,
    search_form,
    section,
    subject_link,
)

_NO_DECISION = "No gate has decided on this part."


def part_page(passport: Mapping[str, Any], top: Top) -> str:
    """The passport of one part."""
    serial = str(passport["serial"])
    as_json = tag("a", "as JSON", href=f"{part_url(serial)}&format=json")
    decisions = passport.get("decisions", ())
    first = [_first(one, top.clock) for one in decisions[:1]] or [
        section("Decision", tag("p", _NO_DECISION, class_="muted"))
    ]
    return framed(
        f"Part {serial}",
        top,
        tag("header", tag("h1", f"Part {serial}"), search_form(), links(as_json)),
        *first,
        tag("div", *(_card(one, top.clock) for one in decisions[1:]), class_="cards"),
        *_around(passport.get("neighbours", ())),
        *_inputs(decisions),
        section("History", _history(passport["events"])),
        style=PART_STYLE,
        images=OWN_IMAGES,
    )


def _first(one: Mapping[str, Any], clock: Clock) -> Html:
    """The newest decision: why, the picture of it, what else was possible, what to do."""
    figure = interval_figure(one)
    shown = [*([figure] if figure else []), *_pictures(one)]
    drawn = [tag("div", *shown, class_="drawn")] if shown else []
    prices, facts = [*_alternatives(one)], tag("div", _facts(one, clock), class_="facts")
    return tag(
        "section",
        _where(one, clock),
        tag("p", str(one["sentence"]), class_="say"),
        _todo(one),
        tag("div", *drawn, *prices, facts, class_="two priced" if prices and drawn else "two"),
        class_="first",
    )


def _card(one: Mapping[str, Any], clock: Clock) -> Html:
    """The decision of an earlier gate, in short."""
    figure = interval_figure(one)
    return tag(
        "section",
        _where(one, clock),
        tag("p", str(one["sentence"]), class_="say"),
        *([figure] if figure else []),
        *_pictures(one),
        tag("details", tag("summary", "more"), _todo(one), *_alternatives(one), _facts(one, clock)),
    )


def _where(one: Mapping[str, Any], clock: Clock) -> Html:
    verdict, again = str(one["verdict"]), ""
    if one["earlier_decisions"]:
        again = f" · decided {one['earlier_decisions'] + 1} times, see the history"
    visit = f", visit {one['visit']}" if one["visit"] != 1 else ""
    step = [" at ", subject_link(str(one["step"]))] if one["step"] != one["gate"] else []
    waits = one["waits"] or {}
    late = [" ", chip("overdue")] if waits.get("overdue") else []
    decided = f"{visit} · {clock.text(datetime.fromisoformat(one['decided_at']))}{again}"
    gate = " gate ", subject_link(str(one["gate"]))
    return tag("p", chip(verdict), *late, *gate, *step, decided, class_="where")


def _todo(one: Mapping[str, Any]) -> Html:
    return tag("p", tag("strong", "To do: "), str(one["todo"]), class_="todo")


def _alternatives(one: Mapping[str, Any]) -> Iterator[Html]:
    """Every action with its expected cost, the one that is recommended marked; then what was ruled out, and why."""
    if not one["alternatives"]:
        return
    rows = [
        tag("tr", tag("td", words.action(row)), tag("td", money(row["cost"])), tag("td", _beside(row, one)),
            class_="chosen" if row["chosen"] else "")
        for row in one["alternatives"]
    ]  # fmt: skip
    heads = "Action", in_currency("Expected cost", one["currency"] or ""), ""
    head = tag("thead", tag("tr", *(tag("th", text, scope="col") for text in heads)))
    yield tag("div", tag("table", head, tag("tbody", *rows)), class_="short")


def _beside(row: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    """How an action compares with what is recommended: it is that, was ruled out, or costs more."""
    if row["chosen"]:
        return "recommended"
    if row["ruled_out"]:
        return f"ruled out: {row['ruled_out']}"
    least = min(other["cost"] for other in one["alternatives"] if other["cost"] is not None and not other["ruled_out"])
    return f"+{money(row['cost'] - least)}"


def _facts(one: Mapping[str, Any], clock: Clock) -> Html:
    """What else is known of a decision, as terms."""
    when = _when(clock)
    found = (
        ("Predicted", words.predicted(one)),
        ("Specification", words.specification(one)),
        ("Correction", one["correction"] or ""),
        ("Hold", words.waits(one, when)),
        ("Model", words.model(one, when)),
        ("Sent", "; ".join(words.delivery(row, when) for row in one["sent"])),
        ("People", "; ".join(words.disposition(row, one["step"], when) for row in one["dispositions"])),
        ("Outcome", "; ".join(f"{words.outcome(row, one)} {when(row['at'])}" for row in one["outcomes"])),
    )
    terms = [element for name, text in found if text for element in (tag("dt", name), tag("dd", str(text)))]
    return tag("dl", *terms, class_="dl-tight")


def _when(clock: Clock) -> words.When:
    """Times of the passport as the page shows them."""
    return lambda at: "-" if at is None else clock.text(datetime.fromisoformat(at))


def _pictures(one: Mapping[str, Any]) -> Iterator[Html]:
    """The picture that was judged, and where it looks unlike good ones."""
    found = one["picture"]
    if found is None:
        return
    shown = [_picture(picture_url(found["arrival"], found["name"]), found["name"])]
    if found["map"]:
        shown.append(_picture(picture_url(found["arrival"], found["name"], found["gate"]), "where it is unlike good"))
    yield tag("div", *shown, class_="pictures")


def _picture(source: str, caption: str) -> Html:
    image = tag("img", src=source, alt=str(caption), loading="lazy")
    return tag("figure", image, tag("figcaption", str(caption)))


def _around(rows: Sequence[Mapping[str, Any]]) -> Iterator[Html]:
    if not rows:
        return
    body = [
        (_common(one), *_padded(one["before"], before=True), tag("strong", "this part"),
         *_padded(one["after"], before=False))
        for one in rows
    ]  # fmt: skip
    heads = ("Same machine or lot", "2 before", "1 before", "", "1 after", "2 after")
    yield section("Parts before and after", table(heads, body, ""))


def _common(one: Mapping[str, Any]) -> Html:
    """What neighbours have in common: the machine or the lot, which leads to its page."""
    name = str(one["name"])
    link = subject_link(name) if one["by"] == "machine" else tag("a", name, href=lot_url(name))
    return tag("span", f"{one['step']}, {one['by']} ", link)


def _padded(rows: Sequence[Mapping[str, Any]], *, before: bool) -> list[str]:
    cells: list[str] = [_near(row) for row in rows[:2]]
    empty = [""] * (2 - len(cells))
    return [*empty, *cells] if before else [*cells, *empty]


def _near(row: Mapping[str, Any]) -> Html:
    """A neighbouring part: its page, verdict and what became of it."""
    verdict = [" ", chip(str(row["verdict"]))] if row["verdict"] else []
    became = words.became(row) or ("" if row["verdict"] else "no gate decided")
    link = part_link(str(row["serial"]))
    return tag("div", link, *verdict, *([tag("small", became)] if became else []), class_="near")


def _inputs(decisions: Sequence[Mapping[str, Any]]) -> Iterator[Html]:
    folded = []
    for one in decisions:
        rows = [row for row in one["inputs"] if row["value"] is not None]
        lost = [str(row["name"]) for row in one["inputs"] if row["value"] is None]
        items = [
            *(tag("li", words.given_input(row)) for row in rows),
            *(tag("li", f"{name}: missing") for name in lost),
        ]
        count = f"gate {one['gate']}: {len(rows)} values" + (f", {len(lost)} missing" if lost else "")
        if items:
            folded.append(tag("details", tag("summary", count), tag("ul", *items, class_="inputs")))
    if folded:
        yield section("Inputs", *folded)


def _history(events: Sequence[Mapping[str, Any]]) -> Html:
    rows = [_event(event) for event in events]
    return table(("Time (UTC)", "What", "", ""), rows, "Nothing is known about this part.")


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
        tag("img", src=picture_url(event["details"]["arrival"], name), alt=str(name), height="128", loading="lazy")
        for name in event["details"].get("pictures", ())
    ]
    time = tag("time", str(event["at"]).replace("T", " "), datetime=str(event["at"]))
    return time, kind, chip(status) if status else "", tag("div", str(event["summary"]), *pictures, collapsed)
