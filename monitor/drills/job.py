"""The scheduled drill: begun when due, looked at in every slot, told to the dead man's switch when all links held."""

from __future__ import annotations

from datetime import datetime, timedelta

from exporters.delivery.asking import open_url
from monitor.drills.running import begin, step
from monitor.errors import MonitorError
from monitor.plant.plant import Plant
from monitor.plant.watching import DrillConfig
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.database.database import Store
from monitor.store.database.leases import renew
from monitor.store.delivery.drills import Drill, newest_scheduled, save_drill

AGAIN = timedelta(hours=1)
"""How soon a drill is repeated after one that failed."""


class DrillJob:
    """Runs the drills of the plant file. A broken link is the job's error until a drill holds again."""

    name = "drill"
    scope = WHOLE_PLANT
    interval = timedelta(seconds=15)

    def __init__(self, store: Store, plant: Plant, config: DrillConfig) -> None:
        self._store = store
        self._plant = plant
        self._config = config

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Begin what is due, look at what runs, tell what held."""
        with self._store.read() as connection:
            drill = newest_scheduled(connection)
        if drill is None or self._due(drill, run.now):
            begin(self._store, self._config.team, True, run.now)
            return Result(1)
        if drill.finished_at is None:
            drill, _ = step(self._store, self._plant, drill.id, run.now)
        if drill.broken:
            began = f"{drill.started_at:%Y-%m-%d %H:%M} UTC"
            raise MonitorError(f"the drill of {began} broke at {drill.broken}: {drill.sentence}")
        if drill.finished_at is not None and drill.told_at is None and self._config.ping_url is not None:
            self._ping(drill, run)
        return Result()

    def _due(self, drill: Drill, now: datetime) -> bool:
        if drill.finished_at is None:
            return False
        return now - drill.started_at >= (min(AGAIN, self._config.every) if drill.broken else self._config.every)

    def _ping(self, drill: Drill, run: Run) -> None:
        """Tell the switch; again in the next slot where it cannot be told. Its address is a secret."""
        try:
            open_url(self._config.ping_url or "")
        except MonitorError:
            raise MonitorError("the drill held, and drill.ping_url cannot be told so; it is tried again") from None
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            save_drill(connection, drill._replace(told_at=run.now))
