"""Machine readings: from a page to the rows that are new. They are judged afterwards, by `pipeline.machines`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from monitor.failpoints import reach
from monitor.model import MachineState, Page
from monitor.pipeline.intake.readings import NewReadings, ReadingRows, classify_readings, reading_rows
from monitor.pipeline.machine_states import StateTimeline
from monitor.pipeline.pipeline import Pipeline
from monitor.plant.plant import Plant
from monitor.plant.sources import ReadingSource
from monitor.store.commit import BatchWrite
from monitor.store.database.database import Store
from monitor.store.database.statements import tally_key
from monitor.store.rows.digests import Key, StoredReading, stored_readings_of
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
        with self._store.read() as connection:
            stored = stored_readings_of(connection, self._source, page.frame)
            self._timeline.learn(states_after(connection, self._timeline.arrival))
        rows, news = new_readings(self._plant, page, stored, dated=self._dated, wide=self._wide)
        write.rows += self._rows(rows, news, self._states(page))
        for i in page.hidden.keys() & set(news.places):
            for reason in page.hidden[i]:
                key = tally_key("gatewatch_source_hidden_cells_total", source=self._source, reason=reason.value)
                write.tallies[key] += 1
        if news.places:
            self._timeline.forget_before(min(rows.at[i] for i in news.places))
        reach("after_inference")
        for outcome, rows_of in news.outcomes():
            write.tallies[tally_key("gatewatch_source_rows_total", source=self._source, outcome=outcome)] += rows_of

    def _rows(
        self, rows: ReadingRows, news: NewReadings, states: Sequence[MachineState]
    ) -> Iterator[dict[str, object]]:
        words = {state: state.value for state in MachineState}
        for i, revision, values in zip(news.places, news.revisions, news.values, strict=True):
            yield {
                "source": self._source, "machine": rows.machines[i], "at": rows.at[i],
                "available_at": rows.available_at[i], "recipe": rows.recipes[i], "values": values,
                "digest": rows.digests[i], "revision": revision, "state": words[states[i]],
            }  # fmt: skip

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


def new_readings(
    plant: Plant, page: Page, stored: Mapping[Key, StoredReading], *, dated: bool, wide: bool
) -> tuple[ReadingRows, NewReadings]:
    """The readings of a page, and which of them are new beside what is `stored` under their keys.

    `dated`: whether the source says when each row became available; `wide`: whether a row gives all sensors mapped.
    """
    place = {name: i for i, name in enumerate(page.names)}
    machines = page.frame["machine"].unique()
    columns = {m: [place[s] for s in plant.sensor_names(m) if s in place] for m in machines}
    mapped = {m: [page.names[j] for j in places] for m, places in columns.items()} if wide else None
    rows = reading_rows(page, columns)
    return rows, classify_readings(rows, stored, dated, mapped)
