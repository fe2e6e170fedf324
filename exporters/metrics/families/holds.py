"""Holds that wait for a decision by people, by the step that held the part."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from exporters.metrics.shared.budget import GATES
from exporters.metrics.shared.metric import Label, Metric, Scrape, Series, gauge
from exporters.metrics.shared.snapshot import HoldRow
from monitor.plant.plant import Plant

GATE_STEP = Label("step", "steps of the plant file that have a gate",
                  from_plant=lambda b: sorted({gate.step for gate in b.plant.gates.values()}), most=GATES)  # fmt: skip

METRICS: tuple[Metric, ...] = (
    gauge("gatewatch_holds_waiting", "Parts whose newest decision is a hold of the last 30 days and of which neither a "
          "disposition, an outcome nor a later passage is known; of each gate and reason among the newest 500 holds.",
          GATE_STEP),
    gauge("gatewatch_holds_overdue", "Those that have waited longer than the step's decide_by; 0 for a step without "
          "one.", GATE_STEP),
)  # fmt: skip


def is_overdue(row: HoldRow, plant: Plant, now: datetime) -> bool:
    """Whether a hold has waited longer than the `decide_by` of its step; never where the step has none."""
    step = plant.steps.get(row.step)
    return step is not None and step.decide_by is not None and now > row.decided_at + step.decide_by


def series(scrape: Scrape) -> Series:
    """How many wait at each step with a gate, and how many of them for too long."""
    snapshot, plant = scrape.snapshot, scrape.bounds.plant
    waiting, overdue = Counter[str](), Counter[str]()
    for row in snapshot.holds:
        waiting[row.step] += 1
        overdue[row.step] += is_overdue(row, plant, snapshot.at)
    for name in sorted({gate.step for gate in plant.gates.values()}):
        yield "gatewatch_holds_waiting", (name,), float(waiting[name])
        yield "gatewatch_holds_overdue", (name,), float(overdue[name])
