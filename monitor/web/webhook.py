"""Alertmanager's webhook: who may post, and what a post changes. Profile `stack` only."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from alerting.alerts.in_force import alerts_in_force
from alerting.alerts.webhook import PostedAlert, changes, own_alerts, parse
from monitor.model import WATCHDOG
from monitor.plant.plant import Plant
from monitor.store.database.database import Store
from monitor.store.watching import alerts as alerting

MAX_BYTES = 1024 * 1024
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


def receive(store: Store, plant: Plant, body: bytes, now: datetime) -> Answer:
    """Write the alerts of a body into the alert table, in one transaction."""
    try:
        posted = parse(body)
    except ValueError as exc:
        return _error(400, str(exc))
    specs = {spec.name: spec for spec in alerts_in_force(plant)}
    alerts = own_alerts(posted, specs)
    with store.write() as connection:
        alerting.lock_alerts(connection)
        timed_changes = changes(
            alerts, alerting.open_states(connection), alerting.ended_episodes(connection), _limits(specs)
        )
        for change, at in timed_changes:
            alerting.save_changes(connection, [change], specs, plant, at, "prometheus")
        alerting.mark_seen(connection, [alert.key for alert in alerts], now)
        if plant.alerts.forget_after is not None and _watchdog_fires(alerts):
            alerting.end_unrepeated(connection, now, plant.alerts.forget_after)
    return 200, {"taken": len(alerts), "ignored": len(posted) - len(alerts)}


def _watchdog_fires(alerts: list[PostedAlert]) -> bool:
    """Whether Alertmanager works: if it repeats the alert that always fires, it repeats the others as well."""
    return any(alert.key.alert == WATCHDOG and alert.ends_at is None for alert in alerts)


def _limits(specs: Mapping[str, Any]) -> dict[str, float]:
    return {name: spec.limit for name, spec in specs.items()}


def _error(status: int, sentence: str) -> Answer:
    return status, {"error": sentence}
