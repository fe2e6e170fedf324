"""What the server of a running plant shows of alarms, and does for people: read anew at each request."""

from __future__ import annotations

import json
from collections.abc import Callable

from alerting.handling.actions import Person, Wish
from alerting.handling.audit import Entry
from alerting.handling.maintenance import covering, said_of, windows_on
from alerting.handling.people import People
from alerting.handling.shelves import shelf_of
from exporters.pages.alarms.page import Alarm, Alarms, Done, Lately, Shelved
from exporters.pages.status import worst_first
from monitor.errors import MonitorError, UsageError
from monitor.runtime.app import App
from monitor.store.report.alarms import newest_start, quality_between
from monitor.store.watching.alerts import alerts, place_of
from monitor.store.watching.causes import cited_by
from monitor.store.watching.handling import handle, newest_entries, shelves
from monitor.web.people import PeopleViews
from monitor.web.people_file import people_of

_DONE = 20


class PeopleReader:
    """Alarms of the plant in force, which a reload changes; for several threads."""

    def __init__(self, app: Callable[[], App]) -> None:
        self._app = app

    @property
    def views(self) -> PeopleViews:
        """As the server takes them."""
        app = self._app()
        secure = (app.plant.server.public_url or "").startswith("https:")
        return PeopleViews(self._alarms, self._people, self._handle, app.clock.now, secure)

    def _people(self) -> People | None:
        try:
            return people_of(self._app().plant.server)
        except UsageError as exc:
            raise MonitorError(str(exc)) from exc

    def _handle(self, wish: Wish, person: Person, request: str) -> Entry:
        app = self._app()
        return handle(app.store, wish, person, app.clock.now(), request)

    def _alarms(self) -> Alarms:
        app = self._app()
        now = app.clock.now()
        rows = alerts(app.store, active=True)
        causes = cited_by(app.store, rows)
        with app.store.read() as connection:
            shelved, entries = shelves(connection, now), newest_entries(connection, _DONE)
            since = newest_start(connection, now)
            lately = Lately(since, quality_between(connection, since, now))
        on = windows_on(app.plant.maintenance, app.plant.time_zone, now)
        firing = (
            Alarm(row.name, row.subject, row.severity, row.team, row.summary, causes[row.id], row.since,
                  row.acknowledged_by, shelf_of(shelved, row.name, row.condition, row.subject) is not None,
                  said_of(covering(on, place_of(row))))
            for row in rows
        )  # fmt: skip
        return Alarms(
            tuple(worst_first(firing)),
            tuple(Shelved(row.name, row.subject, row.until, row.actor, row.reason, row.place) for row in shelved),
            tuple(
                Done(e.id, e.at, e.actor, e.role, e.action, e.about, str(json.loads(e.details).get("note", "")))
                for e in entries
            ),
            lately,
        )
