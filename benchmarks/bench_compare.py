"""`gatewatch drift compare` on simulated files: false alarms, shifts that are found, changed mixes that are explained.

Files of 1,000 rows and 50 columns. With lots, 40 of 25 rows, half of a column's variance is between them. A shift is of
one column, in standard deviations of it. In the changed mix, half of the rows of the reference and three quarters of
the current ones are of a group that lies two standard deviations higher.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np

from detectors.comparing.columns import Column, Labels, Settings, Verdict
from detectors.comparing.comparing import compare
from detectors.comparing.methods import METHODS
from monitor.model import Floats

ROWS, COLUMNS, LOTS, MIXED = 1000, 50, 40, 10
SHIFTS = (0.25, 0.5, 1.0)
_LOT = np.repeat(np.arange(LOTS), ROWS // LOTS)


def _values(rng: np.random.Generator, lots: bool) -> Floats:
    """A column with a standard deviation of 1."""
    values = rng.normal(size=ROWS)
    return np.asarray((values + rng.normal(size=LOTS)[_LOT]) / np.sqrt(2)) if lots else values


def shifted(seeds: range, shift: float, lots: bool, settings: Settings) -> dict[str, Any]:
    """How often the first column, which is shifted, is found, and how many others are called drift."""
    files = false = found = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        columns = [
            Column(f"c{j}", _values(rng, lots), _values(rng, lots) + (shift if j == 0 else 0.0)) for j in range(COLUMNS)
        ]
        told = compare(columns, Labels(lots=(_LOT, _LOT) if lots else None), settings)
        drifted = {value.column.name for value in told.of(Verdict.DRIFT)}
        wrong = drifted - ({"c0"} if shift else set())
        files, false, found = files + bool(wrong), false + len(wrong), found + ("c0" in drifted and shift > 0)
    return {"files": len(seeds), "files_with_a_false_alarm": files, "false_columns": false, "found": found}


def mixed(seeds: range, shift: float, lots: bool) -> dict[str, Any]:
    """Columns that follow a changed mix: explained or called drift; the first has moved by `shift` besides."""
    explained = drift = moved = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        groups = [_groups(rng, share, lots) for share in (0.5, 0.75)]
        columns = [
            Column(f"c{j}", _values(rng, lots) + 2 * groups[0], _values(rng, lots) + 2 * groups[1] + shift * (j == 0))
            for j in range(MIXED)
        ]
        labels = Labels((groups[0], groups[1]), (_LOT, _LOT) if lots else None, ("A", "B"), "recipe")
        verdicts = [value.verdict for value in compare(columns, labels, Settings()).values]
        moved += verdicts[0] is Verdict.DRIFT
        explained += sum(verdict is Verdict.EXPLAINED for verdict in verdicts[1:])
        drift += sum(verdict is Verdict.DRIFT for verdict in verdicts[1:])
    others = (MIXED - 1) * len(seeds)
    return {"columns": others, "explained": explained, "called_drift": drift, "moved_and_called_drift": moved}


def _groups(rng: np.random.Generator, share: float, lots: bool) -> Any:
    higher = (np.arange(LOTS) < LOTS * share)[_LOT] if lots else rng.random(ROWS) < share
    return higher.astype(np.int64)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=2000, help="First seed.")
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    default = Settings()
    found: dict[str, Any] = {"first_seed": given.first}
    for name, lots in (("rows", False), ("lots", True)):
        found[name] = {str(shift): shifted(seeds, shift, lots, default) for shift in (0.0, *SHIFTS)}
        found[f"{name}_mix"] = {str(shift): mixed(seeds, shift, lots) for shift in (0.0, *SHIFTS)}
    found["rows_by_ks"] = shifted(seeds, 0.0, False, Settings(numbers=METHODS["ks"]))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
