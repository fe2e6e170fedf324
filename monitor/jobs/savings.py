"""What the gates saved, summed up and stored by month."""

from __future__ import annotations

from pathlib import Path

from monitor.gate_models.plant_files import PastCosts
from monitor.plant.plant import Plant
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.database.database import Store
from monitor.store.database.leases import renew
from monitor.store.report.savings import EVIDENCE_MONTHS, keep_savings, month_of, read_savings


class SavingsJob:
    """Sums up this month so far and the two before, of which outcomes still come in."""

    name = "savings"
    scope = WHOLE_PLANT

    def __init__(self, store: Store, plant: Plant, folder: Path) -> None:
        """`folder` is that of the plant file."""
        self.interval = plant.jobs.savings
        self._store = store
        self._plant = plant
        self._costs_at = PastCosts(store, folder)

    def forget(self) -> None:
        """What is in memory never changes: plant files by their digest."""

    def run(self, run: Run) -> Result:
        """Sum up and store; nothing is read where no gate has costs."""
        months = [month_of(run.now, back) for back in range(1 - EVIDENCE_MONTHS, 1)]
        found = read_savings(self._store, self._plant, self._costs_at, months, run.now, run.beat)
        with self._store.write() as connection:
            renew(self._store, connection, run.lease)
            keep_savings(connection, found)
        return Result(sum(one.parts for one in found.gates))
