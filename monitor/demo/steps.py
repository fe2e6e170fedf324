"""Which steps matter by the demo's own parts, beside how the simulated line was built."""

from __future__ import annotations

from datetime import datetime

from monitor.errors import MonitorError
from monitor.model import JsonObject
from monitor.plant.plant import Plant
from monitor.reports.steps import rank_steps, read_parts
from monitor.simulator.line import shares_by_step
from monitor.simulator.truth import RESONANCE
from monitor.store.database.database import Store


def steps_by_truth(store: Store, plant: Plant, truth: JsonObject, now: datetime) -> JsonObject:
    """Each step with its share of the variance: explained of as many parts as were made, and as built.

    The parts of before are left out as far as that goes, for some of them were made far off target.
    Where the steps cannot be ranked, `refused` says why.
    """
    built = shares_by_step()
    try:
        with store.read() as connection:
            ranking = rank_steps(
                plant, RESONANCE, read_parts(connection, plant, RESONANCE, now, len(truth["parts"])), now
            )
    except MonitorError as exc:
        return {"built": built, "refused": str(exc)}
    found = {step.step: figures for step in ranking.steps if (figures := step.figures) is not None}
    return {
        "built": built,
        "parts": ranking.parts,
        "explained": {name: round(step.explained, 4) for name, step in found.items()},
        "matter": {name: step.matters for name, step in found.items()},
    }
