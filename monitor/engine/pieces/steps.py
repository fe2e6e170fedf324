"""The gates and steps of one piece: from raw rows to decisions, findings of windows and refused rows.

A decision rests on what was known when it was made: outcomes, earlier decisions, how well the model did. So the jobs of
the single process run here as they are, slot by slot under a simulated clock, over a store that holds this piece alone
and is gone afterwards. The models in force are given, and stay.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from inference.registry import Registry
from monitor.clock import SimulatedClock
from monitor.engine.pieces.given_models import GivenModel, install
from monitor.engine.pieces.results import Results, decision_cells, reject_cells, stored_finding_cells, training_cells
from monitor.engine.pieces.rows_in_memory import RowsInMemory
from monitor.engine.pieces.step_units import StepUnit
from monitor.engine.pieces.timing import Span
from monitor.errors import MonitorError
from monitor.gate_models.in_force import ModelsInForce
from monitor.gate_models.training_set import training_set
from monitor.jobs.drift import DriftJob
from monitor.jobs.performance import PerformanceJob
from monitor.jobs.pulling.wiring import pull_jobs
from monitor.model import Reject
from monitor.plant.plant import Plant
from monitor.plant.sources import PartSource
from monitor.scheduling.job import Job
from monitor.scheduling.runner import Runner
from monitor.scheduling.slots import merged
from monitor.sources.typed.columns import text_column
from monitor.sources.typed.plan import make_plan
from monitor.store.database.database import Store
from monitor.store.database.schema import open_store
from monitor.store.rows.decisions import all_decisions
from monitor.store.watching.board import board_rows
from monitor.store.watching.findings import all_findings

_LEASE = timedelta(hours=1)
_MAKING = threading.Lock()
_ALL = 1 << 62
"""More rows than any table has."""


def judge_steps(
    plant: Plant, digest: str, unit: StepUnit, tables: Mapping[str, pa.Table], span: Span, models: Sequence[GivenModel]
) -> Results:
    """Everything that the single process would decide and find about the gates and steps of a unit.

    `tables`: by source the raw rows of its parts. `digest`: that of the plant file. UsageError if a table lacks a
    column of the plant file, MonitorError if a job fails.
    """
    results = Results()
    mine = plant.model_copy(update={"gates": {name: plant.gates[name] for name in plant.gates if name in unit.gates}})
    sources = {name: RowsInMemory(plant, name, table) for name, table in tables.items()}
    bounds = _bounds(plant, sources, span)
    if bounds is None:
        return results
    with _store() as (store, folder):
        registry = Registry(f"sqlite:///{folder}/mlflow.db", None, plant.mlflow.experiment, folder / "models")
        install([given for given in models if given.version.gate in unit.gates], store, registry)
        in_force = ModelsInForce(store, registry)
        pulls = pull_jobs(mine, digest, store, sources, partial(in_force.for_gates, tuple(mine.gates)))
        _replay(store, [*pulls, DriftJob(store, mine, in_force), PerformanceJob(store, mine, in_force)], bounds)
        _collect(store, unit, results)
        _add_training(store, mine, bounds[1], results)
    for name, source in sources.items():
        results.add("rejects", (reject_cells(name, r) for r in _refused(mine, name, source, unit, bounds)))
    return results


@contextmanager
def _store() -> Iterator[tuple[Store, Path]]:
    with TemporaryDirectory(prefix="gatewatch-piece-") as folder:
        (Path(folder) / "store.db").write_bytes(_empty())
        store = open_store(f"sqlite:///{folder}/store.db", durable=False)
        try:
            yield store, Path(folder)
        finally:
            store.close()


def _empty() -> bytes:
    """An empty store, made once a process: the library that makes its tables is for one thread at a time."""
    with _MAKING:
        return _made()


@cache
def _made() -> bytes:
    with TemporaryDirectory(prefix="gatewatch-piece-") as folder:
        open_store(f"sqlite:///{folder}/store.db", durable=False).close()
        return (Path(folder) / "store.db").read_bytes()


def _bounds(plant: Plant, sources: Mapping[str, RowsInMemory], span: Span) -> tuple[datetime, datetime] | None:
    """The slots to go through: those of the span, else as far as there are rows, and once more for what waits."""
    places = [at for source in sources.values() for at in (source.first, source.last) if at is not None]
    if not places:
        return None
    longest = max(plant.drift.every, plant.performance.every, *(plant.sources[name].every for name in sources))
    start = span.start if span.start is not None else min(places) - longest
    return start, span.end if span.end is not None else max(places) + 2 * longest


def _replay(store: Store, jobs: Sequence[Job], bounds: tuple[datetime, datetime]) -> None:
    clock = SimulatedClock(bounds[0])
    runner = Runner(store, clock, "piece", _LEASE)
    by_name = {job.name: job for job in jobs}
    for slot, name in merged({name: job.interval for name, job in by_name.items()}, *bounds):
        clock.move_to(slot)
        done = runner.run(by_name[name], slot)
        if done.error is not None:
            raise MonitorError(f"{name} at {slot:%Y-%m-%d %H:%M:%SZ}: {done.error}")


def _collect(store: Store, unit: StepUnit, results: Results) -> None:
    with store.read() as connection:
        results.add("decisions", map(decision_cells, all_decisions(connection)))
        for table, rows in (("findings", all_findings(connection)), ("board", board_rows(connection))):
            results.add(table, (stored_finding_cells(row) for row in rows if row.step in unit.steps))


def _add_training(store: Store, plant: Plant, now: datetime, results: Results) -> None:
    """Of each gate that judges numbers, the parts that a model could be trained on at the end."""
    with store.read() as connection:
        for gate, config in plant.gates.items():
            if config.picture is None:
                classes = plant.classes_of(config)
                parts = training_set(connection, config, plant.max_ages(), now, classes=classes)
                results.add("training_parts", training_cells(gate, parts))


def _refused(
    plant: Plant, source: str, rows: RowsInMemory, unit: StepUnit, bounds: tuple[datetime, datetime]
) -> Iterator[Reject]:
    """The refused rows of steps that this unit judges: another one that needs the step has them too."""
    config = plant.sources[source]
    member = make_plan(config, plant).member
    end = bounds[1]
    rejects = [*rows.read(None, end, _ALL).rejects, *rows.refused_strays(end).rejects]
    for reject in rejects:
        column = member.column if isinstance(config, PartSource) and member is not None else None
        if column is None or text_column([reject.cells[column]], member.codes if member else None)[0] in unit.steps:
            yield reject
