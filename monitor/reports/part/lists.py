"""Lists of decisions in pages, and the holds that wait with their due times, as JSON and for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from exporters.html import part_words as words
from exporters.html.formatting import aligned, escape_controls
from monitor.errors import UsageError
from monitor.model import JsonObject, Reason, Verdict
from monitor.plant.types import parse_instant
from monitor.reports.part.around import Told
from monitor.reports.part.decisions import waiting
from monitor.reports.part.facts import rule_of
from monitor.reports.part.reading import Lens
from monitor.reports.part.values import iso, json_value, storable
from monitor.store.database.database import Connection
from monitor.store.parts.holds import WaitingHold, waiting_holds
from monitor.store.parts.lists import Key, ListedDecision, Wanted, kinds_of, newest_decisions

PAGE = 50
"""Decisions of one page, unless another number is asked for."""
MOST = 1000
"""Decisions of one page at most."""
_LARGEST = 2**63 - 1


def wanted_of(given: Mapping[str, str | None]) -> Wanted:
    """What a list has, by `verdict`, `gate`, `reason`, `since` and `after` as texts; UsageError for what cannot be.

    `after` is the `next` of the page before.
    """
    verdict, reason = _one_of(given, "verdict", Verdict), _one_of(given, "reason", Reason)
    gate, since, after = given.get("gate"), given.get("since"), given.get("after")
    return Wanted(
        verdict, gate or None, reason, _instant("since", since) if since else None, _key(after) if after else None
    )


def page_size(given: Mapping[str, str]) -> int:
    """How many decisions a page has, by `limit` as text; UsageError for what is no number from 1 to `MOST`."""
    text = given.get("limit", "")
    if not text:
        return PAGE
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= MOST:
        raise UsageError(f"limit {text!r}: expected a whole number from 1 to {MOST}")
    return int(text)


def list_parts(connection: Connection, wanted: Wanted, limit: int, lens: Lens) -> dict[str, object]:
    """`decisions`: the newest ones of those wanted, by passage, newest first, each with what became of the part.

    `next` is the key of the next page, None after the last one.
    """
    if wanted.gate is not None and not storable(wanted.gate):
        return {"decisions": [], "next": None}
    rows = newest_decisions(connection, wanted, limit + 1)
    shown = rows[:limit]
    told = Told(connection, {row.serial for row in shown}, lens)
    last = Key(shown[-1].at, shown[-1].arrival) if len(rows) > limit else None
    return {
        "decisions": [_listed(connection, row, told, lens) for row in shown],
        "next": None if last is None else f"{last.at.isoformat()}~{last.arrival}",
    }


def check_gate(connection: Connection, wanted: Wanted, lens: Lens) -> None:
    """UsageError for a gate that neither the plant file nor a stored decision names."""
    if wanted.gate is None:
        return
    known = {name for verdict in Verdict for name, _ in kinds_of(connection, verdict.value)}
    known |= set(lens.plant.gates if lens.plant else ())
    if known and wanted.gate not in known:
        raise UsageError(f"gate {wanted.gate!r}: expected one of {', '.join(sorted(known))}")


def list_holds(connection: Connection, now: datetime, lens: Lens) -> dict[str, object]:
    """`holds`: the parts that wait for people, overdue ones first, then by due time, then the newest; `overdue`: how
    many are."""
    found = [_hold(row, lens) for row in waiting_holds(connection, now)]
    found.sort(key=_urgency)
    return {"holds": found, "overdue": sum(one["overdue"] for one in found)}


def parts_as_text(listing: Mapping[str, Any]) -> str:
    """A list for a terminal: a line each, with control characters in the data escaped."""
    rows = [
        (words.clock(row["at"]), row["serial"], row["gate"], row["verdict"], row["reason"], words.short_prediction(row),
         words.became(row))
        for row in listing["decisions"]
    ]  # fmt: skip
    more = ["there are more; --limit shows more"] if listing["next"] else []
    return _lines([*_columns(rows), *more] or ["no decision of that kind is stored"])


def holds_as_text(listing: Mapping[str, Any]) -> str:
    """The holds that wait, for a terminal: overdue ones first, marked."""
    rows = [
        ("OVERDUE" if row["overdue"] else "", f"due {words.clock(row['due'])}" if row["due"] else "no due time",
         row["serial"], row["step"], row["gate"], row["reason"], f"held {words.clock(row['decided_at'])}")
        for row in listing["holds"]
    ]  # fmt: skip
    count = f"{len(rows)} waiting, {listing['overdue']} overdue"
    return _lines([*_columns(rows), count] if rows else ["no part waits for a decision"])


def _listed(connection: Connection, row: ListedDecision, told: Told, lens: Lens) -> JsonObject:
    plant = lens.plants(connection, row.plant_digest)
    rule = rule_of(plant, row.gate, row.characteristic, row.at)
    return {
        "serial": row.serial, "step": row.step, "visit": row.visit, "gate": row.gate, "at": iso(row.at),
        "decided_at": iso(row.decided_at), "verdict": row.verdict, "reason": row.reason, "on_hold": row.on_hold,
        "characteristic": row.characteristic, "unit": getattr(rule, "unit", ""),
        "predicted": json_value(row.predicted), "lower": json_value(row.lower), "upper": json_value(row.upper),
        **told.became(row),
    }  # fmt: skip


def _hold(row: WaitingHold, lens: Lens) -> dict[str, Any]:
    found = waiting(row.step, row.decided_at, True, lens)
    return {
        "serial": row.serial, "step": row.step, "visit": row.visit, "gate": row.gate, "reason": row.reason,
        "on_hold": row.on_hold, "at": iso(row.at), "decided_at": iso(row.decided_at), "due": found["due"],
        "overdue": found["overdue"],
    }  # fmt: skip


def _urgency(one: Mapping[str, Any]) -> tuple[bool, bool, str, str]:
    """Overdue first, then those with a due time, the earliest first, then the oldest."""
    return not one["overdue"], one["due"] is None, one["due"] or one["decided_at"], one["serial"]


def _one_of(given: Mapping[str, str | None], name: str, known: type[Verdict] | type[Reason]) -> str | None:
    value = given.get(name)
    if not value:
        return None
    if value not in [one.value for one in known]:
        raise UsageError(f"{name} {value!r}: expected one of {', '.join(one.value for one in known)}")
    return value


def _instant(name: str, text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as exc:
        raise UsageError(f"{name} {text!r}: {exc}") from exc


def _key(text: str) -> Key:
    at, _, arrival = text.rpartition("~")
    if not (arrival.isascii() and arrival.isdigit() and int(arrival) <= _LARGEST):
        raise UsageError(f"after {text!r}: expected the 'next' of the page before")
    return Key(_instant("after", at), int(arrival))


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    return aligned([[escape_controls(cell) for cell in row] for row in rows])


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
