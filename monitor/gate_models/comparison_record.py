"""A comparison of two models as stored, and as metrics of an MLflow run."""

from __future__ import annotations

from collections.abc import Sequence

from inference.comparison import Comparison, Gain
from monitor.model import JsonObject


def as_json(comparison: Comparison, serials: Sequence[str]) -> dict[str, object]:
    """The comparison as stored, with the first and last of its parts in order of time."""
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
    """The numbers of a stored comparison as metrics of a run, without those of lots, which are too many."""
    overall = record.get("overall") or {}
    metrics = {f"comparison_{name}": float(value) for name, value in overall.items()}
    for name in ("champion_coverage", "challenger_coverage"):
        if record.get(name) is not None:
            metrics[f"comparison_{name}"] = float(record[name])
    for entry in record.get("slices", ()):
        if entry["kind"] != "lot":
            metrics[f"comparison_gain_{entry['kind']}_{entry['name']}"] = float(entry["gain"])
    return metrics
