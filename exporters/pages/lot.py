"""The page of a lot: its decisions and what became of its parts in counts, and the parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from exporters.html import part_words as words
from exporters.html.html import Html, chip, table, tag
from exporters.pages.clock import Clock
from exporters.pages.part_style import PART_STYLE
from exporters.pages.parts import (
    REFRESH_SECONDS,
    Top,
    framed,
    links,
    lot_url,
    part_link,
    search_form,
    section,
    subject_link,
)


def lot_page(found: Mapping[str, Any], top: Top) -> str:
    """One lot."""
    name, clock, parts = str(found["lot"]), top.clock, found["parts"]
    as_json = tag("a", "as JSON", href=f"{lot_url(name)}&format=json")
    count = f"{found['count']} parts" + (
        f", the newest {len(parts)} of them shown" if len(parts) < found["count"] else ""
    )
    rows = [_part(row, clock) for row in parts]
    heads = ("Part", "", "By gate", "Last step", "Machine", "Passed", "Since then")
    return framed(
        f"Lot {name}",
        top,
        tag("header", tag("h1", f"Lot {name}"), search_form(), links(as_json)),
        section(count, _counts(found, clock), _decisions(found["decisions"])),
        section("Parts", table(heads, rows, "No part.")),
        refresh=REFRESH_SECONDS,
        style=PART_STYLE,
    )


def _counts(found: Mapping[str, Any], clock: Clock) -> Html:
    terms = (
        ("First seen", clock.moment(datetime.fromisoformat(found["first"]))),
        ("Last seen", clock.moment(datetime.fromisoformat(found["last"]))),
        ("Outcomes", _listed(found["outcomes"])),
        ("Dispositions", _listed(found["dispositions"])),
    )
    return tag("dl", *(one for name, said in terms for one in (tag("dt", name), tag("dd", said))))


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items()) or "none yet"


def _decisions(rows: Sequence[Mapping[str, Any]]) -> Html:
    """The verdicts of each gate, a row a gate."""
    by_gate: dict[str, dict[str, int]] = {}
    for row in rows:
        by_gate.setdefault(str(row["gate"]), {})[str(row["verdict"])] = row["parts"]
    verdicts = ("continue", "correct", "scrap", "hold")
    told: list[tuple[str, ...]] = [
        (subject_link(gate), *(str(counts.get(verdict, 0)) for verdict in verdicts)) for gate, counts in by_gate.items()
    ]
    return table(("Gate", *(verdict.capitalize() for verdict in verdicts)), told, "No gate has decided on it.")


def _part(row: Mapping[str, Any], clock: Clock) -> tuple[str, ...]:
    verdict: str = chip(str(row["verdict"])) if row["verdict"] else ""
    gate: str = subject_link(str(row["gate"])) if row["gate"] else "-"
    machine: str = subject_link(str(row["machine"])) if row["machine"] else "-"
    passed = subject_link(str(row["step"])), machine, clock.moment(datetime.fromisoformat(row["at"]))
    return part_link(str(row["serial"])), verdict, gate, *passed, words.became(row)
