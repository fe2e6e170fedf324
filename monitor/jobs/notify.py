"""Notifications of alerts: one transaction queues the messages that are due, then couriers deliver them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from alerting.alerts.starved import SOURCE_DOWN, OpenAlert, feeds_of, starved_by
from alerting.handling.maintenance import covering, windows_on
from alerting.handling.shelves import shelf_of
from alerting.notifications.decide import (
    ENDS,
    FOR_THE_LOG,
    Episode,
    Kind,
    LastNote,
    Message,
    Note,
    Rules,
    announced_by,
    decide_notifications,
)
from alerting.notifications.describe import MessageContext
from alerting.notifications.escalate import Escalated, Escalation, escalated_by, escalations
from alerting.notifications.languages.sentences import Said, said_of
from alerting.notifications.likely_causes import LikelyCause, cause_of
from alerting.notifications.text import message_text, note_text
from alerting.specs.roster import BY_NAME
from exporters.metrics.shared.labels import TEAMS
from monitor.delivery.courier import Courier
from monitor.delivery.outgoing import Outgoing, outbox_rows
from monitor.plant.calendar import is_within
from monitor.plant.plant import Plant
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.statuses import Announced
from monitor.store.database.database import Connection, Store
from monitor.store.database.leases import renew
from monitor.store.database.statements import TallyKey, add_counts, tally_key
from monitor.store.delivery import notifications as notices
from monitor.store.watching.alerts import Alert, place_of, unannounced
from monitor.store.watching.causes import REMEMBERED, likely_causes
from monitor.store.watching.handling import shelves, withhold

_APART = (Kind.INFO, Kind.ESCALATED)
"""Notifications that belong to no incident of their team."""
_OF_PARTS = ("step", "gate")
"""The kinds of subjects whose alerts are about what parts bring."""
_FALLBACK_TEAM = "platform"
"""The receiver of alerts whose team no longer exists, as after an upgrade."""


class _Due(NamedTuple):
    """Messages of alerts, those to other teams because nobody acknowledged, and alerts that were over untold."""

    messages: list[Message]
    escalated: list[Message]
    withheld: list[int]

    @property
    def all(self) -> list[Message]:
        return [*self.messages, *self.escalated]


class NotifyJob:
    """Decides which messages are due, queues and delivers them. `urls` is the number of URLs of each team."""

    name = "notify"
    scope = WHOLE_PLANT

    def __init__(
        self,
        store: Store,
        plant: Plant,
        context: MessageContext,
        urls: Mapping[str, int],
        couriers: Sequence[Courier],
    ) -> None:
        self._store = store
        self._plant = plant
        self._feeds = feeds_of(plant)
        self._places = plant.step_places()
        config = plant.notify
        self._rules = Rules(config.repeat_every, config.group_interval, config.settle, every_end=config.ends == "all")
        self._escalate: dict[str, Escalation] = {
            team: Escalation(rule.after, rule.to) for team, rule in config.escalate.items()
        }
        self._context = context
        self._urls = urls
        self._couriers = couriers
        self.interval = config.every

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Queue the messages that are due, then deliver; a crash in between loses nothing."""
        with self._store.read() as connection:
            due = self._due(connection, run)
        queued = self._queue(run) if any(due) else 0
        for courier in self._couriers:
            courier.deliver(run)
        return Result(queued)

    def _queue(self, run: Run) -> int:
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            # Again under the lock, because the rows may have changed since.
            due = self._due(connection, run)
            rows = [self._row(message, note) for message in due.all for note in message.notes]
            outgoing = [row for message in due.all for row in self._outgoing(message, run)]
            announced = announced_by(note for message in due.messages for note in message.notes)
            notices.save_notifications(connection, rows, outgoing, announced, escalated_by(due.escalated))
            withhold(connection, due.withheld)
            add_counts(connection, _tallies(due))
        return len(due.all)

    def _due(self, connection: Connection, run: Run) -> _Due:
        rows = unannounced(connection)
        if not rows:
            return _Due([], [], [])
        causes = likely_causes(connection, run.now - REMEMBERED)
        withheld = self._withheld(connection, rows, run)
        starved = self._starved(rows)
        episodes = [episode_of(row, causes, self._places, row.id in withheld, starved.get(row.id)) for row in rows]
        untold = [e for e in episodes if e.announced in (Announced.NOTHING, Announced.FIRED)]
        groups = {(e.team, e.line) for e in untold}
        last = {
            group: LastNote(row.incident, row.sequence, Kind(row.kind), row.at)
            for group, row in notices.newest_by_group(connection, groups, _APART).items()
        }
        recent = notices.recent_counts(connection, run.now, self._rules.within, (*_APART, *FOR_THE_LOG))
        known = [Escalated(e, row.fired_at or row.since, row.escalated) for e, row in zip(episodes, rows, strict=True)]
        return _Due(
            decide_notifications(untold, last, recent, run.now, self._rules, self._quiet(run)),
            escalations(known, self._escalate, run.now),
            [e.id for e in episodes if e.unseen and e.ended_at is not None],
        )

    def _withheld(self, connection: Connection, rows: Sequence[Alert], run: Run) -> set[int]:
        """The ids of the alerts that are shelved, silenced in Alertmanager or in maintenance."""
        shelved = shelves(connection, run.now)
        on = windows_on(self._plant.maintenance, self._plant.time_zone, run.now)
        return {
            row.id for row in rows
            if shelf_of(shelved, row.name, row.condition, row.subject) or covering(on, place_of(row))
        }  # fmt: skip

    def _quiet(self, run: Run) -> set[str]:
        """The teams that have quiet hours now."""
        quiet = self._plant.notify.quiet
        return {team for team, hours in quiet.items() if is_within(hours, self._plant.time_zone, run.now)}

    def _starved(self, rows: Sequence[Alert]) -> dict[int, OpenAlert]:
        """The alert on a source that each alert follows from, by id."""
        alerts = [OpenAlert(row.id, row.name, row.subject) for row in rows]
        down = [a for a, row in zip(alerts, rows, strict=True) if a.name in SOURCE_DOWN and row.ended_at is None]
        followed = ((a.id, starved_by(a, down, self._feeds)) for a in alerts)
        return {number: source for number, source in followed if source is not None}

    def _row(self, message: Message, note: Note) -> dict[str, object]:
        text = note_text(note, self._context)
        return {
            "key": note.key, "message": message.key, "team": note.team, "line": note.line, "incident": note.incident,
            "sequence": note.sequence, "kind": note.kind.value, "at": note.at, "alerts": events(note),
            "title": text.title, "body": text.body,
        }  # fmt: skip

    def _outgoing(self, message: Message, run: Run) -> list[dict[str, object]]:
        team = message.notes[0].team
        told = [
            {"key": n.key, "line": n.line, "kind": n.kind.value, "severity": n.severity, "alerts": events(n)}
            for n in message.notes
        ]
        text = message_text(message, self._context)
        outgoing = Outgoing(message.key, team, text, mood(message), told, message.for_people)
        return outbox_rows(outgoing, self._context, self._urls.get(team, 0), run.now)


