"""What a gate's error and coverage will be, estimated before outcomes, and whether to believe it."""

from __future__ import annotations

from exporters.metrics.families.findings import fresh_findings
from exporters.metrics.shared.labels import GATE
from exporters.metrics.shared.metric import Metric, Scrape, Series, gauge
from monitor.detection import ESTIMATE, ESTIMATE_LIGHT, ESTIMATED_COVERAGE, ESTIMATED_ERROR

METRICS: tuple[Metric, ...] = (
    gauge("gatewatch_gate_estimated_error", "Estimated mean absolute error of the newest parts that wait for their "
          "outcome, in the unit of the characteristic; of classes the mean log loss. To be believed while "
          "gatewatch_gate_estimate_light is 0.", GATE),
    gauge("gatewatch_gate_estimated_coverage", "Estimated share of these parts whose outcome will be inside its "
          "interval, or among the likeliest classes.", GATE),
    gauge("gatewatch_gate_estimate_light", "Whether these estimates can be believed: 0 green, 1 amber (too few parts, "
          "or too alike, to say), 2 red (a tested assumption is broken).", GATE),
)  # fmt: skip
_NAMES = {
    ESTIMATED_ERROR: "gatewatch_gate_estimated_error",
    ESTIMATED_COVERAGE: "gatewatch_gate_estimated_coverage",
    ESTIMATE_LIGHT: "gatewatch_gate_estimate_light",
}


def series(scrape: Scrape) -> Series:
    """The estimates of the gates of the plant file, as far as they have not expired."""
    plant = scrape.bounds.plant
    for row in fresh_findings(scrape.snapshot, plant, scrape.expiry):
        if row.detector == ESTIMATE and row.method in _NAMES and row.subject in plant.gates:
            yield _NAMES[row.method], (row.subject,), row.value
