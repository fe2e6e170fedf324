"""Alerts that live and end, told step by step: what the store does between two decisions, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerting.notifications.decide import (
    Episode,
    Group,
    Kind,
    LastNote,
    Message,
    Rules,
    announced_by,
    decide_notifications,
)
from monitor.statuses import Announced

T0 = datetime(2026, 3, 2, 6, tzinfo=UTC)
RULES = Rules(timedelta(hours=12), wait=timedelta(minutes=5), settle=timedelta(minutes=5), every_end=True)


def after(minutes: float) -> datetime:
    """Some minutes after the start."""
    return T0 + timedelta(minutes=minutes)


@dataclass
class History:
    """The alerts of a plant and every message made of them."""

    rules: Rules = RULES
    episodes: dict[int, Episode] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    quiet: set[str] = field(default_factory=set)

    def fire(self, name: str, subject: str = "m1", at: float = 0, **other: Any) -> int:
        """An alert fires; its number."""
        number = len(self.episodes) + 1
        given = {"severity": "warning", "team": "operators", "line": "l1", "summary": f"{name} of {subject}", **other}
        self.episodes[number] = Episode(id=number, name=name, subject=subject, since=after(at), **given)
        return number

    def end(self, number: int, at: float) -> None:
        """An alert is over."""
        self.episodes[number] = replace(self.episodes[number], ended_at=after(at))

    def tell(self, at: float) -> list[Message]:
        """Decide, and remember what was told."""
        now = after(at)
        made = decide_notifications(self.open(), self.last(), self.lately(now), now, self.rules, self.quiet)
        self.messages += made
        for number, announced in announced_by(note for message in made for note in message.notes).items():
            self.episodes[number] = replace(self.episodes[number], announced=announced)
        return made

    def kinds(self, at: float) -> list[str]:
        """The kinds of the notes made now."""
        return [note.kind.value for message in self.tell(at) for note in message.notes]

    def open(self) -> list[Episode]:
        """Alerts whose end was not told."""
        return [e for e in self.episodes.values() if e.announced is not Announced.RESOLVED]

    def last(self) -> dict[Group, LastNote]:
        """The newest note of each group."""
        notes = [note for message in self.messages for note in message.notes if note.kind is not Kind.INFO]
        return {(n.team, n.line): LastNote(n.incident, n.sequence, n.kind, n.at) for n in notes}

    def lately(self, now: datetime) -> dict[str, int]:
        """Messages of each team within the window."""
        found: dict[str, int] = {}
        for message in self.messages:
            first = message.notes[0]
            if message.for_people and first.at > now - self.rules.within:
                found[first.team] = found.get(first.team, 0) + 1
        return found

    def told(self, event: str) -> list[int]:
        """The alerts of every event so far, in order."""
        notes = [note for message in self.messages for note in message.notes]
        return [e.id for note in notes for e in getattr(note, event)]


def keys(messages: Sequence[Message]) -> list[str]:
    """The ids of the notes."""
    return [note.key for message in messages for note in message.notes]
