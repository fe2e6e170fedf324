"""The parts of a gate with what became of them: decisions joined to outcomes, dispositions and later decisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from inference.policy.costs import Costs
from inference.policy.followed import PartResult, Passage, end, follow
from inference.policy.recalibration import Uncertain
from inference.policy.regions import verdict_by_rule
from inference.policy.stopping import Failed
from monitor.model import LARGEST_NUMBER, REWORKED, SCRAPPED, USED, JsonObject, Verdict
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.rows import chunked, fetch_rows, select_columns
from monitor.store.rows.outcomes import StoredOutcome, dispositions_of_parts, outcomes_of

CostsAt = Callable[[str, str], Costs | None]
"""What decisions of a gate cost under a plant file, by digest and name; None where it had no costs."""

_PAGE = 500
"""Decisions at a time: bounded memory, however many there are."""
_UNDERSTOOD = (USED, REWORKED, SCRAPPED)


class _Decision(NamedTuple):
    serial: str
    step: str
    gate: str
    arrival: int
    characteristic: str
    plant_digest: str
    verdict: str
    at: datetime
    costs: Sequence[JsonObject] | None
    signals: JsonObject | None


class _Event(NamedTuple):
    """An outcome (whether the part was not good) or a disposition (what was done), in order of time."""

    at: datetime
    bad: bool | None = None
    done: str = ""


@dataclass(frozen=True, slots=True)
class FollowedPart:
    """A part that came to a gate; `failed` if it failed in the end, for the first gate of its way only."""

    result: PartResult
    failed: Failed | None


def followed_parts(
    connection: sa.Connection, plant: Plant, costs_at: CostsAt, gate: str, start: datetime, end_at: datetime,
    now: datetime,
) -> Iterator[FollowedPart]:  # fmt: skip
    """The parts that a gate decided on first in a period, with what was known of them at `now`.

    The gate has costs in the plant file; these are the money. Probabilities are those recorded, under the costs of the
    plant file that decided. A part whose decisions are further apart than `max_age` of the step is another one with the
    same serial number.
    """
    costs = plant.gates[gate].priced()
    if costs is None:
        return
    characteristic = plant.gates[gate].characteristic
    for page in _pages(connection, gate, characteristic, start, end_at):
        ways = _ways(connection, plant, costs_at, characteristic, page, now)
        for row in page:
            way, place = _way_of(row, ways[row.serial], plant)
            if any(one.decision.gate == gate for one in way[:place]):
                continue  # the part counts by an earlier visit
            passages = [one.passage for one in way]
            result = follow(passages, place, costs)
            yield FollowedPart(result, None if place else _failed(way, costs, plant))


def _failed(way: Sequence[_Placed], costs: Costs, plant: Plant) -> Failed | None:
    place, bad = end([one.passage for one in way])
    weight = bad.expected if isinstance(bad, Uncertain) else float(bad or 0)
    if not weight:
        return None
    if place is None:
        return Failed(costs.escape, "", weight)
    decision = way[place].decision
    there = plant.gates[decision.gate].priced() if decision.gate in plant.gates else None
    return Failed((there or costs).scrap, decision.step, weight)


def _pages(
    connection: sa.Connection, gate: str, characteristic: str, start: datetime, end_at: datetime
) -> Iterator[list[_Decision]]:  # fmt: skip
    """The decisions of a gate on parts of a period, by the index of gate and time."""
    d = t.decision.c
    of = d.gate == gate, d.characteristic == characteristic, d.revision == 0, d.at < end_at
    query = select_columns(_Decision, t.decision).order_by(d.at, d.arrival).limit(_PAGE)
    page = list(fetch_rows(connection, _Decision, query.where(*of, d.at >= start)))
    while page:
        yield page
        last = page[-1]
        later = sa.or_(d.at > last.at, d.arrival > last.arrival)
        page = list(fetch_rows(connection, _Decision, query.where(*of, d.at >= last.at, later)))


class _Placed(NamedTuple):
    decision: _Decision
    passage: Passage


def _ways(
    connection: sa.Connection, plant: Plant, costs_at: CostsAt, characteristic: str, page: Sequence[_Decision],
    now: datetime,
) -> Mapping[str, list[_Placed]]:  # fmt: skip
    """By serial number, the passages of these parts through all gates on a characteristic, in order."""
    serials = sorted({row.serial for row in page})
    decisions: dict[str, list[_Decision]] = defaultdict(list)
    for chunk in chunked(serials):
        d = t.decision.c
        of = d.serial.in_(chunk), d.revision == 0, d.characteristic == characteristic
        for row in fetch_rows(connection, _Decision, select_columns(_Decision, t.decision).where(*of)):
            decisions[row.serial].append(row)
    outcomes: dict[str, list[StoredOutcome]] = defaultdict(list)
    for outcome in outcomes_of(connection, serials):
        if outcome.characteristic == characteristic and outcome.available_at <= now:
            outcomes[outcome.serial].append(outcome)
    dispositions: dict[str, list[tuple[str, _Event]]] = defaultdict(list)
    for one in sorted(dispositions_of_parts(connection, serials), key=lambda row: (row.at, row.revision)):
        if one.disposition in _UNDERSTOOD:
            dispositions[one.serial].append((one.step, _Event(one.at, done=one.disposition)))
    found = {}
    for serial in serials:
        rows = sorted(decisions[serial], key=lambda row: (row.at, row.arrival))
        found[serial] = [
            _Placed(row, _passage(plant, costs_at, row, later, outcomes[serial], dispositions[serial]))
            for row, later in zip(rows, [*(r.at for r in rows[1:]), None], strict=True)
        ]
    return found


def _way_of(row: _Decision, placed: Sequence[_Placed], plant: Plant) -> tuple[list[_Placed], int]:
    """The passages of the part that a decision is on, and the place of this one; not those of another such serial."""
    ages = plant.max_ages()
    place = next(i for i, one in enumerate(placed) if one.decision.arrival == row.arrival)
    first = place
    while first and not _apart(placed[first - 1], placed[first], ages):
        first -= 1
    last = place + 1
    while last < len(placed) and not _apart(placed[last - 1], placed[last], ages):
        last += 1
    return list(placed[first:last]), place - first


def _apart(one: _Placed, other: _Placed, ages: Mapping[str, timedelta]) -> bool:
    return other.decision.at - one.decision.at > ages.get(one.decision.step, timedelta(days=90))


def _passage(
    plant: Plant, costs_at: CostsAt, row: _Decision, later: datetime | None, outcomes: Sequence[StoredOutcome],
    dispositions: Sequence[tuple[str, _Event]],
) -> Passage:  # fmt: skip
    """A decision with what became known up to the part's next decision."""
    done = [e for step, e in dispositions if step in ("", row.step) and _within(e.at, row.at, later)]
    action = done[-1] if done else None
    seen = [
        _Event(one.at, bad)
        for one in sorted(outcomes, key=lambda one: (one.at, one.revision))
        if _within(one.at, row.at, later) and (bad := _is_bad(plant, row, one.value)) is not None
    ]
    changed = action.done == REWORKED if action else row.verdict == Verdict.CORRECT
    since = action.at if action else row.at
    found = [e.bad for e in seen if not changed or e.at < since]
    after = [e.bad for e in seen if changed and e.at >= since]
    recorded, cured, correction = _recorded(row, costs_at(row.plant_digest, row.gate))
    signals = row.signals or {}
    return Passage(
        row.gate, Verdict(row.verdict), recorded, cured, correction,
        float(signals["audit_share"]) if signals.get("audit") else 0.0, action.done if action else "",
        found[-1] if found else None, after[-1] if after else None,
    )  # fmt: skip


