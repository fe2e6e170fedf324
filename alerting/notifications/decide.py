"""Decides which notifications are due, from the alerts and what has been announced of them. Pure functions.

Alerts are grouped by team and line; a group is one incident from its first firing alert until all are over. The start
and the end of each alert belong to exactly one note each, and each note to exactly one message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby

from alerting.notifications.languages.sentences import Said
from alerting.quality.figures import CHATTERING, FLOOD, FLOOD_WITHIN
from exporters.metrics.shared.labels import SEVERITIES
from monitor.model import DRILL_LINE
from monitor.statuses import AlertCondition, Announced

Group = tuple[str, str]
"""Team and line; the line is '' for alerts that belong to no line."""


class Kind(StrEnum):
    """Why a note is due; also the `kind` label of its metric.

    Of an incident that is CLOSED people are not told.
    """

    OPENED = "opened"
    JOINED = "joined"
    RAISED = "raised"
    REPEATED = "repeated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    ESCALATED = "escalated"
    INFO = "info"


FOR_THE_LOG = (Kind.INFO, Kind.CLOSED)
"""The kinds of notes that are not sent to people."""
ENDS = (Kind.RESOLVED, Kind.CLOSED)
"""The kinds of notes with which an incident is over."""


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert since it fired; `announced` is what has been announced of it.

    `details` say what its summary adds to its text, None where that is not known; `step` is where it is. `cause` is the
    id of the likely cause that it follows from, 0 where none is known; `likely` names it, and what else it may be.
    `place` counts the steps of its line up to its own, 0 where it is about none; `of_parts`: it is about what parts
    bring. `acknowledged`: a person attends to it. `withheld`: it is shelved or in maintenance, so neither its start nor
    its end is told now.
    `times` is how often it fired, where several episodes are told as one.
    """

    id: int
    name: str
    subject: str
    severity: str
    team: str
    line: str
    summary: str
    since: datetime
    ended_at: datetime | None = None
    announced: Announced = Announced.NOTHING
    cause: int = 0
    likely: tuple[Said, ...] = ()
    condition: str = AlertCondition.BREACH
    details: tuple[Said, ...] | None = None
    step: str = ""
    acknowledged: bool = False
    withheld: bool = False
    times: int = 1
    place: int = 0
    of_parts: bool = False

    def akin(self, other: Episode) -> bool:
        """Whether both are about one thing: the same likely cause, or the same subject unless their causes differ."""
        if self.cause and other.cause:
            return self.cause == other.cause
        return self.subject == other.subject

    def may_follow(self, other: Episode) -> bool:
        """Whether parts may have brought it from where the other is: presumed while its cause is not known."""
        return self.of_parts and not self.cause and not self.critical and 0 < other.place <= self.place

    @property
    def sensors(self) -> list[str]:
        """The sensors or features that its details name."""
        return [said.names["sensor"] for said in self.details or () if "sensor" in said.names]

    @property
    def critical(self) -> bool:
        """Whether its severity is critical."""
        return self.severity == "critical"

    @property
    def unattended(self) -> bool:
        """Whether it is critical, fires, and nobody attends to it."""
        return self.critical and self.ended_at is None and not self.acknowledged and not self.withheld

    @property
    def unseen(self) -> bool:
        """Whether it is withheld and nobody was told of it."""
        return self.withheld and self.announced is Announced.NOTHING


