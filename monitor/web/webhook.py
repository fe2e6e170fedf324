"""Alertmanager's webhook: who may post, and what a post changes. Profile `stack` only."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from alerting.alerts.in_force import alerts_in_force
from alerting.alerts.webhook import PostedAlert, changes, ours, parse
from monitor.model import WATCHDOG
from monitor.plant.plant import Plant
from monitor.store.database.database import Store
from monitor.store.watching import alerts as alerting

MAX_BYTES = 1024 * 1024
Answer = tuple[int, dict[str, Any]]
"""Status and body of the answer."""


def refusal(plant: Plant, authorization: str, size: int) -> Answer | None:
    """Why a post is not taken, before its body is looked at; None where it may be."""
    if plant.profile != "stack":
        return _said(409, "this plant's profile is embedded: Gatewatch evaluates the alerts itself and takes none")
    token = plant.alerts.webhook_token or ""
    given = authorization.removeprefix("Bearer ").encode("utf-8", "surrogateescape")
    if not authorization.startswith("Bearer ") or not hmac.compare_digest(given, token.encode()):
        return _said(401, "expected the bearer token that the plant file has under alerts.webhook_token")
    if size > MAX_BYTES:
        what = f"expected a body of at most {MAX_BYTES} bytes"
        return _said(413, f"{what}; set max_alerts in Alertmanager's webhook_configs")
    return None


def take(store: Store, plant: Plant, body: bytes, now: datetime) -> Answer:
    """Write what a body tells into the alert table, in one transaction."""
    try:
        told = parse(body)
    except ValueError as exc:
        return _said(400, str(exc))
    specs = {spec.name: spec for spec in alerts_in_force(plant)}
    mine = ours(told, specs)
    with store.write() as connection:
        alerting.lock_alerts(connection)
        found = changes(mine, alerting.states(connection), alerting.ended(connection), _limits(specs))
        for change, at in found:
            alerting.save_changes(connection, [change], specs, plant, at, "prometheus")
        alerting.seen(connection, [one.key for one in mine], now)
        if plant.alerts.forget_after is not None and _all_is_told(mine):
            alerting.forget(connection, now, plant.alerts.forget_after)
    return 200, {"taken": len(mine), "ignored": len(told) - len(mine)}


def _all_is_told(told: list[PostedAlert]) -> bool:
    """Whether Alertmanager works: it repeats the alert that always fires, so it repeats the others as well."""
    return any(one.key.alert == WATCHDOG and one.ends_at is None for one in told)


def _limits(specs: Mapping[str, Any]) -> dict[str, float]:
    return {name: spec.limit for name, spec in specs.items()}


def _said(status: int, sentence: str) -> Answer:
    return status, {"error": sentence}
