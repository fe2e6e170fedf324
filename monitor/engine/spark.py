"""A backfill on Spark's DataFrame API: rows are cut where they are read, shuffled once, and judged piece by piece.

Runs on plain Spark, Databricks and Sail alike. The only module that imports Spark; the functions that it applies know
nothing of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from monitor.engine.lake import delta_table, is_delta, table_url
from monitor.engine.pieces.backfill import Backfill
from monitor.engine.pieces.packing import PARCELS, SITE, Parcel, by_source, packed
from monitor.errors import UsageError
from monitor.sources.typed.plan import make_plan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming import StatefulProcessor

_PARCELS = "site string, unit string, source string, content binary"
RESULTS = "site string, output string, content binary"
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.executorEnv.OMP_NUM_THREADS": "1",
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
}
"""Times as they are, a plant called 7 stays text, one thread of a mathematical library a task, and as many tasks as
asked for: pieces are small in bytes and long in work, by which Spark would join them into one task."""


@contextmanager
def session(engine: str, tasks: int) -> Iterator[SparkSession]:
    """A session on Sail ('sail'), on the cluster that runs this ('spark'), or by its master or Connect URL.

    `tasks`: how many the pieces are spread over.

    UsageError if what it needs is not installed.
    """
    if engine == "sail":
        with _sail() as url:
            yield from _opened(url, tasks)
    else:
        yield from _opened(engine, tasks)


def _opened(engine: str, tasks: int) -> Iterator[SparkSession]:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise UsageError(
            f"--engine {engine}: pyspark is not installed; pip install 'gatewatch[engine]' has Spark's client and Sail"
        ) from None
    # Workers on this machine run in the same environment.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder: Any = SparkSession.builder.appName("gatewatch")
    if engine.startswith("sc://"):
        builder = builder.remote(engine)
    elif engine != "spark":
        builder = builder.master(engine)
    for key, value in {**_SETTINGS, "spark.sql.shuffle.partitions": str(tasks)}.items():
        if not (engine.startswith("sc://") and key.startswith("spark.executorEnv")):
            builder = builder.config(key, value)
    opened = builder.getOrCreate()
    try:
        yield opened
    finally:
        if engine != "spark":
            opened.stop()


@contextmanager
def _sail() -> Iterator[str]:
    try:
        from pysail.spark import SparkConnectServer
    except ImportError:
        raise UsageError("--engine sail: pysail is not installed; pip install 'gatewatch[engine]'") from None
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    try:
        host, port = server.listening_address
        yield f"sc://{host}:{port}"
    finally:
        server.stop()


def run(
    spark: SparkSession, work: Backfill, url: str, sources: Sequence[str], staging: str
) -> Iterator[tuple[str, pa.Table]]:
    """The tables of results with their names, piece by piece, as `monitor.engine.local.run` gives them.

    `url`: the folder with the tables of these sources; `staging`: a folder that workers write and this process reads.
    """
    parcels = reduce(lambda a, b: a.unionAll(b), (_cut(spark, work, source, url) for source in sources))

    def judge(key: tuple[Any, ...], frame: pd.DataFrame) -> pd.DataFrame:
        return _judge(work, key, frame)

    results = parcels.groupBy("site", "unit").applyInPandas(judge, RESULTS)
    results.write.mode("overwrite").parquet(staging)
    yield from staged(staging)


def _cut(spark: SparkSession, work: Backfill, source: str, url: str) -> DataFrame:
    return cut_frame(read_table(spark, table_url(url, source)), work, source)


def cut_frame(frame: DataFrame, work: Backfill, source: str) -> DataFrame:
    """The rows of a source as parcels; UsageError if a column is missing."""
    plan = make_plan(work.plant.sources[source], work.plant)
    names = [*plan.columns, SITE]
    missing = [name for name in names if name not in frame.columns]
    if missing:
        has = ", ".join(sorted(frame.columns))
        raise UsageError(f"the table of source {source!r} has no column {missing[0]!r}; it has {has}")
    # Names of columns may hold what Spark reads as an operator; they travel as numbers.
    plain = frame.select([frame[_quoted(name)].alias(f"c{i}") for i, name in enumerate(names)])
    return plain.mapInArrow(partial(_cut_batches, work, source, names), _PARCELS)


def read_table(spark: SparkSession, place: str) -> DataFrame:
    """A Delta or Parquet table; the files of a Delta table's newest version, where Spark has no reader for it."""
    if not is_delta(place):
        return spark.read.parquet(place)
    try:
        return spark.read.format("delta").load(place).select("*")
    except Exception as exc:
        if "delta" not in str(exc).lower():
            raise
    table = delta_table(place)
    return spark.read.option("basePath", place).parquet(*table.file_uris())


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _cut_batches(
    work: Backfill, source: str, names: list[str], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if batch.num_rows:
            table = pa.Table.from_batches([batch]).rename_columns(names)
            rows = [parcel._asdict() for parcel in work.parcels(source, table)]
            yield from pa.Table.from_pylist(rows, schema=PARCELS).to_batches()


def _judge(work: Backfill, key: tuple[Any, ...], frame: pd.DataFrame) -> pd.DataFrame:
    site, unit = key
    columns = frame["source"].tolist(), frame["content"].tolist()
    sent = (Parcel(site, unit, source, bytes(content)) for source, content in zip(*columns, strict=True))
    tables = work.judge(site, unit, by_source(sent))
    rows = [(site, name, packed(table)) for name, table in tables.items()]
    return pd.DataFrame(rows, columns=["site", "output", "content"])


Judge = Callable[[tuple[Any, ...], str | None, Iterator[pd.DataFrame]], tuple[str, pd.DataFrame]]
"""From a key, its state and new rows to the new state and results."""


def processor(judge: Judge) -> StatefulProcessor:
    """A processor of a stream that keeps one text a key."""
    from pyspark.sql.streaming import StatefulProcessor

    class Carrying(StatefulProcessor):  # type: ignore[misc]
        def init(self, handle: Any) -> None:
            self._state = handle.getValueState("carried", "text string")

        def handleInputRows(self, key: Any, rows: Any, timerValues: Any) -> Iterator[pd.DataFrame]:  # noqa: N802, N803
            before = self._state.get()[0] if self._state.exists() else None
            text, found = judge(key, before, rows)
            self._state.update((text,))
            yield found

        def close(self) -> None:
            """Nothing is open."""

    return Carrying()


def staged(folder: str) -> Iterator[tuple[str, pa.Table]]:
    """What workers wrote into a folder, or one file of it: tables of results with their names."""
    import pyarrow.dataset as ds

    for batch in ds.dataset(folder, format="parquet").to_batches(batch_size=64):
        for row in batch.to_pylist():
            yield row["output"], pa.ipc.open_stream(row["content"]).read_all()
