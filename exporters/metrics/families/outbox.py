"""Deliveries: pending messages, their age, and attempts; and rows on their way to the lake."""

from __future__ import annotations

from exporters.metrics.shared.budget import CHANNELS, GATES, Count
from exporters.metrics.shared.labels import channels
from exporters.metrics.shared.metric import Kind, Label, Metric, Scrape, Series, counter, gauge, seconds, timestamp
from monitor.plant.running import LAKE_TABLES

DELIVERY_RESULTS = ("sent", "retry", "dead")
CHANNEL = Label(
    "channel", "mes, if the plant file has write_back; notify:log, and notify:TEAM if it has notify.urls_file",
    from_plant=lambda b: channels(b.plant), most=Count.of(CHANNELS),
)  # fmt: skip
DELIVERY_RESULT = Label("result", "fixed list", DELIVERY_RESULTS)
GATED = Label(
    "step", "steps of the plant file that have a gate",
    from_plant=lambda b: sorted({gate.step for gate in b.plant.gates.values()}) if b.plant.write_back else (),
    most=GATES,
)  # fmt: skip
TABLE = Label(
    "table", "tables of the lake in the plant file: `lake.tables`",
    from_plant=lambda b: b.plant.lake.tables if b.plant.lake else (), most=Count.of(len(LAKE_TABLES)),
)  # fmt: skip
LATENCY = Metric(
    "gatewatch_decision_latency_seconds", Kind.HISTOGRAM, "From when a part's row was available in the MES until the "
    "recommendation for it was written back.", (GATED,), "seconds",
    buckets=(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0),
)  # fmt: skip

METRICS: tuple[Metric, ...] = (
    gauge("gatewatch_outbox_pending", "Messages waiting to be delivered.", CHANNEL),
    gauge("gatewatch_outbox_dead", "Messages that are no longer retried; 'gatewatch outbox resend' sends them again.",
          CHANNEL),
    timestamp("gatewatch_outbox_oldest_pending", "When the oldest waiting message was created", CHANNEL),
    gauge("gatewatch_outbox_delay_seconds", "Age of the oldest waiting message; 0 if none is waiting.",
          CHANNEL, unit="seconds"),
    LATENCY,
    counter("gatewatch_outbox_deliveries_total", "Delivery attempts by result.", CHANNEL, DELIVERY_RESULT,
            tallied=True),
    counter("gatewatch_lake_rows_total", "Rows written to the lake and recorded as written.", TABLE, tallied=True),
    counter("gatewatch_lake_failures_total", "Failed attempts to write to the lake or to make its files few; the error "
            "is that of the job `lake`.", TABLE, tallied=True),
    gauge("gatewatch_lake_rows_waiting", "What the lake lacks, after the last attempt: decisions, findings, rows about "
          "parts, windows of a machine (those that are not over included).", TABLE, tallied=True),
    gauge("gatewatch_lake_last_success_timestamp_seconds", "When the lake last had everything that could be sent, in "
          "seconds since 1970 UTC.", TABLE, unit="seconds", tallied=True),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """The messages of each channel."""
    snapshot, bounds = scrape.snapshot, scrape.bounds
    rows = {row.channel: row for row in snapshot.outbox}
    for channel in sorted({*rows, *channels(bounds.plant)}):
        row = rows.get(channel)
        yield "gatewatch_outbox_pending", (channel,), row.pending if row else 0.0
        yield "gatewatch_outbox_dead", (channel,), row.dead if row else 0.0
        oldest = row and row.oldest_pending_at
        yield "gatewatch_outbox_oldest_pending_timestamp_seconds", (channel,), seconds(oldest)
        delay = 0.0 if oldest is None else (snapshot.at - oldest).total_seconds()
        yield "gatewatch_outbox_delay_seconds", (channel,), delay
