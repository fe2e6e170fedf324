"""Rows in quarantine that are tried again, and those that an accepted row has replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.model import Page, Reject, RejectReason
from monitor.plant.plant import Plant
from monitor.plant.sources import PartSource
from monitor.ports import KeptRows
from monitor.scheduling.job import JobScope, Run
from monitor.statuses import NOT_KEPT, Resolution
from monitor.store.commit import BatchWrite
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease
from monitor.store.rows.refusals import KeptRow, QuarantineChanges, asked_rows, cells_of, kept_rows, open_rows

Commit = Callable[[Page, BatchWrite, Lease], None]
Try = tuple[KeptRow, Mapping[str, object]]
"""An entry with its cells as they were read."""


@dataclass(slots=True)
class RetryCounts:
    """What came of a try: rows taken in, and rows that stay by reason."""

    taken_in: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Retrying:
    """The quarantine of one source partition. A row leaves it in the transaction in which it is accepted."""

    def __init__(self, store: Store, plant: Plant, scope: JobScope, job: str, kept: KeptRows) -> None:
        config = plant.sources[scope.source]
        self._store, self._rows = store, plant.rows_at_once(scope.source)
        self._job, self._scope, self._kind = job, scope, config.kind
        self._partitions = config.partitions
        self._kept = kept
        self._numbers = {c.column for c in (config.at, config.available_at) if c is not None and c.epoch}
        self._timeless = isinstance(config, PartSource) and config.visit is not None

    def replaced(self, page: Page) -> QuarantineChanges:
        """The entries, and the rejects of the page itself, that accepted rows of the page replace."""
        changes = QuarantineChanges()
        if page.frame.empty:
            return changes
        first, last = (at.floor("us").to_pydatetime() for at in (page.frame["at"].min(), page.frame["at"].max()))
        with self._store.read() as connection:
            for entries in open_rows(connection, self._scope.source, first, last, self._timeless):
                tries = self._tries(entries)
                answered = self._kept.answered(page, [cells for _, cells in tries])
                changes.resolved |= {tries[i][0].id: Resolution.REPLACED for i in answered}
        changes.answered = frozenset(self._kept.answered(page, [reject.cells for reject in page.rejects]))
        return changes

    def run(self, run: Run, commit: Commit) -> RetryCounts:
        """Try every row for which that was asked, a batch of rows at a time; a kill between two loses nothing."""
        counts = RetryCounts()
        with self._store.read() as connection:
            asked = asked_rows(connection, self._scope.source)
        for start in range(0, len(asked), self._rows):
            if run.stopping():
                break
            with self._store.read() as connection:
                entries = kept_rows(connection, asked[start : start + self._rows])
            self._batch(entries, counts, run, commit)
        return counts

    def _batch(self, entries: Sequence[KeptRow], counts: RetryCounts, run: Run, commit: Commit) -> None:
        tries = self._tries(entries)
        possible = {entry.id for entry, _ in tries}
        hopeless: dict[int, Reject | None] = {e.id: None for e in entries if e.id not in possible}
        counts.refused[NOT_KEPT] += len(hopeless)
        mine, strangers = self._by_partition(tries)
        for entry, _ in strangers:
            counts.refused[entry.reason] += 1
            hopeless[entry.id] = None
        for turn in _turns(mine) or ([[]] if hopeless else []):
            page = self._kept.page([cells for _, cells in turn], run.now)
            write = BatchWrite(self._job, self._scope.source, self._scope.partition, run.now, self._kind)
            refused: dict[int, Reject | None] = {turn[reject.index][0].id: reject for reject in page.rejects}
            taken_in = [entry.id for entry, _ in turn if entry.id not in refused]
            write.quarantine.resolved = dict.fromkeys(taken_in, Resolution.RETRIED)
            write.quarantine.refused = hopeless | refused
            commit(page, write, run.lease)
            hopeless = {}
            counts.taken_in += len(taken_in)
            counts.refused.update(reject.reason.value for reject in page.rejects)

    def _tries(self, entries: Iterable[KeptRow]) -> list[Try]:
        """The entries whose cells were kept, those of today's columns among them."""
        found: list[Try] = []
        for entry in entries:
            cells = cells_of(entry, self._numbers)
            if cells is not None and all(name in cells for name in self._kept.columns):
                found.append((entry, cells))
        return found

    def _by_partition(self, tries: Sequence[Try]) -> tuple[Sequence[Try], Sequence[Try]]:
        """The entries of this partition, and those of none; the others are tried with the partition they belong to."""
        if not self._partitions:
            return tries, ()
        members = self._kept.members([cells for _, cells in tries])
        mine = self._partitions[self._scope.partition]
        known = {name for names in self._partitions.values() for name in names}
        pairs = list(zip(members, tries, strict=True))
        return [one for m, one in pairs if m in mine], [one for m, one in pairs if m not in known]


def _turns(tries: Iterable[Try]) -> list[list[Try]]:
    """The entries so that no key is twice in a turn: the source held one after the other, not both at once.

    Contradictory entries are tried together, as they were met together.
    """
    met: Counter[str] = Counter()
    turns: dict[int, list[Try]] = {}
    for entry, cells in sorted(tries, key=lambda one: one[0].id):
        turns.setdefault(met[entry.key], []).append((entry, cells))
        met[entry.key] += entry.reason != RejectReason.CONTRADICTION
    return [turns[n] for n in sorted(turns)]
