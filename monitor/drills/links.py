"""The links of the chain from a metric to people, and which of them a drill waits for. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from monitor.statuses import OutboxStatus
from monitor.store.delivery.drills import Drill

PATIENCE = timedelta(minutes=3)
"""How long a drill waits on the way there, and again on the way back."""


class Link(StrEnum):
    """A link of the chain, in order."""

    METRIC = "metric"
    RULE = "rule"
    ROUTE = "route"
    MESSAGE = "message"
    PAGE = "page"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be seen of a drill now.

    `metric` and `page` say what is wrong with them, '' where nothing is. `sent` are the statuses of the message that
    tells of the alert, by channel; `over_sent` of the message that it is over.
    """

    metric: str = "not looked at"
    fired: bool = False
    routed: bool = False
    sent: Mapping[str, Sequence[OutboxStatus]] = field(default_factory=dict)
    page: str = "not looked at"
    over: bool = False
    over_sent: Mapping[str, Sequence[OutboxStatus]] = field(default_factory=dict)


class Waiting(NamedTuple):
    """The first link that does not hold yet, and what is the matter with it."""

    link: Link
    sentence: str


def waiting_for(seen: Seen, cleared: bool) -> Waiting | None:
    """What a drill waits for; None where every link holds, the way back only if the metric was `cleared`."""
    return next(_open(seen, cleared), None)


def _open(seen: Seen, cleared: bool) -> Iterator[Waiting]:
    if not cleared and seen.metric:
        yield Waiting(Link.METRIC, seen.metric)
    if not seen.fired:
        yield Waiting(
            Link.RULE,
            "no alert Drill fired; look at the job 'alerts' (profile embedded), or at the rules of Prometheus, "
            "Alertmanager and its webhook (profile stack)",
        )
    if not seen.routed:
        yield Waiting(Link.ROUTE, "the alert fired and no notification was made; look at the job 'notify'")
    if not _all_sent(seen.sent):
        text = f"the message was not delivered ({_statuses(seen.sent)}); see 'gatewatch outbox list'"
        yield Waiting(Link.MESSAGE, text)
    if not cleared and seen.page:
        yield Waiting(Link.PAGE, seen.page)
    if cleared and not seen.over:
        yield Waiting(Link.CLEARED, "the metric went back and the alert did not end")
    if cleared and not _all_sent(seen.over_sent):
        text = f"the alert ended and people were not told ({_statuses(seen.over_sent)}); see 'gatewatch outbox list'"
        yield Waiting(Link.CLEARED, text)


def _all_sent(statuses: Mapping[str, Sequence[OutboxStatus]]) -> bool:
    found = [status for of_channel in statuses.values() for status in of_channel]
    return bool(found) and all(status is OutboxStatus.SENT for status in found)


def _statuses(statuses: Mapping[str, Sequence[OutboxStatus]]) -> str:
    found = (f"{channel}: {status.value}" for channel, of_channel in statuses.items() for status in of_channel)
    return ", ".join(found) or "no message"


def advanced(drill: Drill, seen: Seen, now: datetime) -> Drill:
    """The drill after a look: further on, finished, or broken because a link took too long."""
    if drill.finished_at is not None:
        return drill
    waiting = waiting_for(seen, drill.cleared_at is not None)
    if waiting is not None:
        since = drill.cleared_at or drill.started_at
        if now - since < PATIENCE:
            return drill
        broken = f"{waiting.sentence}; waited {PATIENCE.total_seconds() / 60:g} min"
        # The metric goes back in any case.
        cleared = drill.cleared_at or now
        return drill._replace(cleared_at=cleared, finished_at=now, broken=waiting.link, sentence=broken)
    if drill.cleared_at is None:
        return drill._replace(cleared_at=now)
    return drill._replace(finished_at=now)
