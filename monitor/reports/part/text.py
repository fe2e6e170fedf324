"""A passport for a terminal: the decisions, the neighbours, then the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exporters.html import part_words as words
from exporters.html.formatting import escape_controls, format_value, money
from monitor.reports.part.drawing import draw

_INDENT = " " * 12
_MOST_INPUTS = 12


def as_text(passport: Mapping[str, Any]) -> str:
    """The passport, with control characters in the data escaped."""
    lines = [f"part {passport['serial']}"]
    for decision in passport.get("decisions", ()):
        lines += ["", *_decision(decision)]
    if passport.get("neighbours"):
        lines += ["", "same machine, same lot"]
        lines += [f"  {line}" for one in passport["neighbours"] for line in _neighbours(one)]
    if len(lines) > 1:
        lines += ["", "history"]
    for event in passport["events"]:
        lines.append(f"{event['at']}  {event['kind']:<15} {event['summary']}")
        lines += [f"{'':24}{name}: {format_value(value)}" for name, value in event["details"].items()]
    return "\n".join(map(escape_controls, lines)) + "\n"


def _decision(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"gate {one['gate']} at {one['step']}, visit {one['visit']}, {words.clock(one['decided_at'])}"
    yield f"  {one['sentence']}"
    for name, text in (("to do", one["todo"]), *_facts(one)):
        if text:
            yield f"  {name:<{len(_INDENT) - 2}}{text}"
    drawn = draw(one)
    yield from (f"{_INDENT}{line}" for line in drawn)


def _facts(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "predicted", words.predicted(one)
    yield "limits", words.specification(one)
    yield "classes", words.classes(one)
    priced = [row for row in one["alternatives"] if row["cost"] is not None]
    yield "costs", ", ".join(f"{words.action(row)} {money(row['cost'], one['currency'] or '')}" for row in priced)
    yield "ruled out", "; ".join(f"{words.action(row)}: {row['ruled_out']}" for row in words.ruled_out(one))
    yield "model", words.model(one)
    yield "hold", words.waits(one)
    yield "sent", "; ".join(words.delivery(row) for row in one["sent"])
    yield "decided", "; ".join(words.disposition(row, one["step"]) for row in one["dispositions"])
    yield "outcome", "; ".join(f"{words.outcome(row, one)} {words.clock(row['at'])}" for row in one["outcomes"])
    yield "inputs", _inputs(one["inputs"])


def _inputs(rows: Sequence[Mapping[str, Any]]) -> str:
    """The first inputs with a value, and how many more there are."""
    given = [row for row in rows if row["value"] is not None]
    named = ", ".join(map(words.given_input, given[:_MOST_INPUTS]))
    more = f" and {len(given) - _MOST_INPUTS} more (--json has all)" if len(given) > _MOST_INPUTS else ""
    missing = len(rows) - len(given)
    return named + more + (f"; {missing} missing" if missing else "")


def _neighbours(one: Mapping[str, Any]) -> Iterator[str]:
    near = [*map(_near, one["before"]), "this part", *map(_near, one["after"])]
    yield f"{one['step']}, {one['by']} {one['name']}: {' > '.join(near)}"


def _near(row: Mapping[str, Any]) -> str:
    said = ", ".join(filter(None, (row["verdict"], words.became(row))))
    return f"{row['serial']} ({said or 'no gate decided'})"
