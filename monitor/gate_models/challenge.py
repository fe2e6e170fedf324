"""A challenger beside its champion: trained on a frozen snapshot, compared on parts neither was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from inference.comparison import Comparison, Gain
from monitor.model import JsonObject
from monitor.store.database.database import Connection
from monitor.store.models import versions
from monitor.store.models.versions import ModelInForce


def trained_at(connection: Connection, gate: str, current: ModelInForce) -> datetime:
    """When the version in force was trained; since when it is in force where that is not on record."""
    mine = (current.model, current.version)
    known = (v.trained_at for v in versions.of_gate(connection, gate) if (v.model, v.version) == mine)
    return next(known, current.since)


def as_json(found: Comparison, serials: Sequence[str]) -> dict[str, object]:
    """The comparison as it stands on record."""

    def numbers(gain: Gain) -> dict[str, float]:
        return {name: getattr(gain, name) for name in ("rows", "champion", "challenger", "gain", "low", "high")}

    return {
        "outcome": found.outcome.value, "rows": found.rows, "lots": found.lots,
        "first": serials[0] if serials else "", "last": serials[-1] if serials else "",
        "overall": None if found.overall is None else numbers(found.overall),
        "slices": [{"kind": kind, "name": name, **numbers(gain)} for (kind, name), gain in found.slices.items()],
        "champion_coverage": found.champion_coverage, "challenger_coverage": found.challenger_coverage,
        "worst_slice": None if found.worst_slice is None else list(found.worst_slice),
    }  # fmt: skip


def flat(comparison: JsonObject) -> dict[str, float]:
    """The numbers of a comparison as metrics of a run."""
    overall = comparison.get("overall") or {}
    found = {f"comparison_{name}": float(value) for name, value in overall.items()}
    for name in ("champion_coverage", "challenger_coverage"):
        if comparison.get(name) is not None:
            found[f"comparison_{name}"] = float(comparison[name])
    for one in comparison.get("slices", ()):
        if one["kind"] != "lot":
            found[f"comparison_gain_{one['kind']}_{one['name']}"] = float(one["gain"])
    return found
