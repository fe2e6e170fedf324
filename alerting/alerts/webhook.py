"""What Alertmanager posts (body version 4), as changes of the alert table. A repeat makes no change."""

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
    """One alert of a body; `ends_at` is None while it fires."""

    key: Key
    starts_at: datetime
    ends_at: datetime | None
    value: float | None


class Ended(NamedTuple):
    """The newest episode that is over: when it fired, and whether its end was reported or only assumed."""

    fired_at: datetime | None
    reported: bool


class Timed(NamedTuple):
    """A change and when it happened."""

    change: Change
    at: datetime


def parse(body: bytes) -> list[PostedAlert]:
    """The alerts of a body, firing and resolved ones mixed; ValueError with a sentence for anything else."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is no JSON; expected what Alertmanager's webhook_configs posts") from None
    if not isinstance(whole, dict) or str(whole.get("version")) != VERSION:
        raise ValueError(f"expected a body of version {VERSION}, as Alertmanager's webhook_configs posts it")
    alerts = whole.get("alerts")
    if not isinstance(alerts, list):
        raise ValueError("'alerts' is no list; expected the alerts of the group")
    return [_alert(f"alerts[{n}]", alert) for n, alert in enumerate(alerts)]


def _alert(where: str, alert: Any) -> PostedAlert:
    if not isinstance(alert, dict):
        raise ValueError(f"{where} is no object")
    labels, annotations = _words(f"{where}.labels", alert.get("labels")), _words("", alert.get("annotations") or {})
    status = alert.get("status")
    if status not in (AlertStatus.FIRING, AlertStatus.RESOLVED):
        raise ValueError(f"{where}.status is neither firing nor resolved")
    key = Key(labels.get("alertname", ""), labels.get("condition", ""), labels.get("subject", ""))
    ends_at = _time(f"{where}.endsAt", alert.get("endsAt")) if status == AlertStatus.RESOLVED else None
    return PostedAlert(
        key, _time(f"{where}.startsAt", alert.get("startsAt")), ends_at, _number(annotations.get("value"))
    )


def _words(where: str, values: Any) -> Mapping[str, str]:
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError(f"{where or 'annotations'} is no map of texts")
    return values


def _time(where: str, text: Any) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
        return at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{where} is no time with an offset") from None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def ours(told: Iterable[PostedAlert], names: Iterable[str]) -> list[PostedAlert]:
    """Those that Gatewatch's own rules made."""
    known = set(names)
    return [
        one for one in told if one.key.alert in known and one.key.condition in tuple(AlertCondition) and one.key.subject
    ]


def changes(
    told: Iterable[PostedAlert],
    states: Mapping[Key, AlertState],
    ended: Mapping[Key, Ended],
    limits: Mapping[str, float],
) -> Iterator[Timed]:
    """What a body changes of the open alerts `states`; `ended` is the newest episode of each that is over.

    Alertmanager tells at least once: again after a restart, and twice where two of them run.
    """
    for one in told:
        before = states.get(one.key)
        if one.ends_at is None:
            if before is None or before.fired_at is None:
                last = ended.get(one.key)
                over = (
                    last is not None and last.reported and last.fired_at is not None and one.starts_at <= last.fired_at
                )
                if not over:
                    limit = None if one.key.condition == AlertCondition.ABSENT else limits.get(one.key.alert)
                    state = AlertState(one.starts_at, one.starts_at, None, one.value, limit)
                    yield Timed(Change(one.key, before, state), one.starts_at)
        elif before is not None and one.ends_at >= (before.fired_at or before.active_at):
            yield Timed(Change(one.key, before, None), one.ends_at)
