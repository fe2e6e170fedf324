"""A lot: what was decided on its parts and what became of them, in counts, and the parts themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from monitor.model import JsonObject
from monitor.reports.part.around import Told
from monitor.reports.part.reading import Lens
from monitor.reports.part.values import iso, storable
from monitor.store.database.database import Connection
from monitor.store.parts.around import NearPassage, decisions_on
from monitor.store.parts.lists import ListedDecision
from monitor.store.parts.lots import passages_of_lot

MOST = 500
"""Parts of a lot that are shown and counted, the newest ones."""


def lot_of(connection: Connection, name: str, lens: Lens) -> dict[str, object] | None:
    """The newest `MOST` parts of a lot; None if no stored passage names it.

    `parts` are by part its newest passage, the newest decision on it as of this lot, and what became of it since, the
    newest first; `count` is how many there are. `decisions` counts all verdicts by gate, `outcomes` and `dispositions`
    what became of the parts.
    """
    if not name or not storable(name) or lens.plant is None:
        return None
    passages = passages_of_lot(connection, name, lens.plant.steps)
    if not passages:
        return None
    newest: dict[str, NearPassage] = {}
    for passage in passages:
        newest.setdefault(passage.serial, passage)
    shown = list(newest.values())[:MOST]
    serials = {passage.serial for passage in shown}
    # Of what was decided on these parts, only what was decided on passages of this lot.
    mine = {(p.serial, p.step, p.visit) for p in passages}
    decided = [row for row in decisions_on(connection, serials) if (row.serial, row.step, row.visit) in mine]
    counts = Counter((row.gate, row.verdict) for row in decided)
    told = Told(connection, serials, lens)
    last = {row.serial: row for row in sorted(decided, key=lambda row: (row.at, row.arrival))}
    parts = [_part(passage, last.get(passage.serial), told) for passage in shown]
    return {
        "lot": name, "count": len(newest), "first": iso(passages[-1].at), "last": iso(passages[0].at), "parts": parts,
        "decisions": [{"gate": gate, "verdict": verdict, "parts": n} for (gate, verdict), n in sorted(counts.items())],
        "outcomes": _outcomes(parts), "dispositions": _named(part["disposition"] for part in parts),
    }  # fmt: skip


def _part(passage: NearPassage, decision: ListedDecision | None, told: Told) -> JsonObject:
    said: JsonObject = {"gate": None, "verdict": None, "reason": None, "outcome": None, "disposition": None}
    if decision is not None:
        said = {"gate": decision.gate, "verdict": decision.verdict, "reason": decision.reason, **told.became(decision)}
    at = {"serial": passage.serial, "step": passage.step, "visit": passage.visit, "machine": passage.machine}
    return {**at, "at": iso(passage.at), **said}


def _outcomes(parts: Iterable[JsonObject]) -> dict[str, int]:
    """How many parts were found inside the specification by which they were decided on, outside, or neither."""
    words: Mapping[object, str] = {True: "inside", False: "outside"}
    return _named(words.get(part["outcome"]["inside"], "not judged") for part in parts if part["outcome"])


def _named(values: Iterable[object]) -> dict[str, int]:
    return dict(sorted(Counter(str(value) for value in values if value).items()))
