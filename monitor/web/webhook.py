"""Alertmanager's webhook: who may post, and what a post changes. Profile `stack` only."""

from __future__ import annotations

import hmac
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alerting.alerts.in_force import alerts_in_force, subjects
from alerting.alerts.webhook import (
    PostedAlert,
    Refused,
    Specs,
    TooManyError,
    changes,
    may_be_a_name,
    parse,
    unknown_subject,
)
from exporters.metrics.shared.snapshot import OTHER_NAMES
from monitor.model import WATCHDOG
from monitor.plant.plant import Plant
from monitor.store.database.database import Connection, Store
from monitor.store.database.statements import TallyKey, add_counts, tally_key
from monitor.store.understood import unknown_names
from monitor.store.watching import alerts as alerting

_LOG = logging.getLogger(__name__)

MAX_BYTES = 4 * 1024 * 1024
MAX_ALERTS = 5000
CHUNK = 100
"""Alerts of a transaction: other writers of the store wait for no more than these."""
_MAX_ERRORS = 5
_NAMED_FOR = timedelta(days=2)
"""An unknown machine or step is exported for a day after its last row; its alert may come a little later."""
Answer = tuple[int, dict[str, Any]]
"""Status and body of the answer."""


def refusal(plant: Plant, authorization: str, size: int) -> Answer | None:
    """Why a post is refused without reading its body; None if it is not."""
    if plant.profile != "stack":
        return _error(409, "this plant's profile is embedded: Gatewatch evaluates the alerts itself and accepts none")
    token = plant.alerts.webhook_token or ""
    given = authorization.removeprefix("Bearer ").encode("utf-8", "surrogateescape")
    if not authorization.startswith("Bearer ") or not hmac.compare_digest(given, token.encode()):
        return _error(401, "expected the bearer token that the plant file has under alerts.webhook_token")
    if size > MAX_BYTES:
        expected = f"expected a body of at most {MAX_BYTES} bytes"
        return _error(413, f"{expected}; set max_alerts in Alertmanager's webhook_configs")
    return None


@dataclass(frozen=True, slots=True)
class _Receiver:
    """What the alerts of a post are checked against, and where they go."""

    store: Store
    plant: Plant
    specs: Specs
    subjects: Mapping[str, frozenset[str]]
    now: datetime

    def take(self, posted: Sequence[PostedAlert]) -> tuple[list[PostedAlert], list[Refused]]:
        """Write alerts into the alert table, in one transaction: those taken, and why others are not."""
        with self.store.write() as connection:
            alerting.lock_alerts(connection)
            known = [alert for alert in posted if self._in_plant(alert) or may_be_a_name(alert.key.subject)]
            states, ended = alerting.newest_episodes(connection, [alert.key for alert in known])
            # What fired before it left the plant file must still be able to end.
            taken = [alert for alert in known if self._in_plant(alert) or alert.key in states]
            limits = {name: spec.limit for name, spec in self.specs.items()}
            for change, at in changes(taken, states, ended, limits):
                alerting.save_changes(connection, [change], self.specs, self.plant, at, "prometheus")
            alerting.mark_seen(connection, [alert.key for alert in taken], self.now)
        return taken, [
            unknown_subject(alert, self.specs[alert.key.alert].kind)
            for alert in posted
            if not self._in_plant(alert) and alert.key not in states
        ]

    def _in_plant(self, alert: PostedAlert) -> bool:
        return alert.key.subject in self.subjects[self.specs[alert.key.alert].kind]


def _names(store: Store, now: datetime) -> frozenset[str]:
    """The machines and steps that rows named and the plant file has not: nobody else may name one."""
    with store.read() as connection:
        return frozenset({OTHER_NAMES, *(row.subject for row in unknown_names(connection, now - _NAMED_FOR))})


def receive(store: Store, plant: Plant, jobs: Iterable[str], body: bytes, now: datetime) -> Answer:
    """Write the alerts of a body into the alert table, a few in each transaction; `jobs` are the names of all jobs."""
    specs = {spec.name: spec for spec in alerts_in_force(plant)}
    try:
        post = parse(body, specs, now, MAX_ALERTS)
    except TooManyError as exc:
        return _error(413, f"{exc}; set max_alerts in Alertmanager's webhook_configs, or group by more labels")
    except ValueError as exc:
        return _error(400, str(exc))
    receiver = _Receiver(store, plant, specs, {**subjects(plant, jobs), "name": _names(store, now)}, now)
    taken, refused = [], list(post.refused)
    for chunk in _chunks(post.alerts):
        accepted, others = receiver.take(chunk)
        taken += accepted
        refused += others
    after = plant.alerts.forget_after if _watchdog_fires(taken) else None
    if refused or after is not None:
        with store.write() as connection:
            if after is not None:
                alerting.lock_alerts(connection)
                alerting.end_unrepeated(connection, now, after)
            _count(connection, refused)
    if refused:
        _LOG.warning("webhook: refused %d alerts of a post, the first because %s", len(refused), refused[0].sentence)
    errors = [one.sentence for one in refused[:_MAX_ERRORS]]
    return 200, {"taken": len(taken), "ignored": post.ignored, "refused": len(refused), "errors": errors}


def _chunks(alerts: Sequence[PostedAlert]) -> Iterator[Sequence[PostedAlert]]:
    return (alerts[start : start + CHUNK] for start in range(0, len(alerts), CHUNK))


def _count(connection: Connection, refused: Iterable[Refused]) -> None:
    tallies: Counter[TallyKey] = Counter()
    for one in refused:
        tallies[tally_key("gatewatch_webhook_refused_alerts_total", reason=one.reason.value)] += 1
    add_counts(connection, tallies)


def _watchdog_fires(alerts: list[PostedAlert]) -> bool:
    """Whether Alertmanager works: if it repeats the alert that always fires, it repeats the others as well."""
    return any(alert.key.alert == WATCHDOG and alert.ends_at is None for alert in alerts)


def _error(status: int, sentence: str) -> Answer:
    return status, {"error": sentence}
