"""What the gates with costs saved this month, as last summed up."""

from __future__ import annotations

from exporters.metrics.shared.labels import GATE
from exporters.metrics.shared.metric import Metric, Scrape, Series, gauge

METRICS: tuple[Metric, ...] = (
    gauge("gatewatch_gate_cost_avoided", "Expected cost that a gate avoided this month (UTC) so far, in the currency "
          "of its costs, as last summed up; absent without costs.", GATE),
    gauge("gatewatch_gate_cost_avoided_lower", "Lower bound of its 90 % interval.", GATE),
    gauge("gatewatch_gate_cost_avoided_upper", "Upper bound of its 90 % interval.", GATE),
    gauge("gatewatch_gate_parts_stopped", "Parts of this month (UTC) that did not go on from the gate, as last summed "
          "up; absent without costs.", GATE),
    gauge("gatewatch_gate_parts_waiting", "Parts of this month (UTC) that wait for an outcome or a disposition and "
          "are not in the cost avoided.", GATE),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """The rows of this month; none of a gate that the plant file has no costs for any more."""
    at, gates = scrape.snapshot.at, scrape.bounds.plant.gates
    for row in scrape.snapshot.savings:
        if (row.month.year, row.month.month) != (at.year, at.month):
            continue
        if row.gate in gates and gates[row.gate].costs is not None:
            yield "gatewatch_gate_cost_avoided", (row.gate,), row.avoided
            yield "gatewatch_gate_cost_avoided_lower", (row.gate,), row.lower
            yield "gatewatch_gate_cost_avoided_upper", (row.gate,), row.upper
            yield "gatewatch_gate_parts_stopped", (row.gate,), float(row.stopped)
            yield "gatewatch_gate_parts_waiting", (row.gate,), float(row.waiting)
