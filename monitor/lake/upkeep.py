"""Files of the lake: those of days that are over become few, days older than their retention go."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from monitor.errors import LakeError
from monitor.lake.delta import LakeFolder
from monitor.plant.running import LakeConfig
from monitor.scheduling.job import Run
from monitor.store.database.database import Store
from monitor.store.database.leases import renew
from monitor.store.database.statements import add_counts, tally_key
from monitor.store.lake.progress import change, progress_of


class Upkeep:
    """Keeps the files of one table few. It never adds, changes or removes a row of a day that is kept."""

    def __init__(self, store: Store, config: LakeConfig, site: str, table: str, folder: LakeFolder) -> None:
        self._store = store
        self._config = config
        self._site = site
        self._table = table
        self._folder = folder

    def run(self, run: Run) -> None:
        """Do it if it is time; a LakeError is counted, and the next time comes after `compact_every` as well."""
        with self._store.read() as connection:
            at = progress_of(connection, self._config.url, self._table)
        if at is None or not _is_due(at.kept_at, run.now, self._config.compact_every):
            return
        failed = 0
        try:
            self._keep(run)
        except LakeError:
            failed = 1
            raise
        finally:
            with self._store.write() as connection:
                renew(self._store, connection, run.lease)
                change(connection, at._replace(kept_at=run.now), ("kept_at",))
                add_counts(connection, {tally_key("gatewatch_lake_failures_total", table=self._table): failed})

    def _keep(self, run: Run) -> None:
        self._folder.refresh()
        before = _first_kept(run.now, self._config.keep)
        changed = before is not None and self._folder.retire(self._site, before)
        for _ in self._folder.compact(self._site, run.now.date()):
            changed = True
            run.beat()
        if changed:
            self._folder.vacuum()


def _is_due(last: datetime | None, now: datetime, every: timedelta) -> bool:
    return last is None or last > now or now - last >= every


def _first_kept(now: datetime, keep: timedelta | None) -> date | None:
    """The first day that is kept, whole: the one in which the oldest row that is kept may lie."""
    return None if keep is None else (now - keep).date()
