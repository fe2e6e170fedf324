"""Where training data came from, as the dataset inputs of an MLflow run: one for each table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inference.tracking.opening import mlflow_library

_MOST_DIGEST = 36
_CONTEXT = "mlflow.data.context"
_TYPES = {"delta": "delta_table", "folder": "local", "sql": "sql_table"}


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table that training data came from, by the name of its source.

    `form`: delta, folder (of files) or sql. `place`: the address without user and password. `catalog_name`: the
    three-level name of a Delta table of Unity Catalog, else empty. `columns`: what it gave to the training, by name
    with MLflow's type. `first` and `last`: its earliest and latest row among them.
    """

    name: str
    form: str
    place: str
    table: str
    columns: Mapping[str, str]
    first: datetime
    last: datetime
    catalog_name: str = ""


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """The data that a model was trained on: its digest, how many parts, and the tables that they came from."""

    digest: str
    rows: int
    tables: tuple[DataTable, ...] = ()


def dataset_inputs(data: TrainedOn) -> list[Any]:
    """The dataset inputs of the run: name, source, digest, schema and profile of each table.

    MLflow keeps 36 characters of a digest; the whole one is in the profile.
    """
    entities = mlflow_library().entities
    tag = entities.InputTag(_CONTEXT, "training")
    return [entities.DatasetInput(_dataset(data, table), [tag]) for table in data.tables]


def _dataset(data: TrainedOn, table: DataTable) -> Any:
    columns = [{"type": kind, "name": name, "required": True} for name, kind in table.columns.items()]
    profile = {
        "num_rows": data.rows,
        "first": table.first.isoformat(),
        "last": table.last.isoformat(),
        "data_digest": data.digest,
        "table": table.catalog_name or table.table,
    }
    return mlflow_library().entities.Dataset(
        name=table.name,
        digest=data.digest[:_MOST_DIGEST],
        source_type=_TYPES[table.form],
        source=json.dumps(_source(table)),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps(profile),
    )


def _source(table: DataTable) -> dict[str, object]:
    """As MLflow's own sources write themselves: a Delta table by its name or path, a folder by its address."""
    if table.catalog_name:
        return {"delta_table_name": table.catalog_name, "is_databricks_uc_table": True}
    if table.form == "delta":
        return {"path": table.place}
    if table.form == "folder":
        return {"uri": f"{table.place}/{table.table}"}
    return {"url": table.place, "table": table.table}
