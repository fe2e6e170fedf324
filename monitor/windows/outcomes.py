"""What is known of a gate's outcomes, as gauges: how many, how far behind, and how many belong to no passage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from inference.policy.regions import verdict_by_rule
from monitor.plant.gates import GateConfig
from monitor.plant.line import Characteristic
from monitor.store.database.database import Connection
from monitor.store.database.statements import TallyKey, tally_key
from monitor.store.rows.outcome_counts import behind_decisions, newest_available, unmatched_outcomes, verdict_outcomes
from monitor.store.rows.outcomes import count_outcomes

LOOKED_AT = 100
"""The newest outcomes for which a passage is looked for."""
COUNTED = 20_000
"""Outcomes counted by verdict in one slot, at most: a long history is counted in several."""


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """Parts with an outcome, when the newest became available, and those of the newest that belong to no passage."""

    newest_arrival: int
    parts: int
    newest_at: datetime | None
    unmatched: int
    looked_at: int


def count(
    connection: Connection, config: GateConfig, now: datetime, newest_arrival: int, before: OutcomeCounts | None
) -> OutcomeCounts:
    """The counts at an instant; those of `before` where no outcome has arrived since and no passage is missing."""
    name, known = config.characteristic, before is not None and before.newest_arrival == newest_arrival
    if before is not None and known and not before.unmatched:
        return before
    unmatched = unmatched_outcomes(connection, name, config.step, now, LOOKED_AT)
    if before is not None and known:
        return replace(before, unmatched=unmatched[0], looked_at=unmatched[1])
    parts, newest_at = count_outcomes(connection, name, now), newest_available(connection, name, now)
    return OutcomeCounts(newest_arrival, parts, newest_at, *unmatched)


def count_by_verdict(
    connection: Connection, gate: str, config: GateConfig, of: Characteristic, after: int
) -> tuple[Counter[TallyKey], int]:
    """The outcomes that came after an arrival number, by what the gate had recommended and what would have been right.

    And how far they were counted. An outcome that no specification was in force for does not count.
    """
    tallies: Counter[TallyKey] = Counter()
    found, reached = verdict_outcomes(connection, gate, config.characteristic, after, COUNTED)
    for row in found:
        rule = of.rule_at(row.at, config.coverage)
        truth = None if rule is None else verdict_by_rule(row.value, rule, config.rework_band())
        if truth is not None:
            key = tally_key("gatewatch_gate_verdict_outcomes_total", gate=gate, verdict=row.verdict, truth=truth)
            tallies[key] += 1
    return tallies, reached


def gauges(connection: Connection, gate: str, counts: OutcomeCounts) -> dict[TallyKey, float]:
    """The counts as metrics show them."""
    behind = behind_decisions(connection, gate, counts.newest_at)
    return {
        tally_key("gatewatch_gate_outcomes", gate=gate): float(counts.parts),
        tally_key("gatewatch_gate_outcomes_behind_seconds", gate=gate): behind.total_seconds(),
        tally_key("gatewatch_gate_outcomes_unmatched", gate=gate): float(counts.unmatched),
        tally_key("gatewatch_gate_outcomes_looked_at", gate=gate): float(counts.looked_at),
    }
