"""Which notifications are due: alerts and what was told of them in, messages out. Reads no clock and no store.

Alerts are grouped by team and line; from the first that fires until all are over they are one incident. Each firing
and each end is an event of exactly one note; a note leaves in exactly one message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby

from exporters.metrics.catalog import SEVERITIES
from monitor.statuses import Announced

Group = tuple[str, str]
"""Team and line; the line is '' for what stands at none."""


class Kind(StrEnum):
    """Why a note is due; also the `kind` label of its metric."""

    OPENED = "opened"
    JOINED = "joined"
    RAISED = "raised"
    REPEATED = "repeated"
    RESOLVED = "resolved"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert from its firing on, with what was told of it."""

    id: int
    name: str
    subject: str
    severity: str
    team: str
    line: str
    summary: str
    since: datetime
    ended_at: datetime | None = None
    value: float | None = None
    limit: float | None = None
    told: Announced = Announced.NOTHING

    @property
    def critical(self) -> bool:
        """Whether someone must act at once."""
        return self.severity == "critical"


@dataclass(frozen=True, slots=True)
class Last:
    """The newest note of a group."""

    incident: str
    sequence: int
    kind: Kind
    at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be told of one group. `fired` and `resolved` are its news, `still` what else fires.

    An alert that came and went unnoticed stands in both.
    """

    team: str
    line: str
    incident: str
    sequence: int
    kind: Kind
    at: datetime
    fired: tuple[Episode, ...]
    resolved: tuple[Episode, ...]
    still: tuple[Episode, ...]

    @property
    def key(self) -> str:
        """Its stable id."""
        # No name of a line begins with '-'.
        return f"{self.team}:{self.line or '-'}:{self.incident}:{self.sequence}"

    @property
    def severity(self) -> str:
        """The highest severity it speaks of."""
        found = {e.severity for e in (*self.fired, *self.resolved, *self.still)}
        return next((severity for severity in SEVERITIES if severity in found), "info")


@dataclass(frozen=True, slots=True)
class Message:
    """What leaves at once: one note, or several of a team that came too fast."""

    key: str
    notes: tuple[Note, ...]

    @property
    def for_people(self) -> bool:
        """Whether it goes to people and not to the log alone."""
        return self.notes[0].kind is not Kind.INFO


@dataclass(frozen=True, slots=True)
class Rules:
    """How often people are told; the plant file gives the first three.

    `wait` is how long after a note of an incident the next one waits for what joins it, `settle` how long all must be
    over before the end is told: an alert that chatters stays one incident. At most `most` messages a team in any
    `within`: more than ten in ten minutes is a flood that nobody reads (ISA-18.2, EEMUA 191).
    """

    repeat_every: timedelta
    wait: timedelta
    settle: timedelta
    most: int = 10
    within: timedelta = timedelta(minutes=10)


def decide_notifications(
    episodes: Iterable[Episode],
    last: Mapping[Group, Last],
    lately: Mapping[str, int],
    now: datetime,
    rules: Rules,
) -> list[Message]:
    """The messages due at `now`.

    `episodes` are the alerts that fired and whose end was not told, `last` the newest note of each of their groups,
    `lately` by team the messages of the last `rules.within`.
    """
    by_group = sorted(episodes, key=lambda e: (e.team, e.line, e.id))
    notes, infos = [], []
    for (team, line), grouped in groupby(by_group, key=lambda e: (e.team, e.line)):
        members = list(grouped)
        infos += _infos(team, line, [e for e in members if e.severity == "info"], now)
        told = [e for e in members if e.severity != "info"]
        note = _note(team, line, told, last.get((team, line)), now, rules)
        notes += [note] if note else []
    alone = [Message(note.key, (note,)) for note in infos]
    for team, of_team in groupby(notes, key=lambda note: note.team):
        alone += _bounded(team, list(of_team), rules.most - lately.get(team, 0), now)
    return alone


def _infos(team: str, line: str, members: Sequence[Episode], now: datetime) -> list[Note]:
    fired, resolved, _ = _news(members)
    if not fired and not resolved:
        return []
    return [Note(team, line, _incident(fired or resolved, now), 1 if fired else 2, Kind.INFO, now, fired, resolved, ())]


def _note(
    team: str, line: str, members: Sequence[Episode], last: Last | None, now: datetime, rules: Rules
) -> Note | None:
    if not members:
        return None
    if last is None or last.kind is Kind.RESOLVED:
        kind, incident, sequence = _opening(members), _incident(members, now), 1
    else:
        kind, incident, sequence = _following(members, last, now, rules), last.incident, last.sequence + 1
    return None if kind is None else Note(team, line, incident, sequence, kind, now, *_news(members))


def _incident(first: Sequence[Episode], now: datetime) -> str:
    """When it was told first, and of which alert: of one instant there may be two."""
    return f"{stamp(now)}-{min(e.id for e in first)}"


def _news(members: Sequence[Episode]) -> tuple[tuple[Episode, ...], tuple[Episode, ...], tuple[Episode, ...]]:
    """What fired untold, what ended untold, and what else still fires."""
    fired = tuple(e for e in members if e.told is Announced.NOTHING)
    resolved = tuple(e for e in members if e.ended_at is not None)
    return fired, resolved, tuple(e for e in members if e.told is Announced.FIRED and e.ended_at is None)


def _opening(members: Sequence[Episode]) -> Kind | None:
    if all(e.told is Announced.FIRED and e.ended_at is None for e in members):
        return None
    return Kind.RESOLVED if all(e.ended_at is not None for e in members) else Kind.OPENED


def _following(members: Sequence[Episode], last: Last, now: datetime, rules: Rules) -> Kind | None:
    """Why an open incident is to be told again now, if it is."""
    ended = [e.ended_at for e in members if e.ended_at is not None]
    if len(ended) == len(members):
        return Kind.RESOLVED if now - max(ended) >= rules.settle else None
    known, news = _split(members, rules)
    if any(e.critical and not any(k.critical and _covers(k, e, rules) for k in known) for e in news):
        return Kind.RAISED
    if news and now - last.at >= rules.wait:
        return Kind.JOINED
    pressing = any((e.critical and e.ended_at is None) or e.told is Announced.NOTHING for e in members) or ended
    return Kind.REPEATED if pressing and now - last.at >= rules.repeat_every else None


def _split(members: Sequence[Episode], rules: Rules) -> tuple[list[Episode], list[Episode]]:
    """The alerts of subjects that people know to be as bad as that, told or not, and those that are news."""
    known: list[Episode] = [e for e in members if e.told is Announced.FIRED]
    news: list[Episode] = []
    for e in members:
        if e.told is Announced.NOTHING:
            same = (k for k in known if k.subject == e.subject and (k.critical or not e.critical))
            (known if any(_covers(k, e, rules) for k in same) else news).append(e)
    return known, news


def _covers(known: Episode, later: Episode, rules: Rules) -> bool:
    """Whether the one still fired when the other began, or had not settled yet."""
    return known.ended_at is None or later.since - known.ended_at < rules.settle


def _bounded(team: str, notes: list[Note], room: int, now: datetime) -> list[Message]:
    """A message a note while there is room; what exceeds it is put together in the last, or waits for the next time."""
    if room <= 0 or not notes:
        return []
    notes.sort(key=lambda note: (note.severity != "critical", note.kind is Kind.RESOLVED, note.line))
    apart = len(notes) if len(notes) <= room else room - 1
    messages = [Message(note.key, (note,)) for note in notes[:apart]]
    if notes[apart:]:
        messages.append(Message(f"{team}:+:{stamp(now)}", tuple(notes[apart:])))
    return messages


def stamp(at: datetime) -> str:
    """An instant as part of an id."""
    at = at.astimezone(UTC)
    return f"{at:%Y%m%dT%H%M%S}" + (f".{at.microsecond:06d}" if at.microsecond else "") + "Z"


def told_by(notes: Iterable[Note]) -> dict[int, Announced]:
    """By the alert's id, what is told of it once the notes are."""
    told: dict[int, Announced] = {}
    for note in notes:
        told |= {e.id: Announced.FIRED for e in note.fired}
        told |= {e.id: Announced.RESOLVED for e in note.resolved}
    return told
