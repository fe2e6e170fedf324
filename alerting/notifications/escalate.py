"""Which alerts go to another team because nobody acknowledged them, and that such an alert is over. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from alerting.notifications.decide import Episode, Kind, Message, Note, stamp
from monitor.statuses import Announced


@dataclass(frozen=True, slots=True)
class Escalation:
    """To which team an alert goes that nobody acknowledged so long after it fired."""

    after: timedelta
    to: str


@dataclass(frozen=True, slots=True)
class Escalated:
    """An alert, when it fired, and what the other team was told of it."""

    episode: Episode
    fired_at: datetime
    told: Announced


def escalations(alerts: Iterable[Escalated], rules: Mapping[str, Escalation], now: datetime) -> list[Message]:
    """A message for each other team and line: of alerts that nobody attends to, and of those told that are over.

    Only what the team itself was told of can be acknowledged, so nothing else is escalated.
    """
    notes = []
    for one in alerts:
        rule = rules.get(one.episode.team)
        if one.told is Announced.NOTHING and rule is not None and _due(one, rule, now):
            notes.append(((rule.to, one.episode.line, 1), one.episode))
        elif one.told is Announced.FIRED and one.episode.ended_at is not None:
            to = one.episode.team if rule is None else rule.to
            notes.append(((to, one.episode.line, 2), one.episode))
    notes.sort(key=lambda note: (note[0], note[1].id))
    return [
        _message(to, line, sequence, tuple(episode for _, episode in of_group), now)
        for (to, line, sequence), of_group in groupby(notes, key=lambda note: note[0])
    ]


def _due(one: Escalated, rule: Escalation, now: datetime) -> bool:
    episode = one.episode
    return episode.unattended and episode.announced is Announced.FIRED and now - one.fired_at >= rule.after


def _message(to: str, line: str, sequence: int, episodes: tuple[Episode, ...], now: datetime) -> Message:
    incident = f"escalated-{stamp(now)}-{episodes[0].id}"
    note = Note(to, line, incident, sequence, Kind.ESCALATED, now, (), (), episodes)
    return Message(note.key, (note,))


def escalated_by(messages: Iterable[Message]) -> dict[int, Announced]:
    """What the other team has been told of each alert, by id, once the messages are sent."""
    return {
        episode.id: Announced.FIRED if note.sequence == 1 else Announced.RESOLVED
        for message in messages
        for note in message.notes
        for episode in note.still
    }
