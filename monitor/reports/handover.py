"""What the next shift must know: what opened, closed and stands, what was held, and where people overrode a gate."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta

from inference.policy.followed import answer_to
from monitor.errors import UsageError
from monitor.model import Verdict
from monitor.plant.types import DURATION, parse_duration, parse_instant
from monitor.reports.part.values import iso
from monitor.statuses import Answer
from monitor.store.database.database import Connection
from monitor.store.parts.lists import Wanted, newest_decisions
from monitor.store.parts.overridden import decided_dispositions
from monitor.store.watching.alerts import Alert, alerts_since
from monitor.store.watching.causes import cited_words_of

SHIFT = timedelta(hours=8)
"""How far back it looks unless it is told otherwise."""
LONGEST = timedelta(days=31)
MOST = 1000
"""Holds and dispositions that are looked at, the newest ones."""


def since_of(given: str, now: datetime) -> datetime:
    """The start of a shift from text: an instant, or a duration before now; by default 8 hours. Else UsageError."""
    try:
        since = (
            now - parse_duration(given or SHIFT) if not given or re.fullmatch(DURATION, given) else parse_instant(given)
        )
    except (ValueError, OverflowError):
        since = None
    if since is None or not now - LONGEST <= since <= now:
        raise UsageError(
            f"since {given!r}: expected a duration such as 8h or a time with an offset such as 2026-01-01T06:00:00Z, "
            f"at most {LONGEST.days} days ago"
        )
    return since


def handover(connection: Connection, since: datetime, now: datetime) -> dict[str, object]:
    """Since an instant: alerts that `opened`, `closed` and now `stands`; `held` parts; `overridden` recommendations.

    `held` counts by gate and reason, `parts` all of them; both are of the newest `MOST` holds. `dispositions` counts
    those that came after a decision.
    """
    alerts = [row for row in alerts_since(connection, since) if _fired(row) <= now]
    causes = cited_words_of(connection, alerts)
    told = [(row, _alert(row, causes[row.id])) for row in alerts]
    holds = newest_decisions(connection, Wanted(verdict=Verdict.HOLD.value, since=since), MOST)
    counts = Counter((row.gate, row.reason) for row in holds)
    decided = decided_dispositions(connection, since, MOST)
    return {
        "since": iso(since), "until": iso(now),
        "opened": [one for row, one in told if _fired(row) >= since],
        "closed": [one for row, one in told if row.ended_at is not None],
        "stands": [one for row, one in told if row.ended_at is None],
        "parts": len(holds),
        "held": [{"gate": gate, "reason": reason, "parts": n} for (gate, reason), n in counts.most_common()],
        "dispositions": len(decided),
        "overridden": [
            {"serial": row.serial, "step": row.step, "gate": row.gate, "verdict": row.verdict, "reason": row.reason,
             "disposition": row.disposition, "at": iso(row.at)}
            for row in decided if answer_to(row.verdict, row.reason, row.disposition) is Answer.OVERRIDDEN
        ],
    }  # fmt: skip


def _fired(row: Alert) -> datetime:
    # Alerts of an older store have no firing time.
    return row.fired_at or row.since


def _alert(row: Alert, cause: str) -> dict[str, object]:
    return {
        "name": row.name, "subject": row.subject, "severity": row.severity, "line": row.line, "team": row.team,
        "summary": row.summary, "cause": cause, "since": iso(row.since),
        "ended_at": None if row.ended_at is None else iso(row.ended_at),
    }  # fmt: skip
