"""Run lengths of every rule and chart in and out of control, and how often intervals of capability hold.

`python -m benchmarks bench_spc`: the mean number of points until a signal, by Monte Carlo, of charts with known limits:
normal values in control and shifted, skewed ones, ones that depend on each other; and of charts whose limits come from
a phase 1. It is all points seen over all first signals, so charts that never signalled count; its standard error is
the mean over the root of the signals. `--table` prints the tables of docs/explanation/spc.md instead of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import gamma

from detectors.spc import capability as capability_module
from detectors.spc.capability import Specification, capability
from detectors.spc.constants import d2
from detectors.spc.memory import CusumSettings, Ewma, EwmaSettings, begin_cusum, cusum, ewma
from detectors.spc.points import Points, Spread, center_of_spread, of_subgroups, of_values
from detectors.spc.rules import NELSON, WESTERN, WORDS, Rule, flags
from detectors.spc.scales import Kind, choose
from monitor.model import Floats

Flags = NDArray[np.bool_]
SHAPE, PHI = 4.0, 0.5
"""Of the gamma distribution, whose skewness is 1; and the correlation of a value with the next one."""
PHASE1 = 200
SINGLE = (*NELSON, Rule.EIGHT_ONE_SIDE)
HEAD = CusumSettings(head=2.5)
PUBLISHED = {
    "1": {"in_control": 370.4, "shift_1": 43.9}, "cusum": {"in_control": 465, "shift_1": 10.4},
    "western": {"in_control": 91.75, "shift_1": 9.22},
}  # fmt: skip
"""Rule 1 exactly; NIST/SEMATECH e-Handbook 6.3.2.3.1, h = 5; Champ and Woodall 1987."""


@dataclass(frozen=True)
class Situation:
    """What is drawn: scores (points, charts) of independent charts from the first point on."""

    words: str
    points: int
    charts: int
    draw: Callable[[np.random.Generator, tuple[int, int]], Floats]


def _normal(shift: float) -> Callable[[np.random.Generator, tuple[int, int]], Floats]:
    return lambda rng, shape: rng.normal(shift, 1, shape)


def _skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return (rng.gamma(SHAPE, size=shape) - SHAPE) / np.sqrt(SHAPE)


def _dependent(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """An autoregression over the sigma that its moving ranges say, which is too small."""
    values = rng.normal(0, 1, shape)
    for i in range(1, len(values)):
        values[i] = PHI * values[i - 1] + np.sqrt(1 - PHI**2) * values[i]
    return values / np.sqrt(1 - PHI)


def _by_phase1(draw: Callable[[np.random.Generator, tuple[int, int]], Floats]) -> Any:
    """Scores by the scale that each chart's own phase 1 of PHASE1 values sets."""

    def scores(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
        before, values = draw(rng, (PHASE1, shape[1])), draw(rng, shape)
        for chart in range(shape[1]):
            first = before[:, chart]
            scale = choose(first, float(np.abs(np.diff(first)).mean()) / d2(2)).scale
            values[:, chart] = scale.scores(values[:, chart])
        return values

    return scores


IN_CONTROL: Mapping[str, Situation] = {
    "normal": Situation("normal", 2500, 2500, _normal(0)),
    "skewed": Situation("skewed, 3 sigma", 1000, 1000, _skewed),
    "dependent": Situation("dependent, 3 sigma", 1000, 1000, _dependent),
    "normal_by_phase1": Situation(f"normal, phase 1 of {PHASE1}", 2500, 800, _by_phase1(_normal(0))),
    "skewed_by_phase1": Situation(f"skewed, phase 1 of {PHASE1}", 2500, 800, _by_phase1(_skewed)),
}
OUT_OF_CONTROL: Mapping[str, Situation] = {
    f"shift_{shift:g}": Situation(f"shift {shift:g}", points, 3000, _normal(shift))
    for shift, points in ((0.5, 1000), (1.0, 400), (2.0, 150), (3.0, 100))
}


def charts(scores: Floats) -> dict[str, Flags]:
    """Where each rule, and each set of rules, signals."""
    stretches = np.zeros(len(scores), np.int64)
    single = {rule.value: flags(rule, scores, stretches) for rule in SINGLE}
    sums = {}
    for name, settings in (("cusum", CusumSettings()), ("cusum_head", HEAD)):
        _, above, below = cusum(scores, begin_cusum(settings, scores.shape[1]), settings)
        sums[name] = (above.sums > settings.limit) | (below.sums > settings.limit)
    _, averages, bounds = ewma(scores, Ewma(np.zeros(scores.shape[1])), EwmaSettings())
    together = {
        "default": single["1"] | sums["cusum"],
        "western": np.logical_or.reduce([single[rule.value] for rule in WESTERN]),
        "nelson": np.logical_or.reduce([single[rule.value] for rule in NELSON]),
    }
    return {**single, **sums, "ewma": np.abs(averages) > bounds[:, None], **together}


def run_length(signals: Flags) -> dict[str, float]:
    """The mean number of points until the first signal, and its standard error."""
    some = signals.any(axis=0)
    seen = np.where(some, signals.argmax(axis=0) + 1, len(signals)).sum()
    found = max(int(some.sum()), 1)
    return {"mean": round(float(seen) / found, 2), "error": round(float(seen) / found**1.5, 2)}


def lengths(situations: Mapping[str, Situation], seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """By situation and rule."""
    found = {}
    for number, (name, situation) in enumerate(situations.items()):
        scores = situation.draw(np.random.default_rng(seed + number), (situation.points, situation.charts))
        found[name] = {rule: run_length(signals) for rule, signals in charts(scores).items()}
    return found


def spreads(seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Of charts of the spread: moving ranges, and subgroups of five whose sigma is so many times the known one."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    rng = np.random.default_rng(seed)
    for ratio in (1.0, 1.5, 2.0):
        values = ratio * rng.normal(size=(1500, 500, 5))
        measured = {
            "moving_range": (Spread.MOVING_RANGE, 2, np.abs(np.diff(values[:, :, 0], axis=0))),
            "range_of_5": (Spread.RANGE, 5, np.ptp(values, axis=2)),
            "deviation_of_5": (Spread.DEVIATION, 5, values.std(axis=2, ddof=1)),
        }
        found[f"sigma_{ratio:g}"] = {}
        for name, (spread, size, spread_of) in measured.items():
            middle, deviation = center_of_spread(spread, size)
            found[f"sigma_{ratio:g}"][name] = run_length(np.abs(spread_of - middle) > 3 * deviation)
    return found


def spread_of_charts(seed: int, charts: int = 500) -> dict[str, float]:
    """The exact run length of rule 1 of charts whose limits come from PHASE1 normal values each: its quantiles."""
    values = np.random.default_rng(seed).normal(size=(charts, PHASE1))
    middle, reach = values.mean(axis=1), 3 * np.abs(np.diff(values)).mean(axis=1) / d2(2)
    mean = 1 / (ndtr(middle - reach) + ndtr(-middle - reach))
    return {f"quantile_{level:g}": round(float(np.quantile(mean, level)), 1) for level in (0.1, 0.5, 0.9)}


CASES = {
    "both_sides": (5, -4.0, 4.0, 4 / 3), "nearer_one": (5, -5.0, 3.0, 1.0), "one_side": (5, None, 4.5, 1.5),
    "single_values": (1, -4.0, 4.0, 4 / 3),
}  # fmt: skip
"""Values in a subgroup, the specification, and the true Cpk."""


def _points(values: Floats, size: int) -> Points:
    first = np.arange(0, len(values), size)
    breaks = np.zeros(len(first), np.bool_)
    return of_values(values, breaks) if size == 1 else of_subgroups(values, first, Spread.DEVIATION, breaks)


def held(seed: int, samples: int, counts: Sequence[int] = (50, 100, 200)) -> dict[str, dict[str, float]]:
    """How often the intervals of Cpk and Ppk, of 95 %, hold the true value, of normal values."""
    found: dict[str, dict[str, float]] = {}
    with mock.patch.object(capability_module, "_RESAMPLES", 2):  # where normality is refused by chance
        for case, (size, low, high, true) in CASES.items():
            for count in counts:
                hits: dict[str, list[bool]] = {"cpk": [], "ppk": []}
                for values in np.random.default_rng(seed + count).normal(0, 1, (samples, count)):
                    one = capability(values, _points(values, size), Specification(low, high))
                    for name, estimate in (("cpk", one.cpk), ("ppk", one.ppk)):
                        if one.kind is Kind.NORMAL and estimate is not None:
                            hits[name].append(estimate.low <= true <= estimate.high)
                found[f"{case}_{count}"] = {name: round(float(np.mean(h)), 4) for name, h in hits.items()}
    return found


def held_by_quantiles(seed: int, samples: int, counts: Sequence[int] = (100, 400)) -> dict[str, float]:
    """How often the bootstrap of Ppk by quantiles holds it, of skewed values with one side."""
    middle, top = gamma(SHAPE).ppf([0.5, 0.99865])
    found = {}
    for count in counts:
        hits = []
        for values in np.random.default_rng(seed).gamma(SHAPE, size=(samples, count)):
            one = capability(values, _points(values, 5), Specification(None, 15))
            if one.kind is not Kind.NORMAL:
                hits.append(one.ppk.low <= (15 - middle) / (top - middle) <= one.ppk.high)
        found[str(count)] = round(float(np.mean(hits)), 3)
    return found


NAMES = {
    **{rule.value: f"{rule.value}: {WORDS[rule]}" for rule in SINGLE},
    "cusum": "CUSUM, k 0.5, h 5", "cusum_head": "CUSUM with a head start of 2.5", "ewma": "EWMA, weight 0.2, limit 3",
    "default": "**rule 1 with CUSUM (default)**", "western": "Western Electric 1 to 4", "nelson": "Nelson 1 to 8",
}  # fmt: skip


def tables(found: Mapping[str, Any]) -> str:
    """As Markdown."""
    said = []
    for situations, key in ((IN_CONTROL, "in_control"), (OUT_OF_CONTROL, "out_of_control")):
        said += [
            "| rule | " + " | ".join(s.words for s in situations.values()) + " |",
            "|---" * (len(situations) + 1) + "|",
        ]
        for rule, words in NAMES.items():
            cells = (_rounded(found[key][name][rule]["mean"]) for name in situations)
            said.append(f"| {words} | {' | '.join(cells)} |")
        said.append("")
    return "\n".join(said)


def _rounded(mean: float) -> str:
    return "> 10,000" if mean > 10_000 else f"{mean:,.0f}" if mean >= 100 else f"{mean:.1f}"


def main() -> None:
    """Print the figures as JSON, or the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    found: dict[str, Any] = {
        "bars": {"rule_1": 370.4, "rule_1_within": 0.10, "cpk_holds_from": 0.93, "cpk_holds_to": 0.97},
        "published": PUBLISHED,
        "in_control": lengths(IN_CONTROL, given.seed),
        "out_of_control": lengths(OUT_OF_CONTROL, given.seed + 100),
        "spread": spreads(given.seed + 200),
        "charts_by_phase1": spread_of_charts(given.seed + 250),
    }
    if given.table:
        sys.stdout.write(tables(found) + json.dumps(found["spread"], indent=1) + "\n")
        return
    found["intervals_hold"] = held(given.seed + 300, given.samples)
    found["intervals_by_quantiles_hold"] = held_by_quantiles(given.seed + 400, 50)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