def _within(at: datetime, start: datetime, stop: datetime | None) -> bool:
    return at >= start and (stop is None or at < stop)


def _is_bad(plant: Plant, row: _Decision, value: float | None) -> bool | None:
    """Whether an outcome is not within the specification that was in force when the gate decided."""
    config = plant.gates.get(row.gate)
    if config is None or value is None or abs(value) > LARGEST_NUMBER:
        return None
    rule = plant.rules_of(config)(row.at)
    verdict = None if rule is None else verdict_by_rule(value, rule, config.rework_band())
    return None if verdict is None else verdict is not Verdict.CONTINUE


def _recorded(row: _Decision, costs: Costs | None) -> tuple[float | None, float | None, str]:
    """The probability that a part was not good, that it was not and is once corrected, and the correction.

    Read off the expected costs: that of continue is the probability times `escape`; that of a correction is its price
    and `scrap` for each part that is then still not good.
    """
    if row.costs is None or costs is None or costs.escape <= 0:
        return None, None, ""
    bad = next(one["cost"] for one in row.costs if one["action"] == Verdict.CONTINUE) / costs.escape
    chosen = next((one for one in row.costs if one["action"] == row.verdict), None)
    if row.verdict != Verdict.CORRECT or chosen is None:
        return bad, None, ""
    correction = chosen["correction"]
    if correction not in costs.corrections or costs.scrap <= 0:
        return bad, None, correction
    return bad, bad - (chosen["cost"] - costs.corrections[correction].cost) / costs.scrap, correction
