"""Outcomes, dispositions and machine states: kept as they come, nothing is judged by them here."""

from __future__ import annotations

from monitor.model import Page
from monitor.pipeline import intake
from monitor.plant.plant import Plant
from monitor.plant.sources import DispositionSource, OutcomeSource, StateSource
from monitor.store.commit import BatchWrite
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.statements import tallied
from monitor.store.rows.known import known_readings, known_serials

TABLES = {"machine_states": t.machine_state, "outcomes": t.outcome, "dispositions": t.disposition}


def process(store: Store, plant: Plant, source: str, page: Page, write: BatchWrite) -> None:
    """Fill `write` with the rows of the page that the store does not know yet."""
    config = plant.sources[source]
    with store.read() as connection:
        if isinstance(config, StateSource):
            known = known_readings(connection, t.machine_state, page.frame)
            rows = intake.state_rows(page, source)
        elif isinstance(config, OutcomeSource):
            known = known_serials(connection, t.outcome, ("serial", "characteristic", "at"), page.frame)
            rows = intake.outcome_rows(page, source, config.characteristic)
        elif isinstance(config, DispositionSource):
            known = known_serials(connection, t.disposition, ("serial", "step", "at"), page.frame)
            rows = intake.disposition_rows(page, source)
        else:
            raise TypeError(f"source {source!r} of kind {config.kind!r} has a pipeline of its own")
    found = intake.take(rows, known)
    write.rows += [{**a.columns, "revision": a.revision} for a in found.accepted]
    for outcome, n in found.outcomes():
        write.tallies[tallied("gatewatch_source_rows_total", source=source, outcome=outcome)] += n
