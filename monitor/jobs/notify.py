"""Notifications of alerts: one transaction queues the messages that are due, then couriers deliver them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from alerting.notifications.decide import (
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
from alerting.notifications.languages.sentences import said_of
from alerting.notifications.likely_causes import LikelyCause, cause_of
from alerting.notifications.text import message_text, note_text
from exporters.metrics.shared.labels import TEAMS
from monitor.delivery.courier import Courier
from monitor.delivery.outgoing import Outgoing, outbox_rows
from monitor.plant.watching import NotifyConfig
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.database.database import Connection, Store
from monitor.store.database.leases import renew
from monitor.store.database.statements import TallyKey, add_counts, tally_key
from monitor.store.delivery import notifications as notices
from monitor.store.watching.alerts import Alert, unannounced
from monitor.store.watching.causes import REMEMBERED, likely_causes

_FALLBACK_TEAM = "platform"
"""The receiver of alerts whose team no longer exists, as after an upgrade."""


class NotifyJob:
    """Decides which messages are due, queues and delivers them. `urls` is the number of URLs of each team."""

    name = "notify"
    scope = WHOLE_PLANT

    def __init__(
        self,
        store: Store,
        config: NotifyConfig,
        context: MessageContext,
        urls: Mapping[str, int],
        couriers: Sequence[Courier],
    ) -> None:
        self._store = store
        self._rules = Rules(config.repeat_every, config.group_interval, config.settle)
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
        queued = self._queue(run) if due else 0
        for courier in self._couriers:
            courier.deliver(run)
        return Result(queued)

    def _queue(self, run: Run) -> int:
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            # Again under the lock, because the rows may have changed since.
            messages = self._due(connection, run)
            rows = [self._row(message, note) for message in messages for note in message.notes]
            outgoing = [row for message in messages for row in self._outgoing(message, run)]
            announced = announced_by(note for message in messages for note in message.notes)
            notices.save_notifications(connection, rows, outgoing, announced)
            add_counts(connection, _tallies(messages))
        return len(messages)

    def _due(self, connection: Connection, run: Run) -> list[Message]:
        rows = unannounced(connection)
        if not rows:
            return []
        causes = likely_causes(connection, run.now - REMEMBERED)
        episodes = [episode_of(row, causes) for row in rows]
        groups = {(e.team, e.line) for e in episodes}
        last = {
            group: LastNote(row.incident, row.sequence, Kind(row.kind), row.at)
            for group, row in notices.newest_by_group(connection, groups, Kind.INFO).items()
        }
        recent = notices.recent_counts(connection, run.now, self._rules.within, Kind.INFO)
        return decide_notifications(episodes, last, recent, run.now, self._rules)

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
    if kinds == {Kind.RESOLVED}:
        return "over"
    return "critical" if "critical" in severities else "warning"


def events(note: Note) -> list[dict[str, object]]:
    """The events of a note: that an alert fired, was resolved, or (in a repetition) still fires."""
    by_event = [("fired", note.fired), ("resolved", note.resolved)]
    if note.kind is Kind.REPEATED:
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


def episode_of(row: Alert, causes: Sequence[LikelyCause] = ()) -> Episode:
    """An alert of the store as messages tell of it, with its likely cause if that is among `causes`."""
    cause = cause_of(row.name, row.subject, row.since, row.ended_at, causes)
    return Episode(
        id=row.id, name=row.name, subject=row.subject, severity=row.severity,
        team=row.team if row.team in TEAMS else _FALLBACK_TEAM, line=row.line, summary=row.summary, since=row.since,
        ended_at=row.ended_at, announced=row.told,
        cause=0 if cause is None else cause.id, likely=() if cause is None else cause.said, condition=row.condition,
        details=None if row.details is None else said_of(row.details), step=row.step,
    )  # fmt: skip


def _tallies(messages: Iterable[Message]) -> Counter[TallyKey]:
    tallies: Counter[TallyKey] = Counter()
    for message in messages:
        for note in message.notes:
            tallies[tally_key("gatewatch_notifications_total", team=note.team, kind=note.kind.value)] += 1
            if len(message.notes) > 1:
                tallies[tally_key("gatewatch_notifications_put_together_total", team=note.team)] += 1
    return tallies
