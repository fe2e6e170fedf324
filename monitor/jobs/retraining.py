"""Retraining: firing alerts on models request it, and open requests are processed, oldest first."""

from __future__ import annotations

from datetime import timedelta

from monitor.gate_models.requests import CAUSES, next_request_key
from monitor.gate_models.retraining import Retraining
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.models import retraining as requests
from monitor.store.models.retraining import RetrainingRequest
from monitor.store.watching.alerts import firing_breaches


class RetrainingJob:
    """Makes requests from firing alerts and processes one open request of the plant at a time."""

    name = "retraining"
    scope = WHOLE_PLANT

    def __init__(self, retraining: Retraining) -> None:
        self._retraining = retraining
        self._store = retraining.store
        self._plant = retraining.plant

    @property
    def interval(self) -> timedelta:
        """As the plant file says."""
        return self._plant.jobs.retraining

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Request what firing alerts call for, then decide on and process the open requests."""
        with self._store.read() as connection:
            alerts = [a for a in firing_breaches(connection, CAUSES) if a.subject in self._plant.gates]
            existing = requests.list_requests(connection) if alerts else []
        for alert in alerts:
            of_gate = [request for request in existing if request.gate == alert.subject]
            key = next_request_key(alert, of_gate, self._plant.gates[alert.subject].retraining, run.now)
            if key is not None:
                self._retraining.request(run, alert.subject, alert.name, key)
        with self._store.read() as connection:
            unfinished = requests.unfinished(connection)
        return Result(sum(self._retraining.process(run, request) for request in unfinished))

    def request(self, run: Run, gate: str) -> RetrainingRequest:
        """Make a manual request and process it as far as is possible now; returns its row."""
        key = f"{requests.MANUAL}:{gate}:{run.now.isoformat()}"
        self._retraining.request(run, gate, requests.MANUAL, key)
        with self._store.read() as connection:
            request = requests.request_by_key(connection, key)
        self._retraining.process(run, request)
        with self._store.read() as connection:
            return requests.request_by_key(connection, key)
