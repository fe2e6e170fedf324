"""Doubts of `gatewatch check` about what decisions cost: what can never be recommended is said in a sentence."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.connecting.cost_doubts import cost_doubts
from monitor.plant.plant import Plant

NOW = datetime(2026, 3, 2, tzinfo=UTC)
COSTS: dict[str, Any] = {"escape": 3000, "scrap": 400, "inspection": 60,
                         "corrections": {"blend": {"cost": 80, "success": 0.9}}}  # fmt: skip
GATE: dict[str, Any] = {"step": "coat", "characteristic": "resonance", "model": "m", "profile": ["a", "b", "c", "d"],
                        "rework": {"above": 30}, "costs": COSTS}  # fmt: skip


def plant(
    since: str = "2026-01-01T00:00:00Z", *, without_costs: bool = False, rework: Any = None, **costs: Any
) -> Plant:
    gate = deepcopy(GATE)
    gate["costs"] |= costs
    if rework is not None:
        gate["rework"] = rework
    if without_costs:
        del gate["costs"]
    return Plant.model_validate({
        "version": 1, "site": "north", "steps": {"coat": {"line": "l"}},
        "characteristics": {"resonance": {"specs": [{"since": since, "lower": 1225, "upper": 1275}]}},
        "gates": {"coat": gate},
        "sources": {"mes": {"kind": "part_steps", "url": "sqlite:///mes.db", "table": "steps", "serial": "s",
                            "step": {"column": "step"}, "at": {"column": "at", "zone": "UTC"},
                            "values": {name: {"column": name} for name in "abcd"}}},
    })  # fmt: skip


DOUBTS: dict[str, tuple[Plant, list[str]]] = {
    "costs that work": (plant(), []),
    "a specification of the future": (plant("2031-01-01T00:00:00Z"), ["in force before 2031-01-01 00:00 UTC"]),
    "one of the future without costs": (plant("2031-01-01T00:00:00Z", without_costs=True), ["in force before 2031"]),
    "a correction of nothing": (plant(rework={}), ["rework has neither above nor below, so blend is never"]),
    "nothing to correct with": (plant(corrections={}), ["no correction has a cost"]),
    "an escape that is cheaper": (
        plant(escape=50),
        ["60 is not less than escape 50, so inspecting never", "so scrapping never pays", "blend: 80 is not less"],
    ),
    "an escape that costs nothing": (plant(escape=0), ["costs nothing, so every part goes on"]),
}


@pytest.mark.parametrize(("file", "expected"), DOUBTS.values(), ids=DOUBTS)
def test_what_can_never_be_recommended_is_said(file: Plant, expected: list[str]) -> None:
    said = cost_doubts(file, NOW)
    assert len(said) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, said, strict=True))
