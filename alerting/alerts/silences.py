"""Alertmanager's silences and Gatewatch's shelves: what is held back there, and what is to be silenced. Pure functions.

Alertmanager sends nothing of an alert that is silenced, not even its end, so it is read. A silence that Gatewatch makes
for a shelf has a mark at the end of its comment, by which it is found again after any kill; all others are people's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from alerting.alerts.evaluator import Key
from alerting.alerts.webhook import VERSION, may_be_a_name
from alerting.handling.shelves import Shelf
from monitor.model import WATCHDOG

_RESENT = timedelta(minutes=1)
"""How often Prometheus repeats an alert, unless it is evaluated less often."""
_OVER = "expired"
_MARK = re.compile(r"\s*\[gatewatch (\S+) ([0-9a-f]{16})\]$")


class Silence(NamedTuple):
    """A silence that is not over: by whom, from when to when, and why."""

    at: datetime
    until: datetime
    actor: str
    comment: str


class Seen(NamedTuple):
    """What Alertmanager holds: its silences by id, every alert that fires, and the ids by which each is silenced.

    `entries` are the silenced alerts as its API writes them. `whole`: it works, and for long enough to know all alerts.
    """

    silences: Mapping[str, Silence]
    listed: frozenset[Key]
    silenced: Mapping[Key, Sequence[str]]
    entries: Sequence[Mapping[str, Any]]
    whole: bool


class Held(NamedTuple):
    """An alert that Alertmanager does not send until then; `ours`: because of a shelf of this site."""

    name: str
    condition: str
    subject: str
    at: datetime
    until: datetime
    actor: str
    reason: str
    ours: bool

    @property
    def key(self) -> Key:
        """The alert."""
        return Key(self.name, self.condition, self.subject)


class Plan(NamedTuple):
    """Silences to make, as bodies of a request, and the ids of those to end."""

    make: list[Mapping[str, Any]]
    end: list[str]


def knows_all_after(every: timedelta) -> timedelta:
    """How long after its start Alertmanager, which forgets all alerts, has them again if they are evaluated so often.

    Four times what Prometheus takes to repeat one, as long as it says that one holds without being repeated.
    """
    return 4 * max(_RESENT, every)


def read(status: str, alerts: str, silences: str, names: Collection[str], up_before: datetime) -> Seen:
    """Answers of Alertmanager's API (version 2), in the order they were asked for; ValueError if they are none.

    `names` are those of the alerts in force: others are nothing to Gatewatch. An Alertmanager that started after
    `up_before` may not have all alerts yet.
    """
    try:
        up_since = _time(json.loads(status)["uptime"])
        fires = [(_key(one), one) for one in _list(alerts)]
        fires = [(key, one) for key, one in fires if key.alert in names and may_be_a_name(key.subject)]
        known = {str(one["id"]): _silence(one) for one in _list(silences) if one["status"]["state"] != _OVER}
        silenced = _silenced(fires, known)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as exc:
        raise ValueError(f"that is not of its API, version 2 ({exc!r})") from None
    listed = frozenset(key for key, _ in fires)
    works = any(key.alert == WATCHDOG for key in listed)
    entries = [one for key, one in fires if key in silenced]
    return Seen(known, listed, silenced, entries, works and up_since <= up_before)


def _list(text: str) -> list[Any]:
    found = json.loads(text)
    if not isinstance(found, list):
        raise TypeError("expected a list")
    return found


def _silenced(fires: Iterable[tuple[Key, Any]], known: Collection[str]) -> dict[Key, list[str]]:
    """The known silences of each alert; none of one that is sent for another instance."""
    found: dict[Key, list[str]] = {}
    for key, alert in fires:
        ids = [str(one) for one in alert["status"]["silencedBy"] if str(one) in known]
        of_others = found.get(key)
        found[key] = ids if of_others is None else [*of_others, *ids] if of_others and ids else []
    return {key: ids for key, ids in found.items() if ids}


def _silence(one: Any) -> Silence:
    return Silence(_time(one["startsAt"]), _time(one["endsAt"]), _text(one["createdBy"]), _text(one["comment"]))


def _text(text: Any) -> str:
    """What people wrote, as any database can hold it."""
    return str(text).encode("utf-8", "replace").decode().replace("\0", "")


def _key(alert: Any) -> Key:
    labels = {str(name): str(value) for name, value in alert["labels"].items()}
    return Key(labels.get("alertname", ""), labels.get("condition", ""), labels.get("subject", ""))


def _time(text: Any) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} is not a time with a UTC offset")
    return at.astimezone(UTC)


def post_of(seen: Seen) -> bytes:
    """The silenced alerts as a post of its webhook, which Alertmanager does not make of them."""
    names = ("labels", "annotations", "startsAt")
    alerts = [{"status": "firing", **{name: one.get(name) for name in names}} for one in seen.entries]
    return json.dumps({"version": VERSION, "alerts": alerts}).encode()


def held(before: Iterable[Held], seen: Seen, site: str) -> tuple[list[Held], list[Key]]:
    """The alerts that are silenced now, and those of before that are over, whose end Alertmanager never tells."""
    after = {key: _held(key, [seen.silences[one] for one in ids], site) for key, ids in seen.silenced.items()}
    over = []
    for row in before:
        if row.key in seen.listed:
            continue
        if seen.whole:
            over.append(row.key)
        else:
            after[row.key] = row
    return [after[key] for key in sorted(after)], over


def _held(key: Key, silences: Iterable[Silence], site: str) -> Held:
    """By the silence that ends last; another's before one of ours, which is shown as the shelf that it is of."""
    silence = max(silences, key=lambda one: (_mark_of(one)[0] != site, one.until, one))
    reason = _MARK.sub("", silence.comment)
    return Held(*key, silence.at, silence.until, silence.actor, reason, _mark_of(silence)[0] == site)


def _mark_of(silence: Silence) -> tuple[str, str]:
    """The site and the digest of the shelf that a silence is of, '' for one that people made in Alertmanager."""
    found = _MARK.search(silence.comment)
    return ("", "") if found is None else (found[1], found[2])


def plan(shelves: Iterable[Shelf], seen: Seen, site: str) -> Plan:
    """What to change in Alertmanager so that each shelf of a site has one silence, and nothing else has one of ours."""
    wanted = {_digest(shelf): shelf for shelf in shelves}
    have: dict[str, str] = {}
    end = []
    for number, silence in sorted(seen.silences.items()):
        of_site, digest = _mark_of(silence)
        if of_site != site:
            continue
        if digest in wanted and digest not in have:
            have[digest] = number
        else:
            end.append(number)
    return Plan([_body(shelf, site, digest) for digest, shelf in wanted.items() if digest not in have], end)


def _digest(shelf: Shelf) -> str:
    """Another one for another shelf of the same alert, as when it is shelved again for longer."""
    content = [shelf.name, shelf.subject, shelf.at.isoformat(), shelf.until.isoformat(), shelf.actor, shelf.reason]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _body(shelf: Shelf, site: str, digest: str) -> Mapping[str, Any]:
    matchers = [
        {"name": name, "value": value, "isRegex": False, "isEqual": True}
        for name, value in (("alertname", shelf.name), ("subject", shelf.subject))
    ]
    comment = f"{shelf.reason} [gatewatch {site} {digest}]"
    return {"matchers": matchers, "startsAt": shelf.at.isoformat(), "endsAt": shelf.until.isoformat(),
            "createdBy": shelf.actor, "comment": comment}  # fmt: skip
