"""Machine readings: from a page to the rows that are new. They are judged afterwards, by `pipeline.machines`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor.failpoints import reach
from monitor.model import MachineState, Page
from monitor.pipeline import intake
from monitor.pipeline.machine_states import StateTimeline
from monitor.pipeline.pipeline import Pipeline
from monitor.plant.plant import Plant
from monitor.plant.sources import ReadingSource
from monitor.store.commit import BatchWrite
from monitor.store.database.database import Store
from monitor.store.database.statements import tally_key
from monitor.store.rows.digests import stored_readings_of
from monitor.store.rows.readings import states_after


class ReadingsPipeline(Pipeline):
    """Stores the new readings of one source partition, each with the state that its machine was in as far as known."""

    def __init__(self, store: Store, plant: Plant, source: str) -> None:
        self._store = store
        self._plant = plant
        self._source = source
        config = plant.sources[source]
        self._dated = config.dated
        self._wide = isinstance(config, ReadingSource) and config.sensor is None
        self._timeline = StateTimeline()

    def forget(self) -> None:
        """Drop the states of machines in memory."""
        self._timeline = StateTimeline()

    def process(self, page: Page, write: BatchWrite) -> None:
        """Fill `write` with the readings of the page that are not in the store yet."""
        columns = {m: _columns(self._plant, m, page.names) for m in page.frame["machine"].unique()}
        mapped = {m: [page.names[j] for j in places] for m, places in columns.items()} if self._wide else None
        with self._store.read() as connection:
            stored = stored_readings_of(connection, self._source, page.frame)
            self._timeline.learn(states_after(connection, self._timeline.arrival))
        rows = intake.reading_rows(page, self._source, columns)
        result = intake.classify_readings(rows, stored, self._dated, mapped)
        states, words = self._states(page), {state: state.value for state in MachineState}
        for row in result.accepted:
            for reason in page.hidden.get(row.index, ()):
                key = tally_key("gatewatch_source_hidden_cells_total", source=self._source, reason=reason.value)
                write.tallies[key] += 1
            write.rows.append({**row.columns, "revision": row.revision, "state": words[states[row.index]]})
        if result.accepted:
            self._timeline.forget_before(min(row.columns["at"] for row in result.accepted))
        reach("after_inference")
        for outcome, rows_of in result.outcomes():
            write.tallies[tally_key("gatewatch_source_rows_total", source=self._source, outcome=outcome)] += rows_of

    def _states(self, page: Page) -> list[MachineState]:
        """The state of its machine at each row of the page, as far as it is known."""
        machines = page.frame["machine"].to_numpy()
        at = page.frame["at"].dt.as_unit("ns").astype("int64").to_numpy()
        states = [MachineState.UNKNOWN] * len(at)
        for machine in page.frame["machine"].unique():
            rows = np.flatnonzero(machines == machine)
            for row, state in zip(rows.tolist(), self._timeline.at(machine, at[rows]), strict=True):
                states[row] = state
        return states


def _columns(plant: Plant, machine: str, names: Sequence[str]) -> list[int]:
    place = {n: i for i, n in enumerate(names)}
    return [place[s] for s in plant.sensor_names(machine) if s in place]
