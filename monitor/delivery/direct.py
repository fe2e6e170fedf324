"""Notifications that need no store: to the log and to every URL at once, for what the store itself cannot tell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from alerting.notifications.decide import stamp
from alerting.notifications.receivers import Receivers
from exporters.delivery import notify_log
from monitor.delivery.notifications import receivers_of, send
from monitor.errors import DeliveryError, MonitorError
from monitor.plant.plant import Plant

log = logging.getLogger(__name__)

_TEAM = "platform"
_ATTEMPTS = 100
"""How often a URL that cannot be reached is tried."""


class DirectNotifier:
    """Sends messages past the outbox. What could not be delivered is kept in memory and tried again by `retry`."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, str, Callable[[], None]]] = []

    def send(self, plant: Plant, title: str, body: str, mood: str, now: datetime) -> None:
        """Send a message to the log and to each URL of the plant file once, whatever its team."""
        key = f"{_TEAM}:store:{stamp(now)}"
        text = {"id": key, "title": title, "body": f"{body}\n\nid {key}"}
        line = text | {"at": now.isoformat(), "team": _TEAM, "site": plant.site, "notifications": []}
        self._waiting.append((0, "the log", lambda: notify_log.send(plant.notify.log, line)))
        try:
            receivers = receivers_of(plant)
        except MonitorError as exc:
            log.error("%s", exc)
            receivers = {}
        self._waiting += [(0, f"a URL of {p['team']}", _to(receivers, p)) for p in _payloads(receivers, text, mood)]
        self.retry()

    def retry(self) -> None:
        """Try what is waiting; what is refused, or was tried too often, is given up."""
        waiting, self._waiting = self._waiting, []
        for attempts, where, deliver in waiting:
            try:
                deliver()
            except DeliveryError as exc:
                if attempts == 0:
                    log.error("a message about the store did not reach %s: %s", where, exc)
                if exc.retryable and attempts + 1 < _ATTEMPTS:
                    self._waiting.append((attempts + 1, where, deliver))


def _payloads(receivers: Receivers, text: Mapping[str, Any], mood: str) -> list[dict[str, Any]]:
    """One for each different URL."""
    places = {url: (team, n) for team, urls in receivers.items() for n, url in enumerate(urls, start=1)}
    return [{**text, "team": team, "url": number, "mood": mood} for team, number in places.values()]


def _to(receivers: Receivers, payload: Mapping[str, Any]) -> Callable[[], None]:
    return lambda: send(receivers, payload)
