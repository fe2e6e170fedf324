"""What the gates with costs saved this month, as last summed up."""

from __future__ import annotations

from exporters.metrics.shared.labels import GATE
from exporters.metrics.shared.metric import Metric, Scrape, Series, gauge
from exporters.metrics.shared.snapshot import WrongRow

METRICS: tuple[Metric, ...] = (
    gauge("gatewatch_gate_cost_avoided", "Expected cost that a gate avoided this month (UTC) so far, in the currency "
          "of its costs, as last summed up; absent without costs.", GATE),
    gauge("gatewatch_gate_cost_avoided_lower", "Lower bound of its 90 % interval.", GATE),
    gauge("gatewatch_gate_cost_avoided_upper", "Upper bound of its 90 % interval.", GATE),
    gauge("gatewatch_gate_parts_stopped", "Parts of this month (UTC) that did not go on from the gate, as last summed "
          "up; absent without costs.", GATE),
    gauge("gatewatch_gate_parts_waiting", "Parts of this month (UTC) that wait for an outcome or a disposition and "
          "are not in the cost avoided.", GATE),
    gauge("gatewatch_gate_corrections_worked", "Corrected parts of this month (UTC) that were within specification "
          "afterwards.", GATE),
    gauge("gatewatch_gate_corrections_failed", "Corrected parts of this month (UTC) that were not within "
          "specification afterwards.", GATE),
    gauge("gatewatch_gate_false_scraps_known", "Scraps recommended this month (UTC) of parts that are known to have "
          "been good.", GATE),
    gauge("gatewatch_gate_false_scraps", "How many of this month's (UTC) recommended scraps were of good parts: the "
          "known ones where all parts are known, else by the audit; absent where it has inspected too few.", GATE),
    gauge("gatewatch_gate_false_scraps_lower", "Lower bound of its 90 % interval; absent where the audit has "
          "inspected none.", GATE),
    gauge("gatewatch_gate_false_scraps_upper", "Upper bound of its 90 % interval; absent where the audit has "
          "inspected none.", GATE),
    gauge("gatewatch_gate_escapes_known", "Parts of this month (UTC) that were to go on and are known not to have been "
          "good.", GATE),
    gauge("gatewatch_gate_escapes", "How many of this month's (UTC) parts that were to go on were not good: the known "
          "ones where all parts are known, else by the audit; absent where it has inspected too few.", GATE),
    gauge("gatewatch_gate_escapes_lower", "Lower bound of its 90 % interval; absent where the audit has inspected "
          "none.", GATE),
    gauge("gatewatch_gate_escapes_upper", "Upper bound of its 90 % interval; absent where the audit has inspected "
          "none.", GATE),
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
            yield "gatewatch_gate_corrections_worked", (row.gate,), float(row.worked)
            yield "gatewatch_gate_corrections_failed", (row.gate,), float(row.failed)
            yield from _wrong("gatewatch_gate_false_scraps", row.gate, row.false_scraps)
            yield from _wrong("gatewatch_gate_escapes", row.gate, row.escapes)


def _wrong(name: str, gate: str, found: WrongRow) -> Series:
    """How many are known, how many there are, and its bounds."""
    yield f"{name}_known", (gate,), float(found.known)
    if found.estimate is not None:
        yield name, (gate,), found.estimate
    if found.lower is not None and found.upper is not None:
        yield f"{name}_lower", (gate,), found.lower
        yield f"{name}_upper", (gate,), found.upper
