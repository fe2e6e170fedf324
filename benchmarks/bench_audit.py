"""How fast the record of what people did is verified: `python -m benchmarks.bench_audit`, on SQLite."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerting.handling.audit import Entry, Last, continued, verify
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert
from monitor.store.database.schema import open_store
from monitor.store.watching.handling import entries

_BATCH = 10_000


def main() -> None:
    """Print rows, seconds and rows a second as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="gatewatch-bench-") as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'bench.db'}", durable=False)
        last, at = Last(), datetime(2026, 1, 1, tzinfo=UTC)
        for start in range(0, rows, _BATCH):
            made = []
            for n in range(start, min(start + _BATCH, rows)):
                about = f"MachineOutOfSpec mill-{n % 50}"
                note = json.dumps({"alert": n, "note": "cooling is being checked"})
                at += timedelta(seconds=7)
                made.append(
                    continued(last, Entry(0, at, "ann", "engineer", "page", "note", about, note, f"r{n:016}", "", ""))
                )
                last = Last(made[-1].id, made[-1].digest)
            with store.write() as connection:
                insert(connection, t.audit, [entry._asdict() for entry in made])
        began = time.perf_counter()
        with store.read() as connection:
            found, broken = verify(entries(connection), last)
        seconds = time.perf_counter() - began
        store.close()
    assert broken is None, broken
    json.dump({"rows": found.id, "seconds": round(seconds, 2), "rows_a_second": round(rows / seconds)}, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