def mood(message: Message) -> str:
    """The mood of a message, by which a service may colour it."""
    kinds = {note.kind for note in message.notes}
    severities = {note.severity for note in message.notes}
    if kinds <= {*ENDS} or (kinds == {Kind.ESCALATED} and message.notes[0].sequence > 1):
        return "over"
    return "critical" if "critical" in severities else "warning"


def events(note: Note) -> list[dict[str, object]]:
    """The events of a note: that an alert fired, was resolved, or (in a repetition) still fires."""
    by_event = [("fired", note.fired), ("resolved", note.resolved)]
    if note.kind in (Kind.REPEATED, Kind.ESCALATED):
        by_event.append(("still", tuple(e for e in note.still if e.critical)))
    return [
        {
            "id": e.id,
            "event": event,
            "name": e.name,
            "subject": e.subject,
            "severity": e.severity,
            "step": e.step,
            "sensors": e.sensors,
        }
        for event, episodes in by_event
        for e in episodes
    ]


def episode_of(
    row: Alert,
    causes: Sequence[LikelyCause] = (),
    places: Mapping[str, int] | None = None,
    withheld: bool = False,
    source: OpenAlert | None = None,
) -> Episode:
    """An alert of the store as messages tell of it, with its likely cause if that is among `causes`.

    `places` are those of the steps in their lines. `withheld`: it is shelved or in maintenance. `source` is the alert
    on a source that it follows from.
    """
    cause = cause_of(row.name, row.subject, row.since, row.ended_at, causes)
    number, said = (0, ()) if cause is None else (cause.id, cause.said)
    if source is not None:
        # What is known for certain goes before what is likely. Negative, so that no likely cause has the same number.
        number, said = -source.id, () if source.id == row.id else (Said("cause_source", {"subject": source.subject}),)
    return Episode(
        id=row.id, name=row.name, subject=row.subject, severity=row.severity,
        team=row.team if row.team in TEAMS else _FALLBACK_TEAM, line=row.line, summary=row.summary, since=row.since,
        ended_at=row.ended_at, announced=row.told,
        cause=number, likely=said, condition=row.condition,
        details=None if row.details is None else said_of(row.details), step=row.step,
        acknowledged=bool(row.acknowledged_by), withheld=withheld, place=(places or {}).get(row.step, 0),
        of_parts=row.name in BY_NAME and BY_NAME[row.name].kind in _OF_PARTS,
    )  # fmt: skip


def _tallies(due: _Due) -> Counter[TallyKey]:
    tallies: Counter[TallyKey] = Counter()
    for message in due.all:
        for note in message.notes:
            tallies[tally_key("gatewatch_notifications_total", team=note.team, kind=note.kind.value)] += 1
            if len(message.notes) > 1:
                tallies[tally_key("gatewatch_notifications_put_together_total", team=note.team)] += 1
    return tallies
