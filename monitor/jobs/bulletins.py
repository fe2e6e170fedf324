"""What is told by the clock: the handover at the start of each shift, and reports by schedule.

A bulletin is made once for each instant at which it is due. Its messages have a stable id and are queued in one
transaction with the record of it, so that a kill neither loses nor doubles it. One that nobody was there to make is
made up for by the next: it reaches back to the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from alerting.notifications.bulletins import ReportNews, ShiftNews, bulletin_key, handover_text, report_text
from alerting.notifications.describe import MessageContext
from alerting.notifications.text import Text
from monitor.delivery.outgoing import Outgoing, outbox_rows
from monitor.errors import MonitorError
from monitor.failpoints import reach
from monitor.jobs.notify import episode_of
from monitor.model import JsonObject
from monitor.plant.calendar import Turn, last_begun, last_due
from monitor.plant.file.load import LoadedPlant
from monitor.plant.watching import DailyReport, WeeklyReport
from monitor.reports.handover import LONGEST, handed_over
from monitor.reports.scheduled import ReportOrder, write_scheduled
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.database.database import Store
from monitor.store.database.leases import renew
from monitor.store.delivery.bulletins import Bulletin, newest_bulletin, save_bulletin

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Made:
    """A bulletin: what the next one is compared with, and its text by team and id of the message."""

    content: JsonObject
    text: Callable[[str, str, MessageContext], Text]


class Kind(Protocol):
    """A kind of bulletin, and the teams that are told."""

    @property
    def name(self) -> str:
        """The kind, as in ids of messages."""

    @property
    def teams(self) -> Sequence[str]:
        """Who is told."""

    def due(self, now: datetime) -> datetime:
        """The newest instant, up to `now`, at which it was due."""

    def make(self, due: datetime, last: Bulletin | None, run: Run) -> Made:
        """The one of an instant; `last` is the one before, None where that is not known."""


class BulletinsJob:
    """Makes and queues the bulletins that are due; the job `notify` delivers them."""

    name = "bulletins"
    scope = WHOLE_PLANT
    interval = timedelta(minutes=1)

    def __init__(self, store: Store, kinds: Sequence[Kind], context: MessageContext, urls: Mapping[str, int]) -> None:
        """`urls` is the number of URLs of each team."""
        self._store = store
        self._kinds = kinds
        self._context = context
        self._urls = urls

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Make what is due. The first run only notes since when bulletins are made."""
        return Result(sum(self._told(kind, run) for kind in self._kinds if not run.stopping()))

    def _told(self, kind: Kind, run: Run) -> bool:
        due = kind.due(run.now)
        with self._store.read() as connection:
            last = newest_bulletin(connection, kind.name)
        if last is None:
            self._save(Bulletin(kind.name, due, run.now, {}), [], run)
            return False
        # One from the future is of a clock that was ahead; what it told has ids of its own.
        of_past = last.due <= run.now
        if due == last.due or (of_past and due < last.due):
            return False
        made = kind.make(due, last if of_past else None, run)
        rows = [row for team in dict.fromkeys(kind.teams) for row in self._rows(kind, team, due, made, run)]
        reach("during_bulletin")
        self._save(Bulletin(kind.name, due, run.now, made.content), rows, run)
        return True

    def _rows(self, kind: Kind, team: str, due: datetime, made: Made, run: Run) -> list[dict[str, object]]:
        key = bulletin_key(team, kind.name, due)
        message = Outgoing(key, team, made.text(team, key, self._context))
        return outbox_rows(message, self._context, self._urls.get(team, 0), run.now)

    def _save(self, bulletin: Bulletin, rows: Sequence[Mapping[str, object]], run: Run) -> None:
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            save_bulletin(connection, bulletin, rows)


class HandoverKind:
    """The handover of the shift that ended, due when the next one begins."""

    name = "handover"

    def __init__(self, store: Store, loaded: LoadedPlant) -> None:
        """The plant has shifts."""
        self._store = store
        self._shifts, self._zone = loaded.plant.shifts, loaded.plant.time_zone
        self.teams: Sequence[str] = loaded.plant.notify.handover

    def due(self, now: datetime) -> datetime:
        """The start of the newest shift."""
        return self._turn(now).start

    def make(self, due: datetime, last: Bulletin | None, run: Run) -> Made:
        """Since the shift before began, or since the last handover if that is longer ago."""
        ended = self._turn(due - _INSTANT)
        since = max(min(ended.start, last.due if last else ended.start), run.now - LONGEST)
        with self._store.read() as connection:
            found = handed_over(connection, since, run.now)
        done = tuple((row.serial, row.gate, row.verdict, row.disposition) for row in found.overridden)
        news = ShiftNews(
            ended.name, since, run.now, tuple(map(episode_of, found.stands)), len(found.opened), len(found.closed),
            found.held, found.parts, done, len(found.decided),
        )  # fmt: skip
        return Made({}, lambda team, key, context: handover_text(news, team, key, context))

    def _turn(self, at: datetime) -> Turn:
        begun = last_begun(self._shifts, self._zone, at)
        if begun is None:
            raise MonitorError(f"no shift began in the two weeks before {at:%Y-%m-%d %H:%M} UTC; see shifts")
        return begun


class ReportKind:
    """A report by schedule, on the time since the one before it."""

    def __init__(self, name: str, config: DailyReport, loaded: LoadedPlant, reports: Path) -> None:
        """`name` is daily or weekly; `reports` is the folder that the server lists."""
        self.name = name
        self.teams: Sequence[str] = config.teams
        self._clock = config.at
        self._days, self._nominal = "mon-sun", timedelta(days=1)
        if isinstance(config, WeeklyReport):
            self._days, self._nominal = config.day, timedelta(days=7)
        self._loaded = loaded
        self._reports = reports

    def due(self, now: datetime) -> datetime:
        """The newest time of day at which it is due."""
        return last_due(self._clock, self._days, self._loaded.plant.time_zone, now)

    def make(self, due: datetime, last: Bulletin | None, run: Run) -> Made:
        """Written into the reports folder first: a message must not lead nowhere."""
        start = last.due if last else due - self._nominal
        # The first one has nothing to be compared with.
        avoided = last.content.get("avoided") if last else None
        written = write_scheduled(self._reports, self._loaded, ReportOrder(self.name, start, due, avoided), run.beat)
        news = ReportNews(
            kind=self.name, since=start, until=due, currency=self._loaded.plant.currency, file=written.file,
            **written.news,
        )  # fmt: skip
        return Made({"avoided": written.avoided}, lambda team, key, context: report_text(news, team, key, context))


def kinds_of(store: Store, loaded: LoadedPlant, reports: Path) -> list[Kind]:
    """The bulletins that the plant file asks for."""
    plant, kinds = loaded.plant, list[Kind]()
    if plant.shifts and plant.notify.handover:
        kinds.append(HandoverKind(store, loaded))
    for name, config in (("daily", plant.reports.daily), ("weekly", plant.reports.weekly)):
        if config is not None:
            kinds.append(ReportKind(name, config, loaded, reports))
    return kinds
