"""The job that sends what the gates and detectors made to the lake."""

from __future__ import annotations

from monitor.errors import LakeError
from monitor.lake.delta import LakeFolder
from monitor.lake.feeds import feeds
from monitor.lake.schemas import SCHEMAS
from monitor.lake.sink import Sink
from monitor.lake.upkeep import Upkeep
from monitor.plant.plant import Plant
from monitor.plant.running import LakeConfig
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.database.database import Store


class LakeJob:
    """Sends the tables one after the other. A table that cannot be written holds up neither the others nor any job."""

    name = "lake"
    scope = WHOLE_PLANT

    def __init__(self, store: Store, plant: Plant, config: LakeConfig) -> None:
        self.interval = config.every
        self._sinks: list[Sink] = []
        self._upkeep: list[Upkeep] = []
        of_table = feeds(plant.store.window)
        for table in config.tables:
            folder = LakeFolder(f"{config.location.rstrip('/')}/{table}", SCHEMAS[table].columns)
            self._sinks.append(Sink(store, config.url, plant.site, table, folder, of_table[table], config.rows))
            self._upkeep.append(Upkeep(store, config, plant.site, table, folder))

    def forget(self) -> None:
        """Drop what was read of the lake."""
        for sink in self._sinks:
            sink.forget()

    def run(self, run: Run) -> Result:
        """Send every table, then keep its files few; a LakeError has a sentence for each table that failed."""
        rows, problems = 0, list[str]()
        for sink, upkeep in zip(self._sinks, self._upkeep, strict=True):
            try:
                rows += sink.send(run)
                if not run.stopping():
                    upkeep.run(run)
            except LakeError as exc:
                problems.append(str(exc))
        if problems:
            raise LakeError("; ".join(problems))
        return Result(rows)
