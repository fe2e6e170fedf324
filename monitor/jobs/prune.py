"""Deletion of rows older than their retention in the plant file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from monitor.plant.running import Retention
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store import pruning
from monitor.store.database.database import Store
from monitor.store.database.leases import renew


class PruneJob:
    """Applies the retention of every table, some thousand rows per transaction."""

    name = "prune"
    scope = WHOLE_PLANT

    def __init__(
        self,
        store: Store,
        retention: Retention,
        interval: timedelta,
        longer: Mapping[str, timedelta] = MappingProxyType({}),
    ) -> None:
        """`longer` says by gate how much longer than `retention` says its decisions are kept."""
        self._store = store
        self._retention = retention
        self._longer = longer
        self.interval = interval

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Delete until nothing is too old."""
        rows = 0
        for key, tables in pruning.RETAINED.items():
            keep = getattr(self._retention, key)
            for aged in tables if keep is not None else ():
                rows += self._prune(aged, keep, run)
        return Result(rows)

    def _prune(self, aged: pruning.AgedTable, keep: timedelta, run: Run) -> int:
        total = 0
        while not run.stopping():
            with self._store.write() as connection:
                renew(self._store, connection, run.lease)
                deleted = pruning.delete_oldest(connection, aged, keep, run.now, self._longer)
            total += deleted
            if deleted < pruning.CHUNK:
                break
        return total
