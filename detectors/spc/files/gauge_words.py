"""A gauge study in words: fit for use or not, where its variation comes from, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from detectors.spc.files.words import plain
from detectors.spc.gauge import POOL_ABOVE, Gauge
from detectors.spc.intervals import CONFIDENCE

GOOD, POOR = 10.0, 30.0
"""Percent of the variation up to which a gauge is commonly good, and above which it is not (AIAG MSA, 4th ed.)."""
LEAST_CATEGORIES = 5
_LINES = (
    ("gauge", "gauge R&R"), ("repeatability", "  repeatability"), ("reproducibility", "  reproducibility"),
    ("operator", "    operator"), ("interaction", "    operator x part"), ("part", "part to part"), ("total", "total"),
)  # fmt: skip


def gauge_words(found: Gauge, file: Path, value: str) -> Iterator[str]:
    """Lines for a person."""
    table = found.table
    sizes = f"{table.parts} parts x {table.operators} operators x {table.trials} measurements of each part"
    yield f"{file}: {plain(value)}, {sizes}"
    yield f"verdict     {_verdict(found)}"
    tolerance = "  % of tolerance" if found.tolerance else ""
    yield f"{'':20s}{'variance':>12s}  {'% of study':>10s}  {f'{CONFIDENCE:.0%} interval':>16s}{tolerance}"
    for name, said in _LINES:
        if name == "interaction" and found.pooled:
            continue
        share = found.study[name]
        ends = f"{share.low:.1f} to {share.high:.1f}"
        part = f"  {found.tolerance[name].value:14.1f}" if found.tolerance else ""
        yield f"{said:20s}{found.variances[name].value:12.5g}  {share.value:10.1f}  {ends:>16s}{part}"
    yield _interaction(found)
    many = found.categories
    yield f"categories told apart: {_whole(many.value)} ({CONFIDENCE:.0%}: {_whole(many.low)} to {_whole(many.high)})"
    yield f"to do       {_to_do(found)}"


def _whole(value: float) -> str:
    return "all" if math.isinf(value) else f"{value:.0f}"


def share(found: Gauge) -> float:
    """Percent of the tolerance, or of the study's variation without one, that the gauge takes."""
    return (found.tolerance or found.study)["gauge"].value


def _verdict(found: Gauge) -> str:
    of = "tolerance" if found.tolerance else "variation of the study"
    said = f"the gauge takes {share(found):.1f} % of the {of}"
    if share(found) > POOR:
        return f"NOT FIT FOR USE: {said}, above {POOR:g} %"
    if share(found) > GOOD:
        return f"MARGINAL: {said}, between {GOOD:g} and {POOR:g} %"
    if found.categories.value < LEAST_CATEGORIES:
        return f"MARGINAL: {said}, and it tells {_whole(found.categories.value)} kinds of parts apart"
    return f"FIT FOR USE: {said}, at most {GOOD:g} %"


def _interaction(found: Gauge) -> str:
    chance = found.table.interaction.chance
    way = "above" if found.pooled else "at most"
    what = "pooled into repeatability" if found.pooled else "kept"
    return f"operator x part: F {found.table.interaction.ratio:.3g}, p {chance:.3g}, {way} {POOL_ABOVE}, so {what}"


def _to_do(found: Gauge) -> str:
    if share(found) <= GOOD and found.categories.value >= LEAST_CATEGORIES:
        return "nothing; repeat the study when gauge, fixture or operators change"
    sizes = {name: found.variances[name].value for name in ("repeatability", "operator", "interaction")}
    largest = max(sizes, key=lambda name: sizes[name])
    if share(found) <= GOOD:
        return "measure parts that differ as those of the process do; the parts of the study are much alike"
    return {
        "repeatability": "most of it is repeatability: look at the gauge itself, its fixture, resolution and upkeep",
        "operator": "most of it is between operators: agree on one way to measure, and train it",
        "interaction": "operators differ by part: find the parts on which they disagree, and how each holds them",
    }[largest]
