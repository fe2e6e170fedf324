"""From a message to a team to the rows of the outbox that carry it: one to the log, one to each URL of the team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.notifications.describe import MessageContext
from alerting.notifications.text import Text, more_of
from exporters.metrics.shared.labels import LOG_CHANNEL, channel_of
from monitor.model import JsonObject
from monitor.store.delivery.outbox import new_message


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message under its stable id `key`; services may colour it by its `mood`.

    `notifications` is what the log says of the alerts that it is about. One that is not `for_people` goes to the log
    alone.
    """

    key: str
    team: str
    text: Text
    mood: str = "info"
    notifications: Sequence[JsonObject] = ()
    for_people: bool = True


def outbox_rows(message: Outgoing, context: MessageContext, urls: int, now: datetime) -> list[dict[str, object]]:
    """The rows of a message to a team with so many URLs."""
    text, team = message.text, message.team
    content = {"id": message.key, "title": text.title, "body": text.body}
    # What a service that takes less is sent: only the channel knows its limits.
    pieces = [[piece.text, piece.alerts, piece.rank] for piece in text.pieces]
    shorter: dict[str, object] = {
        "pieces": pieces, "tail": text.tail, **more_of(context.words_of(team), context.pages)
    }  # fmt: skip
    line = content | {
        "at": now.isoformat(), "team": team, "site": context.site, "notifications": list(message.notifications),
    }  # fmt: skip
    rows = [new_message(LOG_CHANNEL, message.key, "log", line, now)]
    for number in range(1, urls + 1 if message.for_people else 1):
        payload = content | shorter | {"team": team, "url": number, "mood": message.mood}
        key = message.key if number == 1 else f"{message.key}#{number}"
        rows.append(new_message(channel_of(team), key, f"{team} {number}", payload, now))
    return rows
