"""A comparison of two models as it stands on record, and as metrics of a run in MLflow."""

from __future__ import annotations

from collections.abc import Sequence

from inference.comparison import Comparison, Gain
from monitor.model import JsonObject


def as_json(comparison: Comparison, serials: Sequence[str]) -> dict[str, object]:
    """The comparison as it stands on record, with the parts that it was made on, in order of time."""
    return {
        "outcome": comparison.outcome.value, "rows": comparison.rows, "lots": comparison.lots,
        "first": serials[0] if serials else "", "last": serials[-1] if serials else "",
        "overall": None if comparison.overall is None else _numbers(comparison.overall),
        "slices": [
            {"kind": kind, "name": name, **_numbers(gain)} for (kind, name), gain in comparison.slices.items()
        ],
        "champion_coverage": comparison.champion_coverage, "challenger_coverage": comparison.challenger_coverage,
        "worst_slice": None if comparison.worst_slice is None else list(comparison.worst_slice),
    }  # fmt: skip


def _numbers(gain: Gain) -> dict[str, float]:
    return {name: getattr(gain, name) for name in ("rows", "champion", "challenger", "gain", "low", "high")}


def as_metrics(record: JsonObject) -> dict[str, float]:
    """The numbers of a comparison on record as metrics of a run; lots are too many for that."""
    overall = record.get("overall") or {}
    metrics = {f"comparison_{name}": float(value) for name, value in overall.items()}
    for name in ("champion_coverage", "challenger_coverage"):
        if record.get(name) is not None:
            metrics[f"comparison_{name}"] = float(record[name])
    for one in record.get("slices", ()):
        if one["kind"] != "lot":
            metrics[f"comparison_gain_{one['kind']}_{one['name']}"] = float(one["gain"])
    return metrics
