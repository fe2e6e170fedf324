"""The tables that a gate's training data came from, for the registry: by its rows' sources and the plant file. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from inference.tracking.datasets import DataTable, TrainedOn
from monitor.gate_models.training_set import TrainingSet
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.plant.sources import OutcomeSource, SourceBase

_NUMBER, _TEXT, _PICTURE = "double", "string", "binary"


def trained_on(plant: Plant, gate: GateConfig, data: TrainingSet, digest: str) -> TrainedOn:
    """The sources of a training set, with the columns and the span of time that each gave; no parts, no tables.

    Of outcomes all that measure the gate's characteristic. A source of parts that the plant file no longer has keeps
    its name and nothing else.
    """
    return TrainedOn(digest, len(data), tuple(_tables(plant, gate, data)) if len(data) else ())


def _tables(plant: Plant, gate: GateConfig, data: TrainingSet) -> Iterator[DataTable]:
    inputs = {name: _type(gate, name, data.categories) for name in gate.inputs()}
    outcome = {gate.characteristic: _TEXT if data.classes is not None else _NUMBER}
    for name in data.part_sources:
        yield _table(name, plant.sources.get(name), inputs, data.passed_at)
    for name, source in plant.sources.items():
        if isinstance(source, OutcomeSource) and source.characteristic == gate.characteristic:
            yield _table(name, source, outcome, data.available_at)


def _type(gate: GateConfig, name: str, categories: Mapping[str, tuple[str, ...]]) -> str:
    if gate.picture is not None:
        return _PICTURE
    return _TEXT if name in categories else _NUMBER


def _table(name: str, source: SourceBase | None, columns: Mapping[str, str], times: tuple[datetime, ...]) -> DataTable:
    first, last = min(times), max(times)
    if source is None:
        return DataTable(name, "sql", "", "", columns, first, last)
    place, table = shown(source.url), source.table
    if source.table_schema:
        table = f"{source.table_schema}.{table}"
    if source.by_catalog:
        return DataTable(name, "delta", place, table, columns, first, last, catalog_name=table)
    if source.url.startswith("delta"):
        folder = place.removeprefix("delta://").removeprefix("delta+").rstrip("/")
        return DataTable(name, "delta", f"{folder}/{table.strip('/')}", table, columns, first, last)
    if source.of_files:
        return DataTable(name, "folder", f"file://{place.partition('://')[2]}", table, columns, first, last)
    return DataTable(name, "sql", place, table, columns, first, last)


def shown(url: str) -> str:
    """An address without its user, password and query.

    >>> shown("postgresql+psycopg://mes:se/cr@et@db/lab?sslmode=disable")
    'postgresql+psycopg://db/lab'
    """
    head, mark, rest = url.partition("://")
    return f"{head}{mark}{rest.partition('?')[0].rpartition('@')[2]}"
