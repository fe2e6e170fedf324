"""What the next shift must know: what opened, closed and stands, what was held, and where people overrode a gate."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from inference.policy.followed import answer_to
from monitor.errors import UsageError
from monitor.model import Verdict
from monitor.plant.calendar import Turn
from monitor.plant.types import DURATION, parse_duration, parse_instant
from monitor.reports.part.values import iso
from monitor.statuses import Answer
from monitor.store.database.database import Connection
from monitor.store.parts.lists import Wanted, newest_decisions
from monitor.store.parts.overridden import DecidedDisposition, decided_dispositions
from monitor.store.watching.alerts import Alert, alerts_since
from monitor.store.watching.causes import cited_words_of

SHIFT = timedelta(hours=8)
"""How far back it looks in a plant without shifts unless it is told otherwise."""
LONGEST = timedelta(days=31)
MOST = 1000
"""Holds and dispositions that are looked at, the newest ones."""


def since_of(given: str, now: datetime, shift: Turn | None = None) -> datetime:
    """The start of a shift from text: an instant, or a duration before now. Else UsageError.

    By default that of `shift`, and 8 hours ago where there is none.
    """
    if not given and shift is not None:
        return shift.start
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


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What happened from `since` to `until`: alerts, the worst first; holds by gate and reason, the most first.

    `parts` counts all holds, the newest `MOST` of them; `decided` are the dispositions that came after a decision.
    """

    since: datetime
    until: datetime
    alerts: tuple[Alert, ...]
    held: tuple[tuple[str, str, int], ...]
    parts: int
    decided: tuple[DecidedDisposition, ...]

    @property
    def opened(self) -> list[Alert]:
        """The alerts that fired since then."""
        return [row for row in self.alerts if _fired(row) >= self.since]

    @property
    def closed(self) -> list[Alert]:
        """The alerts that ended since then."""
        return [row for row in self.alerts if row.ended_at is not None]

    @property
    def stands(self) -> list[Alert]:
        """The alerts that fire."""
        return [row for row in self.alerts if row.ended_at is None]

    @property
    def overridden(self) -> list[DecidedDisposition]:
        """The dispositions by which people did something else than was recommended."""
        answers = ((row, answer_to(row.verdict, row.reason, row.disposition)) for row in self.decided)
        return [row for row, answer in answers if answer is Answer.OVERRIDDEN]


def handed_over(connection: Connection, since: datetime, now: datetime) -> HandedOver:
    """What happened from `since` to `now`, of the store."""
    alerts = [row for row in alerts_since(connection, since) if _fired(row) <= now]
    holds = newest_decisions(connection, Wanted(verdict=Verdict.HOLD.value, since=since), MOST)
    counts = Counter((row.gate, row.reason) for row in holds)
    held = tuple((gate, reason, parts) for (gate, reason), parts in counts.most_common())
    return HandedOver(since, now, tuple(alerts), held, len(holds), tuple(decided_dispositions(connection, since, MOST)))


def handover(connection: Connection, since: datetime, now: datetime, shift: Turn | None = None) -> dict[str, object]:
    """Since an instant: alerts that `opened`, `closed` and now `stands`; `held` parts; `overridden` recommendations.

    `held` counts by gate and reason, `parts` all of them; both are of the newest `MOST` holds. `dispositions` counts
    those that came after a decision. `shift` is the name of the shift that began last, None without shifts.
    """
    found = handed_over(connection, since, now)
    causes = cited_words_of(connection, found.alerts)
    return {
        "since": iso(since), "until": iso(now), "shift": None if shift is None else shift.name,
        "opened": [_alert(row, causes[row.id]) for row in found.opened],
        "closed": [_alert(row, causes[row.id]) for row in found.closed],
        "stands": [_alert(row, causes[row.id]) for row in found.stands],
        "parts": found.parts,
        "held": [{"gate": gate, "reason": reason, "parts": n} for gate, reason, n in found.held],
        "dispositions": len(found.decided),
        "overridden": [
            {"serial": row.serial, "step": row.step, "gate": row.gate, "verdict": row.verdict, "reason": row.reason,
             "disposition": row.disposition, "at": iso(row.at)}
            for row in found.overridden
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
