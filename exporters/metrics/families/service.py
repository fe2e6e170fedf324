"""The service itself: its version, the plant file in force, the store, and this scrape."""

from __future__ import annotations

from exporters.metrics.shared.budget import ONE
from exporters.metrics.shared.labels import DIGEST, RUN_RESULT, SITE, TEAM, TEAMS
from exporters.metrics.shared.metric import (
    DIGEST_DIGITS,
    Kind,
    Label,
    Metric,
    Scrape,
    Series,
    counter,
    gauge,
    seconds,
    timestamp,
)

VERSION = Label("version", "the running version", most=ONE)
URL = Label("url", "address of Gatewatch's pages: server.public_url, or the one it listens on", most=ONE)
CLOCK_DIRECTION = Label("direction", "fixed list", ("forward", "back"))
CLOCK_TOLD_SECONDS = 3600.0
"""How long a step of the clock counts as recent."""

WITHOUT_STORE = frozenset(
    {
        "gatewatch_build_info", "gatewatch_snapshot_timestamp_seconds", "gatewatch_store_writable",
        "gatewatch_store_unwritable", "gatewatch_alert_limit", "gatewatch_alert_clear_level",
    }
)  # fmt: skip
"""What can be told when the store cannot even be read."""

METRICS: tuple[Metric, ...] = (
    Metric("gatewatch_build_info", Kind.INFO, "The program's version.", (VERSION,)),
    Metric("gatewatch_plant_info", Kind.INFO, "The plant file in force.", (SITE, DIGEST, URL)),
    counter("gatewatch_plant_reloads_total", "Reloads of the plant file by result.", RUN_RESULT, tallied=True),
    gauge("gatewatch_plant_last_reload_success", "1 if the last reload succeeded, 0 if the previous file stays.",
          tallied=True),
    gauge("gatewatch_plant_last_reload_failed", "1 if the last reload failed and the previous file stays, else 0.",
          SITE),
    counter("gatewatch_worker_restarts_total", "Worker processes that ended although the service goes on, and were "
            "started again.", tallied=True),
    timestamp("gatewatch_snapshot", "When the store was read for this scrape"),
    gauge("gatewatch_snapshot_rejected_series", "Series left out of this scrape: invalid value or unknown labels."),
    gauge("gatewatch_store_size_bytes", "Size of the store.", unit="bytes"),
    gauge("gatewatch_store_writable", "1 if the store can be written, else 0; also told without the store."),
    gauge("gatewatch_store_unwritable", "1 if the store cannot be written, else 0; also told without the store.", SITE),
    gauge("gatewatch_alerting_works", "1 while the store can be written, so that alerts can be too.", SITE),
    counter("gatewatch_clock_steps_total", "Steps of the computer's clock that were noticed.", CLOCK_DIRECTION,
            tallied=True),
    gauge("gatewatch_clock_last_step_seconds", "How far the clock was set last, below 0 if back.", unit="seconds",
          tallied=True),
    gauge("gatewatch_clock_last_step_timestamp_seconds", "When a step of the clock was last noticed, in seconds since "
          "1970 UTC.", unit="seconds", tallied=True),
    gauge("gatewatch_drill_running", "1 while a drill moves it to try out the alerting of a team, else 0.", TEAM),
    gauge("gatewatch_clock_stepped", "1 for an hour after a step of the clock was noticed, else 0.", SITE),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """Version, plant file, store."""
    snapshot, bounds = scrape.snapshot, scrape.bounds
    yield "gatewatch_build_info", (bounds.version,), 1.0
    if snapshot.plant_digest:
        labels = (bounds.plant.site, snapshot.plant_digest[:DIGEST_DIGITS], bounds.plant.server.address)
        yield "gatewatch_plant_info", labels, 1.0
    yield "gatewatch_snapshot_timestamp_seconds", (), seconds(snapshot.at)
    yield "gatewatch_store_size_bytes", (), snapshot.store_bytes
    yield "gatewatch_store_writable", (), float(snapshot.store_writable)
    yield "gatewatch_store_unwritable", (bounds.plant.site,), float(not snapshot.store_writable)
    yield "gatewatch_alerting_works", (bounds.plant.site,), 1.0 if snapshot.store_writable else None
    reloads = [row.value for row in snapshot.tallies if row.name == "gatewatch_plant_last_reload_success"]
    yield "gatewatch_plant_last_reload_failed", (bounds.plant.site,), float(0.0 in reloads)
    steps = [row.value for row in snapshot.tallies if row.name == "gatewatch_clock_last_step_timestamp_seconds"]
    recent = any(0 <= snapshot.at.timestamp() - at < CLOCK_TOLD_SECONDS for at in steps if at is not None)
    for team in TEAMS:
        yield "gatewatch_drill_running", (team,), float(team in snapshot.drilled)
    yield "gatewatch_clock_stepped", (bounds.plant.site,), float(recent)
