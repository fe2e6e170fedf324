"""Notifications that need no store: to the log and to every URL at once, for what the store itself cannot tell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from alerting.notifications.decide import stamp
from alerting.notifications.describe import runbook_url
from alerting.notifications.languages.sentences import ENGLISH, shipped
from alerting.notifications.receivers import Receivers
from exporters.delivery import notify_log
from monitor.delivery.notifications import message_context, receivers_of, send
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

    def send(self, plant: Plant, key: str, fields: Mapping[str, str], mood: str, now: datetime) -> None:
        """Send a message to the log and to each URL of the plant file once, whatever its team.

        Its title and body are the sentences `key` and `key`_body, in the language of each team.
        """
        message = f"{_TEAM}:store:{stamp(now)}"
        runbook = runbook_url(plant.server.public_url or "", plant.alerts.runbooks, "StoreUnwritable")
        try:
            receivers, words_of = receivers_of(plant), message_context(plant).words_of
        except MonitorError as exc:
            log.error("%s", exc)
            receivers, words_of = {}, lambda _: shipped(ENGLISH)

        def text(team: str) -> dict[str, Any]:
            words = words_of(team)
            body = words.say(f"{key}_body", url=runbook, **fields)
            title = words.say(key, site=plant.site)
            return {"id": message, "title": title, "body": f"{body}\n\nid {message}", "team": team}

        line = text(_TEAM) | {"at": now.isoformat(), "site": plant.site, "notifications": []}
        self._waiting.append((0, "the log", lambda: notify_log.send(plant.notify.log, line)))
        for team, number in _places(receivers):
            payload = text(team) | {"url": number, "mood": mood}
            self._waiting.append((0, f"a URL of {team}", _to(receivers, payload)))
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


def _places(receivers: Receivers) -> Iterable[tuple[str, int]]:
    """Team and number of each different URL."""
    return {url: (team, n) for team, urls in receivers.items() for n, url in enumerate(urls, start=1)}.values()


def _to(receivers: Receivers, payload: Mapping[str, Any]) -> Callable[[], None]:
    return lambda: send(receivers, payload)
