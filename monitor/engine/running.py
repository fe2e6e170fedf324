"""A backfill from a folder of tables to another, on whatever engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from monitor.engine import local
from monitor.engine.lake import Format, delta_library, half_place, has_table, open_table, write_tables
from monitor.engine.pieces.backfill import Backfill
from monitor.engine.pieces.results import TABLES
from monitor.errors import UsageError

TASKS = 64
"""Over how many tasks pieces are spread on Spark: enough that few of them wait for one."""


def run(work: Backfill, engine: str, history: str, results: str, form: Format, tasks: int = TASKS) -> dict[str, int]:
    """Judge the tables of one folder into another; how many rows each table of results has.

    `engine`: local, or as `monitor.engine.spark.session` names them, with `tasks` of these. UsageError if a table or a
    library is missing.
    """
    if form == "delta":
        delta_library()
    sources = known_sources(work, history)
    if engine == "local":
        found = local.run(work, {name: open_table(history, name) for name in sources})
        return write_tables(results, found, TABLES, form)
    with TemporaryDirectory(dir=half_place(results), prefix=".staged-") as staging:
        return write_tables(results, _on_spark(work, (engine, tasks), history, sources, staging), TABLES, form)


def known_sources(work: Backfill, history: str) -> list[str]:
    """The sources with a table in a folder; UsageError if there is none, or the folder is not there."""
    sources = [name for name in work.sources() if has_table(history, name)]
    if not sources:
        if "://" not in history and not Path(history).is_dir():
            raise UsageError(f"{history} is no folder; expected one with a table for each source")
        names = ", ".join(work.sources())
        raise UsageError(f"{history} has no table of a source; expected Delta or Parquet tables named {names}")
    return sources


def _on_spark(
    work: Backfill, engine: tuple[str, int], history: str, sources: list[str], staging: str
) -> Iterator[tuple[str, pa.Table]]:
    from monitor.engine import spark

    with spark.session(*engine) as session:
        yield from spark.run(session, work, history, sources, staging)
