"""A plant whose rows come from eight tables of one MES, of either kind, and one life of the process that reads them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from spine_kit import HOLDER, Spine, SumModel, seconds

from monitor.clock import SimulatedClock
from monitor.jobs.pulling.pull import PullJob
from monitor.jobs.reconcile import ReconcileJob
from monitor.model import Floats, Prediction
from monitor.pipeline.judging import InForce
from monitor.pipeline.parts import PartsPipeline
from monitor.plant.file.load import parse
from monitor.runtime.app import reconcile_scope
from monitor.sources.transports import open_source
from monitor.store.database.leases import acquire

HOUR = timedelta(hours=1)

_PLANT = """
version: 1
site: site
steps: {form: {line: l}, wash: {line: l}, coat: {line: l, on_hold: inspect}}
machines:
  m1: {step: form, sensors: {heat: {low: 0, high: 60}, speed: {low: 0, high: 60}, force: {low: 0, high: 60}}}
  m2: {step: form, sensors: {heat: {low: 0, high: 60}, speed: {low: 0, high: 60}}}
characteristics: {width: {specs: [{since: "2020-01-01T00:00:00Z", lower: 0, upper: 100}]}}
gates:
  coat: {step: coat, characteristic: width, model: w, profile: [form.a, form.b, wash.c, d], max_missing: 0.5,
         training: {min_outcomes: 40}}
sources:
  form:
    {kind: part_steps, url: "URL", table: form, serial: sn, step: op, visit: pass, lot: lot, TIMES,
     values: {a: a, b: b}}
  wash:
    {kind: part_steps, url: "URL", table: wash, serial: sn, step: op, machine: eq, values: {c: c}, AT}
  coat:
    {kind: part_steps, url: "URL", table: coat, serial: sn, step: op, visit: pass, values: {d: d}, TIMES}
  plc: {kind: readings, url: "URL", table: plc, machine: eq, values: {heat: heat, speed: speed}, TIMES}
  tags: {kind: readings, url: "URL", table: tags, machine: eq, sensor: tag, value: val, TIMES}
  states: {kind: machine_states, url: "URL", table: states, machine: eq, state: state, AT}
  outcomes: {kind: outcomes, url: "URL", table: outcomes, serial: sn, characteristic: width, value: width, TIMES}
  dispositions: {kind: dispositions, url: "URL", table: dispositions, serial: sn, disposition: what, TIMES}
reconcile: {back: 6h}
detectors: {warmup_rows: 100}
store: {snapshot_rows: 10}
"""
_AT = "at: {column: at, epoch: s}, late_by: 5m, every: 15m"
_TIMES = "available_at: {column: known, epoch: s}, " + _AT
COLUMNS = {
    "form": ("sn", "op", "pass", "lot", "a", "b"),
    "wash": ("sn", "op", "eq", "c"),
    "coat": ("sn", "op", "pass", "d"),
    "plc": ("eq", "heat", "speed"),
    "tags": ("eq", "tag", "val"),
    "states": ("eq", "state"),
    "outcomes": ("sn", "width"),
    "dispositions": ("sn", "what"),
}
UNDATED = frozenset({"wash", "states"})
"""Sources that do not say when a row became available."""
_NUMBERS = frozenset({"a", "b", "c", "d", "heat", "speed", "val", "width"})
_TABLES = sa.MetaData()
TABLES = {
    name: sa.Table(
        name, _TABLES, sa.Column("id", sa.Integer, primary_key=True), sa.Column("at", sa.BigInteger),
        *([] if name in UNDATED else [sa.Column("known", sa.BigInteger)]),
        *(sa.Column(c, sa.Float if c in _NUMBERS else sa.Integer if c == "pass" else sa.Text) for c in columns),
        schema="mes",
    )
    for name, columns in COLUMNS.items()
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """A row of a table of the MES is written, changed in place, or deleted (`row` is None) at an instant."""

    when: datetime
    table: str
    id: int
    row: dict[str, Any] | None


class Filling(SumModel):
    """The sum of the inputs that there are."""

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        return super().predict(np.nan_to_num(rows))


class Mes:
    """The MES: tables in a database beside the store's or, on PostgreSQL, in a schema of the same one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            self._engine = self._engine.execution_options(schema_translate_map={"mes": None})
        with self._engine.begin() as connection:
            if connection.dialect.name != "sqlite":
                connection.execute(sa.schema.CreateSchema("mes"))
            _TABLES.create_all(connection)

    @property
    def schema(self) -> str:
        """What a source of the plant file says of its schema."""
        return "" if self._engine.dialect.name == "sqlite" else "table_schema: mes, "

    def apply(self, changes: Iterable[Change]) -> None:
        """Make the changes in their order."""
        with self._engine.begin() as connection:
            for change in changes:
                table = TABLES[change.table]
                connection.execute(table.delete().where(table.c.id == change.id))
                if change.row is not None:
                    times = {k: seconds(v) if isinstance(v, datetime) else v for k, v in change.row.items()}
                    connection.execute(table.insert().values(id=change.id, **times))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


class Life(Spine):
    """The plant with its store; every step is one of a new process."""

    mes: Mes

    def __post_init__(self) -> None:
        self.mes = Mes(self.changes["url"])
        self.parts: dict[str, PartsPipeline] = {}
        text = _PLANT.replace("TIMES", _TIMES).replace(", AT}", f", {_AT}}}")
        text = text.replace('url: "URL", ', f'url: "{self.mes.url}", {self.mes.schema}')
        self.plant = parse(text, self.folder, {}).plant
        self.sources = {n: open_source(n, c, self.plant) for n, c in self.plant.sources.items()}
        inputs = self.plant.gates["coat"].inputs()
        self.used = InForce(Filling(inputs, max_missing=0.5), None, "w", "1", "sum")

    def pull(self, source: str, partition: str = "all", batch_rows: int = 1000) -> PullJob:
        """The job that pulls a source; part steps are judged by the gate, in one thread for the whole life."""
        if self.plant.sources[source].kind != "part_steps":
            return super().pull(source, partition, batch_rows)
        if source not in self.parts:
            self.parts[source] = PartsPipeline(self.store, self.plant, "digest", source, lambda: {"coat": self.used})
        store = self.plant.store.model_copy(update={"batch_rows": batch_rows})
        plant = self.plant.model_copy(update={"store": store})
        return PullJob(self.store, plant, source, partition, self.sources[source], self.parts[source])

    def step(self, now: datetime, order: Sequence[str], batch_rows: int = 1000, compare: bool = True) -> None:
        """Pull every source in this order, judge the machines, compare with the sources."""
        for name in order:
            job = self.pull(name, batch_rows=batch_rows)
            self.pull_only(job, now)
            if self.plant.sources[name].kind == "readings":
                self.record_pull(job, now)
        self.detect(now)
        for name in order if compare else ():
            self.pull_only(self._comparison(name), now)

    def _comparison(self, name: str) -> ReconcileJob:
        def held(job: Any) -> Any:
            return nullcontext(acquire(self.store, job.name, HOLDER, 60.0))

        real_time = SimulatedClock(datetime(2030, 1, 1, tzinfo=UTC))
        scope = reconcile_scope(self.plant, name)
        return ReconcileJob(self.store, scope, self.sources[name], [self.pull(name)], HOUR, held, real_time)

    def close(self) -> None:
        """Close the sources, the MES and the store."""
        super().close()
        self.mes.close()
        self.store.close()


def shuffled(rng: random.Random) -> list[str]:
    """The sources in a random order."""
    names = list(COLUMNS)
    rng.shuffle(names)
    return names
