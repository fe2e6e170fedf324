"""Readings a second through pull, the default detectors and commit, against bare pull and commit of the same rows.

`python -m benchmarks.bench_pull`. One sensor value is one reading; a row of the demo's historian holds eight. Ours is
one slot of the job `pull:historian` over the whole history in pages of 1,000 rows (read, type, compare with what is
known, commit), and one of `detect:historian` (read back, join, judge by the default detectors, commit findings,
windows and states). Bare is the least that moves the same rows: a SELECT through SQLAlchemy in the same order and
pages, and per page one transaction with an executemany INSERT of the raw values and an UPDATE of a cursor. Both write
durably (SQLite: WAL, synchronous=FULL; PostgreSQL: its defaults), by turns, on fresh databases; medians are reported.
The machine states are in the store and the libraries are imported before the clock starts; the garbage collector runs
as rarely as under the command line, for both.
"""

from __future__ import annotations

import importlib
import statistics
import time
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks.plants import READINGS_PER_ROW, START, Databases, fresh, make_plant, opened, print_rounds, served
from monitor.simulator.tables import trend_wide
from monitor.store.database.database import make_engine

PAGE = 1000
_IMPORTED_LATE = ("detectors.stream.roster", "river.drift", "scipy.stats")
"""Modules that the first slot of a process imports."""

_bare = sa.MetaData()
_copy = sa.Table("copy", _bare, *(sa.Column(c.name, c.type) for c in trend_wide.columns))
_cursor = sa.Table("cursor", _bare, sa.Column("position", sa.BigInteger))


def bare(source_url: str, target_url: str) -> tuple[int, float]:
    """Move the historian's rows, page by page; rows and seconds."""
    source, target = sa.create_engine(source_url), make_engine(target_url)
    _bare.create_all(target)
    with target.begin() as connection:
        connection.execute(_cursor.insert(), [{"position": 0}])
    order = (trend_wide.c.POSTED, trend_wide.c.TS, trend_wide.c.EQUIP)
    rows, began, last = 0, time.perf_counter(), (-1, -1, "")
    while True:
        page = sa.select(trend_wide).where(sa.tuple_(*order) > last).order_by(*order).limit(PAGE)
        with source.connect() as connection:
            found = [row._asdict() for row in connection.execute(page)]
        if not found:
            break
        last = tuple(found[-1][c.name] for c in order)
        with target.connect().execution_options(gatewatch_write=True) as connection, connection.begin():
            connection.execute(_copy.insert(), found)
            connection.execute(_cursor.update().values(position=last[0]))
        rows += len(found)
    seconds = time.perf_counter() - began
    source.dispose()
    target.dispose()
    return rows, seconds


def ours(plant: Path, where: Databases, days: float) -> tuple[int, float]:
    """The job over the same rows; rows and seconds."""
    end = START + timedelta(days=days + 1)
    app, _ = opened(plant, where, end, f"store.batch_rows={PAGE}")
    served(app, "pull:machine_states", end)
    for module in _IMPORTED_LATE:
        importlib.import_module(module)
    began = time.perf_counter()
    slot = served(app, "pull:historian", end)
    judged = served(app, "detect:historian", end)
    if judged.result.rows < 0.99 * slot.result.rows:  # the history has a few rows twice
        raise RuntimeError(f"{slot.result.rows} rows were pulled and {judged.result.rows} judged")
    seconds = time.perf_counter() - began
    app.close()
    return slot.result.rows, seconds


def _round(backend: str, days: float) -> dict[str, float]:
    with fresh(backend) as (folder, where):
        plant = make_plant(folder, where, days)
        # The copy lives where the store does; on SQLite in a file of its own, as the store's writer would be.
        target = f"sqlite:///{folder}/bare.db" if backend == "sqlite" else where.mes
        bare_rows, bare_seconds = bare(where.historian, target)
        rows, seconds = ours(plant, where, days)
    return {"rows": rows, "bare_rows": bare_rows, "seconds": seconds, "bare_seconds": bare_seconds}


def measure(backend: str, days: float, rounds: int) -> dict[str, object]:
    """Medians over the rounds on one kind of database."""
    found = [_round(backend, days) for _ in range(rounds)]
    mine = statistics.median(r["rows"] / r["seconds"] for r in found) * READINGS_PER_ROW
    plain = statistics.median(r["bare_rows"] / r["bare_seconds"] for r in found) * READINGS_PER_ROW
    return {
        "database": backend, "rows": found[0]["rows"], "readings": found[0]["rows"] * READINGS_PER_ROW,
        "page_rows": PAGE, "rounds": rounds, "readings_per_second": round(mine),
        "bare_readings_per_second": round(plain), "ratio": round(mine / plain, 4),
        "ratios": [round(r["bare_seconds"] / r["seconds"], 4) for r in found],
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    print_rounds("pull", __doc__, measure)


if __name__ == "__main__":
    main()
