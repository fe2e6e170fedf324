"""The lake: rows that were sent and that wait, by table."""

from __future__ import annotations

from exporters.metrics.shared.budget import Count
from exporters.metrics.shared.metric import Label, Metric, Scrape, Series, counter, gauge
from monitor.plant.running import LakeTable

TABLE = Label(
    "table", "tables of the lake in the plant file: `lake.tables`",
    from_plant=lambda b: [table.value for table in b.plant.lake.tables] if b.plant.lake else (),
    most=Count.of(len(LakeTable)),
)  # fmt: skip

METRICS: tuple[Metric, ...] = (
    counter("gatewatch_lake_rows_total", "Rows written to the lake and recorded as written.", TABLE, tallied=True),
    counter("gatewatch_lake_failures_total", "Failed attempts to write to the lake or to make its files few; the error "
            "is that of the job `lake`.", TABLE, tallied=True),
    gauge("gatewatch_lake_rows_waiting", "What the lake lacks, after the last attempt: decisions, findings, rows about "
          "parts, windows of a machine (those that are not over included).", TABLE, tallied=True),
    gauge("gatewatch_lake_last_success_timestamp_seconds", "When the lake last had everything that could be sent, in "
          "seconds since 1970 UTC.", TABLE, unit="seconds", tallied=True),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """Nothing that is not tallied."""
    yield from ()
