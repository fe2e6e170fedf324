"""A chart as JSON, and as a CSV file with a line a point."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict
from typing import Any

from detectors.spc.files.charting import Charted
from detectors.spc.gauge import Gauge
from detectors.spc.intervals import Estimate
from detectors.spc.rules import WORDS, false_alarms

COLUMNS = (
    "row", "time", "subgroup", "size", "value", "lower", "centre", "upper", "spread", "spread_lower", "spread_upper",
    "score", "ewma", "ewma_limit", "cusum_above", "cusum_below", "phase1", "rules",
)  # fmt: skip


def points_text(charted: Charted) -> str:
    """The file's text, with COLUMNS. Rows are numbered from 1; scores, averages and sums are in standard deviations."""
    found, column = charted.study, charted.column
    points, judged = found.points, found.judged
    lower, upper = found.limits.band(points)
    center, _ = found.limits.band(points, 0.0)
    low, _, high = found.limits.spread_band(points)
    numbers = zip(
        points.means, lower, center, upper, points.spreads, low, high, judged.scores, judged.average, judged.bounds,
        judged.above, judged.below, strict=True,
    )  # fmt: skip
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for i, each in enumerate(numbers):
        row = int(points.first[i])
        rules = " ".join(rule.value for rule, flags in judged.flags.items() if flags[i])
        writer.writerow([
            row + 1, "" if column.times is None else column.times.texts[row],
            "" if column.labels is None else column.labels[row], int(points.sizes[i]),
            *("" if math.isnan(value) else f"{value:.10g}" for value in each),
            int(found.phase1[0] <= i < found.phase1[1]), rules,
        ])  # fmt: skip
    return file.getvalue()


def chart_json(charted: Charted) -> dict[str, Any]:
    """Everything but the points. Rows are numbered from 1."""
    found, chosen = charted.study, charted.study.limits.chosen
    first, end = found.phase1
    piece = found.points[first:end]
    largest = int(piece.sizes.argmax())
    lower, upper = (float(side[largest]) for side in found.limits.band(piece))
    low, middle, high = (float(side[largest]) for side in found.limits.spread_band(piece))
    return {
        "file": str(charted.file), "value": charted.column.name, "chart": charted.chart.value,
        "points": len(found.points), "in_control": not found.signals,
        "rules": [rule.value for rule in found.settings.rules],
        "false_alarms_expected": false_alarms(found.settings.rules, len(found.points)),
        "phase1": {"points": found.limits.points, "first": _place(charted, first), "last": _place(charted, end - 1)},
        "limits": {
            "kind": chosen.scale.kind.value, "lower": lower,
            "centre": float(found.limits.band(piece, 0.0)[0][largest]), "upper": upper,
            "size": int(piece.sizes[largest]),
            "sigma": found.limits.sigma, "spread": found.points.spread.value, "spread_lower": _known(low),
            "spread_centre": _known(middle), "spread_upper": _known(high),
            "departure_from_normal": _known(chosen.departure), "dependence": chosen.dependence,
            "dependent": chosen.dependent,
        },
        "signals": [
            {
                "rule": signal.rule.value, "words": WORDS[signal.rule],
                "side": None if signal.above is None else "above" if signal.above else "below",
                "since": _place(charted, signal.since), "first": _place(charted, signal.first),
                "last": _place(charted, signal.last),
            }
            for signal in found.signals
        ],
        "specification": None if charted.specification is None else asdict(charted.specification),
        "capability": None if charted.capability is None else asdict(charted.capability),
        "notes": list(charted.notes),
    }  # fmt: skip


def _place(charted: Charted, point: int) -> dict[str, Any]:
    row = int(charted.study.points.first[point])
    times, labels = charted.column.times, charted.column.labels
    return {
        "row": row + 1, "time": None if times is None else times.texts[row],
        "subgroup": None if labels is None else labels[row],
    }  # fmt: skip


def gauge_json(found: Gauge) -> dict[str, Any]:
    """The table, the components and what they are of the study and of the tolerance; None where it is infinite."""
    lines = {name: getattr(found.table, name) for name in ("part", "operator", "interaction", "repeatability")}
    return {
        "parts": found.table.parts, "operators": found.table.operators, "trials": found.table.trials,
        "anova": {
            name: {
                "sum_of_squares": line.squares, "degrees": line.degrees, "mean_square": line.mean_square,
                "f": _known(line.ratio), "p": _known(line.chance),
            }
            for name, line in lines.items()
        },
        "interaction_pooled": found.pooled,
        "variances": {name: _ends(value) for name, value in found.variances.items()},
        "study_percent": {name: _ends(value) for name, value in found.study.items()},
        "tolerance_percent": {name: _ends(value) for name, value in found.tolerance.items()},
        "categories": _ends(found.categories),
    }  # fmt: skip


def _ends(found: Estimate) -> dict[str, float | None]:
    return {name: _known(value) for name, value in asdict(found).items()}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