@dataclass(frozen=True, slots=True)
class LastNote:
    """The newest note of a group."""

    incident: str
    sequence: int
    kind: Kind
    at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A notification about one group: alerts that `fired` or were `resolved`, and others `still` firing.

    An alert that ended before it was announced is in both `fired` and `resolved`.
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
        # Line names never begin with '-'.
        return f"{self.team}:{self.line or '-'}:{self.incident}:{self.sequence}"

    @property
    def severity(self) -> str:
        """The highest severity of its alerts."""
        severities = {e.severity for e in (*self.fired, *self.resolved, *self.still)}
        return next((severity for severity in SEVERITIES if severity in severities), "info")


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent at once: one note, or several notes of a team if there would be too many messages."""

    key: str
    notes: tuple[Note, ...]

    @property
    def for_people(self) -> bool:
        """Whether it is sent to people, and not only written to the log."""
        return self.notes[0].kind not in FOR_THE_LOG


@dataclass(frozen=True, slots=True)
class Rules:
    """How often notifications are sent; the first three and `every_end` are set in the plant file.

    `wait`: the minimum time from a note of an incident to the next, which collects new alerts. `settle`: how long all
    alerts must be over before the end is announced, so that a chattering alert stays one incident; while one chatters,
    it is `off_delay` times as long. A team gets at most `most` messages in any period `within`. More than `flood`
    alarms in that period are a flood (ISA-18.2, EEMUA 191): then alerts are collected for `gather` and told together.
    `every_end`: people are told the end of every incident, and not only of those with a critical alert.
    """

    repeat_every: timedelta
    wait: timedelta
    settle: timedelta
    most: int = 10
    within: timedelta = FLOOD_WITHIN
    flood: int = FLOOD
    gather: timedelta = timedelta(seconds=30)
    off_delay: int = 2
    every_end: bool = False


def decide_notifications(
    episodes: Iterable[Episode],
    last: Mapping[Group, LastNote],
    sent_recently: Mapping[str, int],
    now: datetime,
    rules: Rules,
    quiet: Collection[str] = (),
) -> list[Message]:
    """The messages due at `now`.

    `quiet`: the teams that have quiet hours now: their notes wait unless an alert of theirs is critical. What waits is
    not announced, so afterwards it is told as if it were due just then.

    `episodes`: the alerts that fired and whose end has not been announced. `last`: the newest note of each of their
    groups. `sent_recently`: the number of messages to each team in the last `rules.within`.
    """
    by_group = sorted((e for e in episodes if not e.unseen), key=lambda e: (e.team, e.line, e.id))
    flooded = _flooded(by_group, now, rules)
    told_at = _newest_of_teams(last)
    notes, logged = list[Note](), list[Note]()
    for (team, line), grouped in groupby(by_group, key=lambda e: (e.team, e.line)):
        members = list(grouped)
        logged += _infos(team, line, [e for e in members if e.severity == "info"], now)
        alerts = [e for e in members if e.severity != "info"]
        note = _note(team, line, alerts, last.get((team, line)), now, rules)
        if note is not None and note.kind is Kind.CLOSED:
            logged.append(note)
        elif note is not None and (note.severity == "critical" or team not in quiet):
            notes.append(note)
    messages = [Message(note.key, (note,)) for note in logged]
    for team, of_team in groupby(notes, key=lambda note: note.team):
        room = rules.most - sent_recently.get(team, 0)
        if team in flooded:
            room = 0 if team in told_at and now - told_at[team] < rules.gather else min(room, 1)
        messages += _bounded(team, list(of_team), room, now)
    return messages


def _flooded(episodes: Iterable[Episode], now: datetime, rules: Rules) -> set[str]:
    """The teams with more new alarms within ten minutes than a person can attend to."""
    new = Counter(e.team for e in episodes if e.severity != "info" and now - e.since < rules.within)
    return {team for team, count in new.items() if count > rules.flood}


def _newest_of_teams(last: Mapping[Group, LastNote]) -> dict[str, datetime]:
    newest: dict[str, datetime] = {}
    for (team, _), note in last.items():
        newest[team] = max(note.at, newest.get(team, note.at))
    return newest


def _infos(team: str, line: str, members: Sequence[Episode], now: datetime) -> list[Note]:
    fired, resolved, _ = _by_event(members)
    if not fired and not resolved:
        return []
    return [Note(team, line, _incident(fired or resolved, now), 1 if fired else 2, Kind.INFO, now, fired, resolved, ())]


def _note(
    team: str, line: str, members: Sequence[Episode], last: LastNote | None, now: datetime, rules: Rules
) -> Note | None:
    if not members:
        return None
    if last is None or last.kind in ENDS:
        kind, incident, sequence = _first_kind(members), _incident(members, now), 1
    else:
        new = _new(members, rules)
        kind, incident, sequence = _next_kind(members, new, last, now, rules), last.incident, last.sequence + 1
        if kind in (Kind.JOINED, Kind.RAISED):
            members = _of_the_matter(members, new)
    if kind is None:
        return None
    note = Note(team, line, incident, sequence, kind, now, *_by_event(members))
    # Whoever drills waits for the end.
    told = rules.every_end or note.severity == "critical" or line == DRILL_LINE
    return note if told or kind is not Kind.RESOLVED else replace(note, kind=Kind.CLOSED)


def _of_the_matter(members: Sequence[Episode], new: Sequence[Episode]) -> list[Episode]:
    """Without what waits for the end: what follows from a known cause, and ends of what is not akin to what is new."""

    def waits(e: Episode) -> bool:
        over = e.ended_at is not None and not any(e.akin(other) for other in new)
        return over or (e.announced is Announced.NOTHING and bool(e.cause))

    return [e for e in members if e in new or not waits(e)]


def _incident(first: Sequence[Episode], now: datetime) -> str:
    """The incident's id: the time of its first note and the lowest alert id, as several may start at one instant."""
    return f"{stamp(now)}-{min(e.id for e in first)}"


