"""Deliveries: pending messages, their age, and attempts."""

from __future__ import annotations

from exporters.metrics.shared.budget import CHANNELS, GATES, Count
from exporters.metrics.shared.labels import channels
from exporters.metrics.shared.metric import Kind, Label, Metric, Scrape, Series, counter, gauge, seconds, timestamp

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
