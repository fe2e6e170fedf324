"""What `gatewatch check` says of a source that works, but not as one may expect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from monitor.instants import from_micros
from monitor.plant.sources import OutcomeSource, SourceBase, TimeColumn
from monitor.sources.sql.inspection import TableInfo
from monitor.sources.typed.times import read_times

_SAMPLE = 200
_ENOUGH = 10
"""Times of day from which on midnights only are no coincidence."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def remarks(
    connection: sa.Connection, name: str, config: SourceBase, table: sa.FromClause, info: TableInfo
) -> Iterator[str]:
    """Sentences on a source whose table was inspected."""
    axes = {"at": info.at, "available_at": info.cursor} if config.available_at else {"at": info.at}
    for key, axis in axes.items():
        if axis.converted:
            yield (
                f"source {name!r}: the text in {key} does not sort by time, so every pull reads the whole table "
                f"{config.table!r}, which is slow for a large one; a view with a timestamp, or text that begins with "
                "the year, can use an index"
            )
    if isinstance(config, OutcomeSource) and _dates_only(connection, table.c[config.at.column], config.at):
        yield (
            f"source {name!r}: the times in at are dates without a time of day, which count as the midnight before "
            "it: an outcome belongs to the last passage before its time, so one measured on the day of its passage is "
            "given to an earlier one, or to none; map a column with the time of day"
        )


def _dates_only(connection: sa.Connection, column: sa.ColumnElement[Any], config: TimeColumn) -> bool:
    """Whether the column's values are dates, or all of some rows are midnights."""
    if config.time_format is not None:
        return config.time_format.date_only
    cells = [row[0] for row in connection.execute(sa.select(column).where(column.is_not(None)).limit(_SAMPLE))]
    if cells and all(isinstance(cell, str) and _DATE.fullmatch(cell) for cell in cells):
        return True
    times = read_times(cells, config)
    zone = ZoneInfo(config.zone) if config.zone else UTC
    read = [at for i, at in enumerate(times.micros.tolist()) if i not in times.faults]
    clocks = {from_micros(at).astimezone(zone).time() for at in read}
    return len(read) >= _ENOUGH and clocks == {time()}
