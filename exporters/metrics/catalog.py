"""Every metric, declared once, in the order of /metrics and of the generated page."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.metrics.families import (
    alerts,
    capability,
    estimates,
    findings,
    gates,
    holds,
    jobs,
    machines,
    outbox,
    savings,
    sensors,
    service,
    sources,
    steps,
)
from exporters.metrics.shared.metric import Metric

FAMILIES = (
    service, jobs, sources, gates, estimates, holds, capability, savings, steps, outbox, machines, sensors, findings,
    alerts,
)  # fmt: skip
"""Each has METRICS, and `series(scrape)` with the values of the metrics that are not tallied."""

METRICS: tuple[Metric, ...] = tuple(metric for family in FAMILIES for metric in family.METRICS)
BY_NAME: Mapping[str, Metric] = {part.name: part for metric in METRICS for part in metric.parts}
"""What has samples, by the name of these: of a histogram its parts."""
