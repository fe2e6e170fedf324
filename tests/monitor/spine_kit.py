"""A very small plant on a SQLite MES, its rows written by the tests, and its jobs run by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alerting.specs.roster import BY_NAME
from monitor.errors import StoreError
from monitor.jobs.alerts import AlertsJob
from monitor.jobs.detect import DetectJob, detect_jobs
from monitor.jobs.pulling.pull import PullJob
from monitor.model import Floats, Prediction
from monitor.pipeline.events import EventsPipeline
from monitor.pipeline.judging import InForce
from monitor.pipeline.parts import PartsPipeline
from monitor.pipeline.readings import ReadingsPipeline
from monitor.plant.file.load import parse
from monitor.plant.watching import AlertOverride
from monitor.ports import GateModel
from monitor.runtime.app import bounds_of
from monitor.scheduling.job import Job, Result, Run
from monitor.sources.sql.source import SqlSource
from monitor.sources.transports import open_source
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire
from monitor.store.jobs import JobRun, record_run

T0 = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOLDER = "this test"

PLANT = """
version: 1
site: site
steps: {form: {line: l, on_hold: inspect}, coat: {line: l}}
machines:
  m1: {step: form, sensors: {heat: {low: 0, high: 10}}}
  m2: {step: form, sensors: {heat: {low: 0, high: 10}}}
characteristics: {width: {specs: [{since: "2020-01-01T00:00:00Z", lower: 0, upper: 100}]}}
gates:
  form: {step: form, characteristic: width, model: w, profile: [a, b, c, d], rework: {above: 50},
         training: {min_outcomes: 40, takes: 20m}}
sources:
  parts:
    {kind: part_steps, url: "sqlite:///mes.db", table: PARTS, serial: SN, step: OP, visit: PASS, lot: LOT,
     at: {column: AT, epoch: s}, available_at: {column: KNOWN, epoch: s}, late_by: 5m, every: 15m,
     values: {a: A, b: B, c: C, d: D}}
  readings:
    {kind: readings, url: "sqlite:///mes.db", table: READINGS, machine: EQ, at: {column: AT, epoch: s},
     available_at: {column: KNOWN, epoch: s}, late_by: 5m, every: 15m, values: {heat: HEAT}}
  states:
    {kind: machine_states, url: "sqlite:///mes.db", table: STATES, machine: EQ, state: STATE,
     at: {column: AT, epoch: s}, every: 15m}
  outcomes:
    {kind: outcomes, url: "sqlite:///mes.db", table: OUTCOMES, serial: SN, characteristic: width, value: WIDTH,
     at: {column: AT, epoch: s}, every: 15m}
write_back:
  {url: "sqlite:///mes.db", table: ADVICE, backoff: 10s, attempts: 3, every: 1m,
   columns: {site: SITE, serial: SN, step: OP, visit: PASS, revision: REV, recommendation: ADVICE}}
