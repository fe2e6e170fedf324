"""Machines judged on a Spark stream: a piece's detectors are its saved state, kept by `transformWithStateInPandas`.

A stream that is started again from its checkpoint goes on where it was: the state, the rows read and the files written
are of the same batch, so nothing is lost or doubled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import pandas as pd
import pyarrow as pa

from monitor.engine.pieces.backfill import Backfill
from monitor.engine.pieces.carried import Carried, judge_more
from monitor.engine.pieces.packing import Parcel, by_source, packed
from monitor.engine.spark import RESULTS, cut_frame, processor, staged

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming import StreamingQuery

STORE = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
"""The state store that `transformWithStateInPandas` needs."""


def start(spark: SparkSession, work: Backfill, url: str, to: str, checkpoint: str, files: int) -> StreamingQuery:
    """Begin to judge the rows of new files of the sources' folders, and write findings; or go on from a checkpoint.

    `files`: how many files of each source a batch takes. Rows must come in the order in which they became available.
    `to` gets Parquet files of packed findings, which `committed` reads.
    """
    spark.conf.set("spark.sql.streaming.stateStore.providerClass", STORE)
    frames = []
    for source in work.sources():
        schema = spark.read.parquet(f"{url}/{source}").schema
        frame = spark.readStream.schema(schema).option("maxFilesPerTrigger", files).parquet(f"{url}/{source}")
        frames.append(cut_frame(frame, work, source))
    parcels = reduce(lambda a, b: a.unionAll(b), frames)
    judge = processor(partial(_judge, work))
    found = parcels.groupBy("site", "unit").transformWithStateInPandas(judge, RESULTS, "Append", "None")
    writer = found.writeStream.format("parquet").outputMode("append").option("checkpointLocation", checkpoint)
    return writer.trigger(availableNow=True).start(to)


def committed(to: str) -> Iterator[tuple[str, pa.Table]]:
    """The tables of results, with their names, of the batches that a stream has finished.

    A batch that a kill cut short may have left files; they are no part of it.
    """
    log = Path(to) / "_spark_metadata"
    batches = {int(path.name.partition(".")[0]): path for path in log.iterdir() if path.name[0].isdigit()}
    compacted = max((number for number, path in batches.items() if path.suffix == ".compact"), default=-1)
    for number in sorted(number for number in batches if number >= compacted):
        for line in batches[number].read_text(encoding="utf-8").splitlines()[1:]:
            yield from staged(unquote(urlparse(json.loads(line)["path"]).path))


def _judge(
    work: Backfill, key: tuple[Any, ...], text: str | None, frames: Iterator[pd.DataFrame]
) -> tuple[str, pd.DataFrame]:
    """The new state of a piece, and its findings, packed."""
    site, unit = key
    columns = ((f["source"].tolist(), f["content"].tolist()) for f in frames)
    parcels = [
        Parcel(site, unit, source, bytes(content)) for c in columns for source, content in zip(*c, strict=True)
    ]  # fmt: skip
    carried = Carried() if text is None else Carried.restore(text)
    carried, results = judge_more(work.plant, work.machines, unit, carried, by_source(parcels), work.span)
    rows = [(site, name, packed(table)) for name, table in results.tables(site).items()]
    return carried.save(), pd.DataFrame(rows, columns=["site", "output", "content"])
