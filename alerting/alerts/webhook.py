"""Parses posts of Alertmanager's webhook (version 4) into changes of alerts. A repeated post changes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from alerting.alerts.evaluator import AlertState, Change, Key
from alerting.specs.spec import AlertSpec
from monitor.statuses import AlertCondition, AlertStatus, PostRefusal

Specs = Mapping[str, AlertSpec]
"""The alerts in force, by name."""
VERSION = "4"
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
"""How far another clock, or its zone, may be ahead of ours."""
_MAX_SHOWN = 60
_MAX_NUMBER = 40


class PostedAlert(NamedTuple):
    """One alert of a post; `ends_at` is None while it fires."""

    key: Key
    starts_at: datetime
    ends_at: datetime | None
    value: float | None


class Refused(NamedTuple):
    """An alert of a post that is not taken: why, as a label and as a sentence."""

    reason: PostRefusal
    sentence: str


class Post(NamedTuple):
    """The alerts of a post by Gatewatch's own rules, those refused, and the number of alerts by other rules."""

    alerts: list[PostedAlert]
    refused: list[Refused]
    ignored: int


class Ended(NamedTuple):
    """The newest resolved episode of an alert: when it fired, and whether its end was reported or only assumed."""

    fired_at: datetime | None
    reported: bool


class TimedChange(NamedTuple):
    """A change and when it happened."""

    change: Change
    at: datetime


class TooManyError(ValueError):
    """A post has more alerts than are taken at once."""


class _RefusedError(Exception):
    """One alert of a post cannot be taken."""

    def __init__(self, reason: PostRefusal, sentence: str) -> None:
        super().__init__(sentence)
        self.refused = Refused(reason, sentence)


def parse(body: bytes, specs: Specs, now: datetime, most: int) -> Post:
    """The alerts of a post, firing and resolved, each judged alone; ValueError if the body is no post."""
    post = Post([], [], 0)
    for n, entry in enumerate(_entries(body, most)):
        try:
            alert = _alert(f"alerts[{n}]", entry, specs, now)
        except _RefusedError as error:
            post.refused.append(error.refused)
            continue
        if alert is None:
            post = post._replace(ignored=post.ignored + 1)
        else:
            post.alerts.append(alert)
    return post


def _entries(body: bytes, most: int) -> list[Any]:
    try:
        post = json.loads(body, strict=False)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON; expected a post of Alertmanager's webhook_configs") from None
    if not isinstance(post, dict) or str(post.get("version")) != VERSION:
        raise ValueError(f"expected version {VERSION} of a post of Alertmanager's webhook_configs")
    alerts = post.get("alerts")
    if not isinstance(alerts, list):
        raise ValueError("'alerts' is not a list; expected the alerts of the group")
    if len(alerts) > most:
        raise TooManyError(f"{len(alerts)} alerts in one post; expected at most {most}")
    return alerts


def _alert(where: str, alert: Any, specs: Specs, now: datetime) -> PostedAlert | None:
    """The alert, or None if it is not by a rule of Gatewatch."""
    if not isinstance(alert, dict):
        raise _RefusedError(PostRefusal.MALFORMED, f"{where} is not an object")
    labels = _strings(f"{where}.labels", alert.get("labels"))
    annotations = _strings(f"{where}.annotations", alert.get("annotations") or {})
    spec = specs.get(labels.get("alertname", ""))
    if spec is None:
        return None
    status = alert.get("status")
    if status not in (AlertStatus.FIRING, AlertStatus.RESOLVED):
        raise _RefusedError(PostRefusal.MALFORMED, f"{where}.status is neither firing nor resolved")
    condition = labels.get("condition", "")
    if condition not in _conditions(spec):
        expected = " or ".join(_conditions(spec))
        raise _RefusedError(PostRefusal.CONDITION, f"{where}.labels.condition is not {expected}")
    starts_at = _time(f"{where}.startsAt", alert.get("startsAt"), now)
    ends_at = _time(f"{where}.endsAt", alert.get("endsAt"), now) if status == AlertStatus.RESOLVED else None
    key = Key(spec.name, condition, labels.get("subject", ""))
    return PostedAlert(key, starts_at, ends_at, _number(annotations.get("value")))


def _conditions(spec: AlertSpec) -> tuple[str, ...]:
    return tuple(c.value for c in AlertCondition if c is not AlertCondition.ABSENT or spec.absent)


def _strings(where: str, values: Any) -> Mapping[str, str]:
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise _RefusedError(PostRefusal.MALFORMED, f"{where} is not an object of strings")
    return values


def _time(where: str, text: Any, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
        at = at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise _RefusedError(PostRefusal.TIME, f"{where} is not a time with a UTC offset") from None
    if not _EARLIEST <= at <= now + _AHEAD:
        raise _RefusedError(PostRefusal.TIME, f"{where} is {at.isoformat()}; expected a time between 2000 and now")
    return at


def _number(text: str | None) -> float | None:
    try:
        value = float((text or "")[:_MAX_NUMBER])
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def may_be_a_name(subject: str) -> bool:
    """Whether a subject could be one of an earlier plant file, and can be looked up in any database."""
    return len(subject) <= 2 * 63 and subject.isprintable()


def unknown_subject(alert: PostedAlert, kind: str) -> Refused:
    """Why an alert about something that the plant does not have is refused."""
    shown = ascii(alert.key.subject[:_MAX_SHOWN])
    return Refused(PostRefusal.SUBJECT, f"{alert.key.alert}: the plant has no {kind} {shown}")


def changes(
    posted: Iterable[PostedAlert],
    states: Mapping[Key, AlertState],
    ended: Mapping[Key, Ended],
    limits: Mapping[str, float],
) -> Iterator[TimedChange]:
    """The changes of the open alerts `states` by a post; `ended` holds the newest resolved episode of each alert.

    Alertmanager delivers at least once: again after a restart, and twice if two of them run. However the alerts are
    split into calls, the changes are the same.
    """
    states, ended = dict(states), dict(ended)
    for alert in posted:
        before = states.get(alert.key)
        if alert.ends_at is None:
            if (before is None or before.fired_at is None) and not _repeats(alert, ended.get(alert.key)):
                limit = None if alert.key.condition == AlertCondition.ABSENT else limits.get(alert.key.alert)
                state = AlertState(alert.starts_at, alert.starts_at, None, alert.value, limit)
                states[alert.key] = state
                yield TimedChange(Change(alert.key, before, state), alert.starts_at)
        elif before is not None and alert.ends_at >= (before.fired_at or before.active_at):
            del states[alert.key]
            if before.fired_at is not None:  # one that was only pending leaves no episode
                ended[alert.key] = Ended(before.fired_at, reported=True)
            yield TimedChange(Change(alert.key, before, None), alert.ends_at)


def _repeats(alert: PostedAlert, last: Ended | None) -> bool:
    """Whether a firing alert belongs to an episode whose end was reported already."""
    return last is not None and last.reported and last.fired_at is not None and alert.starts_at <= last.fired_at