store: {snapshot_rows: 10}
detectors: {warmup_rows: 100}
"""
TABLES = (
    "CREATE TABLE PARTS (SN TEXT, OP TEXT, PASS INTEGER, LOT TEXT, AT INTEGER, KNOWN INTEGER, A, B, C, D)",
    "CREATE TABLE READINGS (EQ TEXT, AT INTEGER, KNOWN INTEGER, HEAT)",
    "CREATE TABLE STATES (EQ TEXT, STATE TEXT, AT INTEGER)",
    "CREATE TABLE OUTCOMES (SN TEXT, WIDTH, AT INTEGER)",
    "CREATE TABLE ADVICE (SITE, SN, OP, PASS, REV, ADVICE, UNIQUE (SITE, SN, OP, PASS, REV))",
)


def after(minutes: float) -> datetime:
    """Some minutes after the start."""
    return T0 + timedelta(minutes=minutes)


def seconds(at: datetime) -> int:
    """As the MES writes a time."""
    return int(at.timestamp())


@dataclass(frozen=True)
class SumModel:
    """Predicts the sum of its inputs, to within 1."""

    inputs: tuple[str, ...] = ("form.a", "form.b", "form.c", "form.d")
    digest: str = "sum"
    skill: float = 0.5
    coverage: float = 0.9
    max_missing: float = 0.0

    @property
    def needed(self) -> tuple[str, ...]:
        return self.inputs

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        return [Prediction(v, v - 1, v + 1, 0.1, 1.0) for v in rows.sum(axis=1).tolist()]


@dataclass(frozen=True)
class Cache:
    """A registry of which nothing but its cache of models is asked."""

    load: Callable[[str, str], GateModel]

    def held_out(self, model_name: str, digest: str) -> None:
        """Its models were fitted to nothing and say nothing of it."""


@dataclass
class Spine:
    """The plant, its MES, its store."""

    folder: Path
    store: Store
    changes: Mapping[str, str] = field(default_factory=dict)
    used: InForce = field(default_factory=lambda: InForce(SumModel(), None, "w", "1", "sum"))  # type: ignore[arg-type]
    detectors: list[DetectJob] = field(default_factory=list)
    others: dict[str, InForce] = field(default_factory=dict)
    """What further gates use, by name."""

    def __post_init__(self) -> None:
        text = PLANT
        for old, new in self.changes.items():
            assert old in text, old
            text = text.replace(old, new)
        self.plant = parse(text, self.folder, {}).plant
        self.sources: dict[str, SqlSource] = {n: open_source(n, c, self.plant) for n, c in self.plant.sources.items()}
        self.sql(*TABLES)

    def _mes(self) -> AbstractContextManager[sqlite3.Connection]:
        connection = sqlite3.connect(self.folder / "mes.db")
        connection.execute("PRAGMA synchronous = OFF")  # no test outlives a power cut
        return closing(connection)

    def sql(self, *statements: str) -> None:
        """Change the MES."""
        with self._mes() as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, table: str, *rows: Sequence[Any]) -> None:
        """Insert into the MES; times as datetimes."""
        with self._mes() as connection, connection:
            for row in rows:
                values = tuple(seconds(v) if isinstance(v, datetime) else v for v in row)
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)

    def part(
        self, serial: str, at: datetime, known: datetime | None = None, a: Any = 10.0, visit: int = 1, lot: str = "L"
    ) -> None:
        """A part step in the MES whose prediction is `a` + 30."""
        self.rows("PARTS", (serial, "form", visit, lot, at, known or at, a, 10.0, 10.0, 10.0))

    def parts(self, parts: Mapping[str, datetime], a: Any = 10.0) -> None:
        """Part steps as `part` enters them, at once."""
        self.rows("PARTS", *((serial, "form", 1, "L", at, at, a, 10.0, 10.0, 10.0) for serial, at in parts.items()))

    def reading(self, machine: str, at: datetime, heat: Any, known: datetime | None = None) -> None:
        """A reading in the historian."""
        self.rows("READINGS", (machine, at, known or at, heat))

    def advice(self) -> list[tuple[Any, ...]]:
        """What the MES was told."""
        with self._mes() as connection:
            return connection.execute("SELECT SN, PASS, ADVICE FROM ADVICE ORDER BY SN, PASS").fetchall()

    def pull(self, source: str, partition: str = "all", batch_rows: int = 1000) -> PullJob:
        """The job that pulls a source."""
        plant = self.plant.model_copy(update={"store": self.plant.store.model_copy(update={"batch_rows": batch_rows})})
        kind = plant.sources[source].kind
        pipeline: Any
        if kind == "part_steps":
            pipeline = PartsPipeline(self.store, plant, "digest", source, lambda: {"form": self.used, **self.others})
        elif kind == "readings":
            pipeline = ReadingsPipeline(self.store, plant, source)
        else:
            pipeline = EventsPipeline(self.store, plant, source)
        return PullJob(self.store, plant, source, partition, self.sources[source], pipeline)

    def run(self, job: Job, now: datetime, stopping: Callable[[], bool] = lambda: False) -> Result:
        """One run under a lease of our own; after a pull of readings, all of them are judged."""
        done = self.pull_only(job, now, stopping)
        if isinstance(job, PullJob) and self.plant.sources[job.source_name].kind == "readings":
            late = self.plant.sources[job.source_name].look_back
            self.record_pull(job, now + late)
            self.detect(now + late)
        return done

    def pull_only(self, job: Job, now: datetime, stopping: Callable[[], bool] = lambda: False) -> Result:
        """One run under a lease of our own, and nothing else."""
        lease = acquire(self.store, job.name, HOLDER, 60.0)
        if lease is None:
            raise StoreError(f"{job.name} is another's", None)  # type: ignore[arg-type]
        return job.run(Run(now, now, lease, lambda: None, stopping))

    def record_pull(self, job: PullJob, now: datetime) -> None:
        """Record a success, as the runner does: machines are judged up to where their sources have been read."""
        scope = (job.source_name, job.partition, "")
        run = JobRun(job.name, *scope, now, now, 0.0, "success", True, 0, None, 0, None, "")
        with self.store.write() as connection:
            record_run(connection, run)

    def detect(self, now: datetime) -> int:
        """Judge the machines in a new process, as far as their readings are complete; the number of rows."""
        self.detectors = detect_jobs(self.store, self.plant)
        return sum(self.run(job, now).rows for job in self.detectors)

    def all(self, table: sa.Table, *columns: str) -> list[Any]:
        """A table's rows in their own order; plain values for one column."""
        chosen = [table.c[c] for c in columns] or [table]
        order = [c for c in (*table.primary_key, *table.c) if c.name in ("arrival", "id", "started_at")]
        with self.store.read() as connection:
            found = connection.execute(sa.select(*chosen).order_by(*(order or table.primary_key))).all()
        return [row[0] for row in found] if len(columns) == 1 else [tuple(r) if columns else r for r in found]

    def tally(self, name: str, **labels: str) -> float:
        """A counter of the store."""
        with self.store.read() as connection:
            query = sa.select(t.tally.c.value).where(t.tally.c.name == name, t.tally.c.labels == labels)
            return float(connection.execute(query).scalar_one_or_none() or 0.0)

    def alerts(self, now: datetime, *jobs: Job, gates: bool = False) -> list[tuple[str, str]]:
        """Evaluate without any waiting; names and subjects of the alerts that fire, but for the one that always does.

        Late deliveries and unwatched machines are left out, for most tests deliver nothing and have no readings of
        most machines; gates are judged where so asked.
        """
        at_once = AlertOverride(pending_for="0s", keep_firing="0s", absent=False)  # type: ignore[arg-type]
        changed = self.plant.alerts.model_copy(update={"change": dict.fromkeys(BY_NAME, at_once)})
        plant = self.plant.model_copy(update={"alerts": changed, "gates": self.plant.gates if gates else {}})
        self.run(AlertsJob(self.store, plant, lambda: bounds_of(plant, jobs)), now)
        with self.store.read() as connection:
            a = t.alert.c
            query = sa.select(a.name, a.subject).where(
                a.ended_at.is_(None),
                a.state == "firing",
                a.name.not_in(["Watchdog", "DeliveryLate", "MachineUnwatched"]),
            )
            return [(row.name, row.subject) for row in connection.execute(query.order_by(a.name, a.subject))]

    def close(self) -> None:
        """Give the connections back."""
        for source in self.sources.values():
            source.close()
