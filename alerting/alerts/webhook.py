"""Parses posts of Alertmanager's webhook (version 4) into changes of alerts. A repeated post changes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from alerting.alerts.evaluator import AlertState, Change, Key
from monitor.statuses import AlertCondition, AlertStatus

VERSION = "4"


class PostedAlert(NamedTuple):
    """One alert of a post; `ends_at` is None while it fires."""

    key: Key
    starts_at: datetime
    ends_at: datetime | None
    value: float | None


class Ended(NamedTuple):
    """The newest resolved episode of an alert: when it fired, and whether its end was reported or only assumed."""

    fired_at: datetime | None
    reported: bool


class TimedChange(NamedTuple):
    """A change and when it happened."""

    change: Change
    at: datetime


def parse(body: bytes) -> list[PostedAlert]:
    """The alerts of a post, firing and resolved; ValueError if it is invalid."""
    try:
        post = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON; expected a post of Alertmanager's webhook_configs") from None
    if not isinstance(post, dict) or str(post.get("version")) != VERSION:
        raise ValueError(f"expected version {VERSION} of a post of Alertmanager's webhook_configs")
    alerts = post.get("alerts")
    if not isinstance(alerts, list):
        raise ValueError("'alerts' is not a list; expected the alerts of the group")
    return [_alert(f"alerts[{n}]", alert) for n, alert in enumerate(alerts)]


def _alert(where: str, alert: Any) -> PostedAlert:
    if not isinstance(alert, dict):
        raise ValueError(f"{where} is not an object")
    labels, annotations = _strings(f"{where}.labels", alert.get("labels")), _strings("", alert.get("annotations") or {})
    status = alert.get("status")
    if status not in (AlertStatus.FIRING, AlertStatus.RESOLVED):
        raise ValueError(f"{where}.status is neither firing nor resolved")
    key = Key(labels.get("alertname", ""), labels.get("condition", ""), labels.get("subject", ""))
    ends_at = _time(f"{where}.endsAt", alert.get("endsAt")) if status == AlertStatus.RESOLVED else None
    return PostedAlert(
        key, _time(f"{where}.startsAt", alert.get("startsAt")), ends_at, _number(annotations.get("value"))
    )


def _strings(where: str, values: Any) -> Mapping[str, str]:
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError(f"{where or 'annotations'} is not an object of strings")
    return values


def _time(where: str, text: Any) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
        return at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{where} is not a time with a UTC offset") from None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def own_alerts(posted: Iterable[PostedAlert], names: Iterable[str]) -> list[PostedAlert]:
    """The alerts of Gatewatch's own rules."""
    own = set(names)
    return [
        alert
        for alert in posted
        if alert.key.alert in own and alert.key.condition in tuple(AlertCondition) and alert.key.subject
    ]


def changes(
    posted: Iterable[PostedAlert],
    states: Mapping[Key, AlertState],
    ended: Mapping[Key, Ended],
    limits: Mapping[str, float],
) -> Iterator[TimedChange]:
    """The changes of the open alerts `states` by a post; `ended` holds the newest resolved episode of each alert.

    Alertmanager delivers at least once: again after a restart, and twice if two of them run.
    """
    for alert in posted:
        before = states.get(alert.key)
        if alert.ends_at is None:
            if (before is None or before.fired_at is None) and not _repeats(alert, ended.get(alert.key)):
                limit = None if alert.key.condition == AlertCondition.ABSENT else limits.get(alert.key.alert)
                state = AlertState(alert.starts_at, alert.starts_at, None, alert.value, limit)
                yield TimedChange(Change(alert.key, before, state), alert.starts_at)
        elif before is not None and alert.ends_at >= (before.fired_at or before.active_at):
            yield TimedChange(Change(alert.key, before, None), alert.ends_at)


def _repeats(alert: PostedAlert, last: Ended | None) -> bool:
    """Whether a firing alert belongs to an episode whose end was reported already."""
    return last is not None and last.reported and last.fired_at is not None and alert.starts_at <= last.fired_at
