"""Outcomes, dispositions and machine states, which are stored without being judged."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from monitor.model import Page
from monitor.pipeline.intake import rows as intake
from monitor.pipeline.pipeline import Pipeline
from monitor.plant.plant import Plant
from monitor.plant.sources import DispositionSource, OutcomeSource, StateSource
from monitor.store.commit import BatchWrite
from monitor.store.database.database import Connection, Store
from monitor.store.database.statements import tally_key
from monitor.store.rows import digests
from monitor.store.rows.digests import Key, StoredRow


class EventsPipeline(Pipeline):
    """Stores the new rows of one source. Nothing is in memory between pages."""

    def __init__(self, store: Store, plant: Plant, source: str) -> None:
        self._store = store
        self._source = source
        self._config = plant.sources[source]

    def process(self, page: Page, write: BatchWrite) -> None:
        """Fill `write` with the rows of the page that are not in the store yet."""
        with self._store.read() as connection:
            stored = self._stored(connection, page.frame)
        result = intake.classify(self._rows(page), stored, self._config.dated)
        write.rows += [{**a.columns, "revision": a.revision} for a in result.accepted]
        for outcome, n in result.outcomes():
            write.tallies[tally_key("gatewatch_source_rows_total", source=self._source, outcome=outcome)] += n

    def _stored(self, connection: Connection, frame: pd.DataFrame) -> dict[Key, StoredRow]:
        if isinstance(self._config, StateSource):
            return digests.state_rows(connection, self._source, frame)
        if isinstance(self._config, OutcomeSource):
            return digests.outcome_rows(connection, self._source, frame)
        return digests.disposition_rows(connection, self._source, frame)

    def _rows(self, page: Page) -> Iterable[tuple[Key, intake.Columns]]:
        if isinstance(self._config, StateSource):
            return intake.state_rows(page, self._source)
        if isinstance(self._config, OutcomeSource):
            return intake.outcome_rows(page, self._source, self._config.characteristic)
        if isinstance(self._config, DispositionSource):
            return intake.disposition_rows(page, self._source)
        raise TypeError(f"source {self._source!r} of kind {self._config.kind!r} has a pipeline of its own")
