"""What people did with the recommendations of the gates, counted."""

from __future__ import annotations

from collections import Counter

from inference.policy.followed import answer_to
from monitor.store.database.database import Connection
from monitor.store.database.statements import TallyKey, tally_key
from monitor.store.parts.overridden import first_dispositions

COUNTED = 20_000
"""Dispositions counted in one slot, at most: a long history is counted in several."""


def count_answers(connection: Connection, after: int, most: int = COUNTED) -> tuple[Counter[TallyKey], int]:
    """The dispositions that came after an arrival number, by gate, verdict and answer; and how far they were counted.

    Each counts once, as it was first recorded. One that answers no recommendation does not count.
    """
    tallies: Counter[TallyKey] = Counter()
    found, reached = first_dispositions(connection, after, most)
    for row in found:
        answer = answer_to(row.verdict, row.reason, row.disposition)
        if answer is not None:
            key = tally_key(
                "gatewatch_gate_dispositions_total", gate=row.gate, verdict=row.verdict, answer=answer.value
            )
            tallies[key] += 1
    return tallies, reached
