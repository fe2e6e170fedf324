"""The job that reads Alertmanager's silences, and makes a silence there of each shelf. Profile `stack` only."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import timedelta

from alerting.alerts.in_force import alerts_in_force
from alerting.alerts.silences import Plan, Seen, held, knows_all_after, plan, post_of, read
from exporters.delivery.asking import open_url
from monitor.errors import MonitorError
from monitor.plant.plant import Plant
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.database.database import Store
from monitor.store.database.leases import renew
from monitor.store.watching import alerts as alerting
from monitor.store.watching.handling import own_shelves
from monitor.store.watching.silences import held_alerts, save_held
from monitor.web.webhook import receive


class SilencesJob:
    """Every step can be repeated: what a kill leaves undone, the next slot finds undone, and nothing is done twice."""

    name = "silences"
    scope = WHOLE_PLANT

    def __init__(self, store: Store, plant: Plant, url: str, jobs: Callable[[], Collection[str]]) -> None:
        self._store = store
        self._plant = plant
        self._api = f"{url}api/v2/"
        self._jobs = jobs
        self._names = frozenset(spec.name for spec in alerts_in_force(plant))

    @property
    def interval(self) -> timedelta:
        """As often as alerts are evaluated."""
        return self._plant.alerts.every

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Read, write down who silenced what, take what is silenced as posted, then tell of the shelves."""
        seen = self._read(run)
        self._write(seen, run)
        if seen.entries:
            self._take(seen, run)
        with self._store.read() as connection:
            shelves = own_shelves(connection, run.now)
        changes = plan(shelves, seen, self._plant.site)
        self._tell(changes, run)
        return Result(len(seen.entries) + len(changes.make) + len(changes.end))

    def _read(self, run: Run) -> Seen:
        # Alerts before silences: of an alert that is silenced the silence is then known.
        answers = [self._ask(path) for path in ("status", "alerts", "silences")]
        try:
            return read(answers[0], answers[1], answers[2], self._names, run.now - knows_all_after(self.interval))
        except ValueError as exc:
            sentence = f"{self._api} does not answer as an Alertmanager does: {exc}; see alerts.alertmanager_url"
            raise MonitorError(sentence) from None

    def _write(self, seen: Seen, run: Run) -> None:
        """Before an alert can be taken: so that nobody is told of it."""
        with self._store.read() as connection:
            before = held_alerts(connection)
        after, over = held(before, seen, self._plant.site)
        if after == before:
            return
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            alerting.lock_alerts(connection)
            alerting.end_silenced(connection, over, run.now)
            save_held(connection, after)

    def _take(self, seen: Seen, run: Run) -> None:
        run.beat()
        status, answer = receive(self._store, self._plant, self._jobs(), post_of(seen), run.now)
        if status != 200:
            raise MonitorError(f"the silenced alerts of {self._api} cannot be taken: {answer['error']}")

    def _tell(self, changes: Plan, run: Run) -> None:
        for body in changes.make:
            run.beat()
            self._ask("silences", "POST", json.dumps(body).encode())
        for number in changes.end:
            run.beat()
            self._ask(f"silence/{number}", "DELETE")

    def _ask(self, path: str, method: str = "GET", body: bytes | None = None) -> str:
        try:
            return open_url(self._api + path, method, body)
        except MonitorError as exc:
            raise MonitorError(f"Alertmanager: {exc}; see alerts.alertmanager_url; it is tried again") from None