def _by_event(members: Sequence[Episode]) -> tuple[tuple[Episode, ...], tuple[Episode, ...], tuple[Episode, ...]]:
    """Alerts whose start is not announced yet, those whose end is not, and the others that still fire."""
    fired = tuple(e for e in members if e.announced is Announced.NOTHING)
    resolved = tuple(e for e in members if e.ended_at is not None)
    return fired, resolved, tuple(e for e in members if e.announced is Announced.FIRED and e.ended_at is None)


def _first_kind(members: Sequence[Episode]) -> Kind | None:
    if all(e.announced is Announced.FIRED and e.ended_at is None for e in members):
        return None
    return Kind.RESOLVED if all(e.ended_at is not None for e in members) else Kind.OPENED


def _next_kind(
    members: Sequence[Episode], new: Sequence[Episode], last: LastNote, now: datetime, rules: Rules
) -> Kind | None:
    """The kind of the next note of an open incident; None if none is due."""
    ended = [e.ended_at for e in members if e.ended_at is not None]
    if len(ended) == len(members):
        settle = rules.settle * (rules.off_delay if _chatters(members) else 1)
        if members[0].line == DRILL_LINE:
            settle = timedelta(0)  # whoever drills waits for it
        return Kind.RESOLVED if now - max(ended) >= settle else None
    if any(e.critical for e in new):
        return Kind.RAISED
    if new and now - last.at >= rules.wait:
        return Kind.JOINED
    # Ends, and what follows from a known cause, wait for the next note.
    waiting = any(e.announced is Announced.NOTHING and not e.cause for e in members)
    urgent = waiting or any(e.unattended for e in members)
    return Kind.REPEATED if urgent and now - last.at >= rules.repeat_every else None


def _chatters(members: Sequence[Episode]) -> bool:
    return max(Counter((e.name, e.subject) for e in members).values()) >= CHATTERING


def _new(members: Sequence[Episode], rules: Rules) -> list[Episode]:
    """The alerts that are not announced, nor covered by an announced one at least as severe.

    An alert is covered by one that is akin to it, or from which parts may have brought it: it waits for a later note.
    """
    told = [e for e in members if e.announced is Announced.FIRED]
    causes = {0, *(e.cause for e in told)}
    covered, new = [*told], list[Episode]()
    for e in members:
        if e.announced is Announced.NOTHING:
            # One that waits to be told covers no cause of which nothing was told.
            by = covered if e.cause in causes else told
            # The newest first: of an alert that chatters, the oldest settled long ago.
            same = (c for c in reversed(by) if (c.akin(e) and (c.critical or not e.critical)) or e.may_follow(c))
            (covered if any(_covers(c, e, rules) for c in same) else new).append(e)
    return new


def _covers(earlier: Episode, later: Episode, rules: Rules) -> bool:
    """Whether the earlier alert was still firing, or not settled yet, when the later one began."""
    return earlier.ended_at is None or later.since - earlier.ended_at < rules.settle


def _bounded(team: str, notes: list[Note], room: int, now: datetime) -> list[Message]:
    """A message for each note up to `room` messages; the last one combines the rest. With no room, notes wait."""
    if room <= 0 or not notes:
        return []
    notes.sort(key=lambda note: (note.severity != "critical", note.kind is Kind.RESOLVED, note.line))
    single = len(notes) if len(notes) <= room else room - 1
    messages = [Message(note.key, (note,)) for note in notes[:single]]
    if notes[single:]:
        messages.append(Message(f"{team}:+:{stamp(now)}", tuple(notes[single:])))
    return messages


def stamp(at: datetime) -> str:
    """An instant as part of an id."""
    at = at.astimezone(UTC)
    return f"{at:%Y%m%dT%H%M%S}" + (f".{at.microsecond:06d}" if at.microsecond else "") + "Z"


def announced_by(notes: Iterable[Note]) -> dict[int, Announced]:
    """What has been announced of each alert, by id, once the notes are sent."""
    announced: dict[int, Announced] = {}
    for note in notes:
        announced |= {e.id: Announced.FIRED for e in note.fired}
        announced |= {e.id: Announced.RESOLVED for e in note.resolved}
    return announced
