"""The ground truth of a history as JSON values, for the demo's summary and for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from monitor.simulator import line
from monitor.simulator.faults import FaultTruth

RESONANCE, FINISH = "resonance", "finish"
"""The characteristics of a part, as the plant file names them."""


def truth_as_json(
    seed: int,
    start: datetime,
    end: datetime,
    faults: Sequence[FaultTruth],
    dirt: Mapping[str, int],
    commissioning: Mapping[str, float],
    parts: Mapping[str, float],
    finish: Mapping[str, str],
) -> dict[str, Any]:
    """The ground truth of a history: faults, counts of dirty data, ceilings, each part's resonance in Hz and finish.

    `parts` and `finish` hold the parts made from the start on, `commissioning` those made before.
    """
    return {
        "seed": seed,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "ceilings": asdict(line.ceilings()),
        "spec": {"lower": line.SPEC_LOWER_HZ, "target": line.TARGET_HZ, "upper": line.SPEC_UPPER_HZ, "unit": "Hz"},
        "faults": [fault_as_json(fault) for fault in faults],
        "dirt": dict(sorted(dirt.items())),
        "parts": dict(sorted(parts.items())),
        "commissioning": dict(sorted(commissioning.items())),
        "finish": dict(sorted(finish.items())),
        "out_of_spec": sum(not in_spec(hertz) for hertz in parts.values()),
    }


def in_spec(hertz: float) -> bool:
    """Whether a resonance meets the specification."""
    return line.SPEC_LOWER_HZ <= hertz <= line.SPEC_UPPER_HZ


def fault_as_json(fault: FaultTruth) -> dict[str, Any]:
    """A fault's truth with times as ISO text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else list(value) if isinstance(value, tuple) else value
        for name, value in asdict(fault).items()
    }
