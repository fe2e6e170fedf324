"""Drift inside a plant on simulated parts: false alarms, shifts found and how late, changed mixes explained.

A step of 50 columns; one of them shifts by 0.25, 0.5 or 1 standard deviation. With lots, of 25 parts, half of a
column's variance is between them. A reference of 2,000 parts, windows of 500, a look every 100 parts: six looks at
healthy parts, then ten at shifted ones. In the changed mix half of the parts of the reference and three quarters of the
current ones are of a recipe that lies two standard deviations higher. Evidently's rule is that of its preset for
references of more than 1,000 rows (a distance of 0.1 for a column, half of the columns for the data set) on its own
value, which the detector's findings have. NannyML, where it is installed: its univariate calculator by its defaults.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.detect.peers import installed
from detectors.window.drift import FeatureDrift
from detectors.window.drift_groups import feature_of
from monitor.detection import EXPLAINED_BY_MIX, WASSERSTEIN, WORST_RATIO
from monitor.model import Finding, Floats, Status, Window

REFERENCE, WINDOW, EVERY, HEALTHY, SHIFTED, COLUMNS, LOT = 2000, 500, 100, 6, 10, 50, 25
SHIFTS = (0.25, 0.5, 1.0)
NAMES = tuple(f"c{j:02d}" for j in range(COLUMNS))
Told = tuple[bool, bool]
"""Of a window: whether the shifted column is called drift, and whether any other is."""


def _parts(rng: np.random.Generator, rows: int, lots: bool) -> Floats:
    values = rng.standard_normal((rows, COLUMNS))
    shared = np.repeat(rng.standard_normal((rows // LOT + 1, COLUMNS)), LOT, axis=0)[:rows]
    return np.asarray((values + shared) / np.sqrt(2)) if lots else values


def _window(values: Floats, start: int, lots: bool, recipes: Floats | None = None) -> Window:
    index = np.arange(start, start + len(values), dtype=np.int64)
    groups = () if recipes is None else tuple(("press", f"r{int(r)}") for r in recipes)
    named = tuple(f"L{i // LOT}" for i in index.tolist()) if lots else ()
    return Window("step", "step", NAMES, values, index, index, groups, named)


def _gatewatch(found: list[Finding]) -> Told:
    drifted = {f.feature for f in found if f.feature and f.status is Status.BREACH}
    worst = found[-1]
    told = drifted | {feature_of(cause) for cause in worst.causes}
    return NAMES[0] in told, bool(told - {NAMES[0]})


def _evidently(found: list[Finding]) -> Told:
    drifted = {f.feature for f in found if f.method == WASSERSTEIN and (f.value or 0.0) >= 0.1}
    return NAMES[0] in drifted, bool(drifted - {NAMES[0]})


def _evidently_set(found: list[Finding]) -> Told:
    drifted = [f for f in found if f.method == WASSERSTEIN and (f.value or 0.0) >= 0.1]
    return 2 * len(drifted) >= COLUMNS, 2 * len(drifted) >= COLUMNS


def _nannyml(reference: Floats) -> Callable[[Floats], Told]:
    """Its univariate calculator by its defaults: Jensen-Shannon, limits of three standard deviations over chunks."""
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # read when it is imported
    import nannyml
    import pandas as pd

    frame = pd.DataFrame(reference, columns=list(NAMES))
    calculator = nannyml.UnivariateDriftCalculator(list(NAMES), chunk_size=WINDOW).fit(frame)

    def told(values: Floats) -> Told:
        found = calculator.calculate(pd.DataFrame(values, columns=list(NAMES))).filter(period="analysis").to_df()
        alerts = [bool(found[(name, "jensen_shannon", "alert")].any()) for name in NAMES]
        return alerts[0], any(alerts[1:])

    return told


def _looks(seed: int, shift: float, lots: bool) -> dict[str, list[Told]]:
    """What each says at every look: the first at healthy parts."""
    rng = np.random.default_rng([seed, int(lots)])
    values = _parts(rng, REFERENCE + WINDOW + (HEALTHY - 1 + SHIFTED) * EVERY, lots)
    begins = REFERENCE + WINDOW + (HEALTHY - 1) * EVERY
    values[begins:, 0] += shift
    detector, reference = FeatureDrift(), _window(values[:REFERENCE], 0, lots)
    peer = _nannyml(values[:REFERENCE]) if installed("nannyml") else None
    told: dict[str, list[Told]] = {"gatewatch": [], "evidently_columns": [], "evidently_data_set": []}
    for look in range(HEALTHY + SHIFTED):
        stop = REFERENCE + WINDOW + look * EVERY
        newest = values[stop - WINDOW : stop]
        found = list(detector.judge(reference, _window(newest, stop - WINDOW, lots)))
        for name, rule in (
            ("gatewatch", _gatewatch), ("evidently_columns", _evidently), ("evidently_data_set", _evidently_set),
        ):  # fmt: skip
            told[name].append(rule(found))
        if peer is not None:
            told.setdefault("nannyml_columns", []).append(peer(newest))
    return told


def shifted(seeds: range, shift: float, lots: bool) -> dict[str, Any]:
    """Over all seeds: healthy windows with an alarm, shifts found, and the median delay of those in parts."""
    every = [_looks(seed, shift, lots) for seed in seeds]
    found: dict[str, Any] = {}
    for name in every[0]:
        healthy = [any(told) for looks in every for told in looks[name][:HEALTHY]]
        others = [told[1] for looks in every for told in looks[name][HEALTHY:]]
        delays = [
            next((i + 1 for i, told in enumerate(looks[name][HEALTHY:]) if told[0]), None) for looks in every
        ]  # fmt: skip
        known = [delay * EVERY for delay in delays if delay is not None]
        found[name] = {
            "healthy_windows": len(healthy), "with_an_alarm": sum(healthy), "later_windows": len(others),
            "with_an_alarm_of_other_columns": sum(others), "found": len(known), "of": len(every),
            "median_delay_parts": statistics.median(known) if known else None,
        }  # fmt: skip
    return found


def mixed(seeds: range, shift: float, lots: bool) -> dict[str, Any]:
    """Windows of a changed mix: explained or alarmed; the first column has moved by `shift` besides."""
    alarmed = explained = above = moved = 0
    shares = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 2, int(lots)])
        windows = []
        for start, rows, share in ((0, REFERENCE, 0.5), (REFERENCE, WINDOW, 0.75)):
            size = LOT if lots else 1
            recipes = np.repeat(rng.random(rows // size) < share, size).astype(np.float64)
            values = _parts(rng, rows, lots) + 2 * recipes[:, None]
            values[:, 0] += shift if start else 0.0
            windows.append(_window(values, start, lots, recipes))
        found = {(f.feature, f.method): f for f in FeatureDrift().judge(windows[0], windows[1])}
        worst = found["", WORST_RATIO]
        of_others = [cause for cause in worst.causes if not cause.startswith(NAMES[0])]
        alarmed += bool(of_others)
        moved += any(cause.startswith(NAMES[0]) for cause in worst.causes)
        above += sum(f.method == WASSERSTEIN and (f.value or 0) > (f.limit or 0) for f in found.values())
        explained += found["", EXPLAINED_BY_MIX].value != 0.0
        shares.append(found["", EXPLAINED_BY_MIX].value or 0.0)
    return {
        "windows": len(seeds), "columns_above_their_limit": above, "windows_explained": explained,
        "windows_alarmed": alarmed, "median_share_explained": round(statistics.median(shares), 3),
        "moved_column_alarmed": moved,
    }  # fmt: skip


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=1000, help="First seed; parameters were chosen from 1000 on.")
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    found: dict[str, Any] = {"first_seed": given.first, "nannyml_installed": installed("nannyml")}
    for name, lots in (("rows", False), ("lots", True)):
        found[name] = {str(shift): shifted(seeds, shift, lots) for shift in SHIFTS}
        found[f"{name}_mix"] = {str(shift): mixed(seeds, shift, lots) for shift in (0.0, 1.0)}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
