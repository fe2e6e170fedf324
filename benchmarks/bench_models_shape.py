"""The kind `shape` on real outlines of airfoils: lift and drag from the measured profile, every fifth outline held out.

`python -m benchmarks bench_models_shape` takes the outlines of `airfoils` (GATEWATCH_DATA, ../shared/data) as a gauge
of 30 heights a side would see them, with noise of 0.0005 chord, and their lift and drag with noise of 5 % of the
standard deviation. These come from a table (GATEWATCH_AIRFOIL_OUTCOMES, or `--outcomes`): CSV with the columns
`airfoil` (file name without .dat), `lift`, `drag` and `confidence`. Such a table was made once with NeuralFoil 0.3.3,
which Gatewatch does not need: `get_aero_from_coordinates(points, alpha=2, Re=1e6, model_size="large")`, its `CL`, `CD`
and `analysis_confidence`. Outlines below a confidence of 0.9 are left out: the solver does not trust its own answer.

Nothing is chosen on held-out parts; the fold that starts at 0 is the one of the bar, the others show how much R2 of
drag rests on single outlines. `few` trains on few outlines, as a plant would at its start.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inference.models.kind import TrainingData, TrainingSettings
from inference.training import train
from monitor.model import Floats

ROOT = Path(__file__).parents[1]
_SIDE, _GAUGE, _NOISE, _CONFIDENCE, _COVERAGE, _FOLDS = 30, 0.0005, 0.05, 0.9, 0.9, 5
NAMES = tuple(f"h{i:02d}" for i in range(2 * _SIDE))
BEFORE: Mapping[str, Any] = {
    "lift": {
        "folds": [
            {"r2": 0.9682, "mae": 0.1131, "coverage": 0.8686, "width": 0.4279},
            {"r2": 0.9546, "mae": 0.1469, "coverage": 0.8526, "width": 0.5207},
            {"r2": 0.9759, "mae": 0.1056, "coverage": 0.9068, "width": 0.4968},
            {"r2": 0.9716, "mae": 0.1193, "coverage": 0.8907, "width": 0.5085},
            {"r2": 0.972, "mae": 0.1145, "coverage": 0.9228, "width": 0.5293},
        ],
        "few": {
            "70": {"r2": 0.909, "mae": 0.203, "coverage": 0.914, "width": 1.211},
            "100": {"r2": 0.926, "mae": 0.182, "coverage": 0.897, "width": 1.074},
            "150": {"r2": 0.934, "mae": 0.171, "coverage": 0.913, "width": 0.828},
        },
    },
    "drag": {
        "folds": [
            {"r2": 0.7785, "mae": 0.1917, "coverage": 0.8974, "width": 0.795},
            {"r2": 0.8124, "mae": 0.2065, "coverage": 0.8814, "width": 0.764},
            {"r2": 0.8286, "mae": 0.1814, "coverage": 0.8907, "width": 0.6785},
            {"r2": 0.594, "mae": 0.2642, "coverage": 0.9325, "width": 1.0787},
            {"r2": 0.7384, "mae": 0.1798, "coverage": 0.9035, "width": 0.789},
        ],
        "few": {
            "70": {"r2": 0.51, "mae": 0.463, "coverage": 0.916, "width": 2.366},
            "100": {"r2": 0.547, "mae": 0.426, "coverage": 0.863, "width": 1.695},
            "150": {"r2": 0.562, "mae": 0.312, "coverage": 0.913, "width": 1.406},
        },
    },
}
"""Measured once by this program with the kind of the version before: its network's regression, one width."""


def outline(text: str) -> Floats:
    """Heights (points,) at fixed places along the chord: upper side from the trailing edge, then the lower side."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        try:
            found.append((float(words[0]), float(words[1])))
        except (IndexError, ValueError):
            continue  # a line of text
    points = np.array(found)
    points[:, 0] = (points[:, 0] - points[:, 0].min()) / np.ptp(points[:, 0])
    nose = int(points[:, 0].argmin())
    places = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, _SIDE + 1))[1:]
    upper, lower = (_heights(side, places) for side in (points[: nose + 1], points[nose:]))
    return np.concatenate([upper[::-1], lower])


def _heights(side: Floats, places: Floats) -> Floats:
    ordered = side[np.argsort(side[:, 0], kind="stable")]
    return np.interp(places, ordered[:, 0], ordered[:, 1])


def load(archive: Path, outcomes: Path) -> tuple[list[str], Floats, dict[str, Floats]]:
    """Names, measured profiles (parts, points), and measured lift and drag (parts,)."""
    with outcomes.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if float(row["confidence"]) >= _CONFIDENCE]
    rows.sort(key=lambda row: row["airfoil"])
    with tarfile.open(archive) as tar:
        members = {Path(m.name).stem: m for m in tar.getmembers() if m.name.endswith(".dat")}
        texts = [_text(tar, members[row["airfoil"]]) for row in rows]
    rng = np.random.default_rng(1)
    profiles = np.stack([outline(text) for text in texts])
    measured = profiles + _GAUGE * rng.normal(size=profiles.shape)
    targets = {}
    for name in ("lift", "drag"):
        true = np.array([float(row[name]) for row in rows])
        targets[name] = true + _NOISE * true.std() * rng.normal(size=len(true))
    return [row["airfoil"] for row in rows], measured, targets


def _text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = tar.extractfile(member)
    return file.read().decode("utf-8", "replace") if file else ""


def settings(refit: bool) -> TrainingSettings:
    """As `gatewatch model train` has them, or a plant's."""
    one = TrainingSettings(NAMES, len(NAMES), _COVERAGE, 400, 1)
    return replace(one, refit=True) if refit else one


def judged(truth: Floats, value: Floats, lower: Floats, upper: Floats, spread: float) -> dict[str, float]:
    """The figures; errors and widths in standard deviations of the training outcomes."""
    error = truth - value
    return {
        "r2": round(float(1 - np.square(error).mean() / truth.var()), 4),
        "mae": round(float(np.abs(error).mean() / spread), 4),
        "coverage": round(float(((truth >= lower) & (truth <= upper)).mean()), 4),
        "width": round(float((upper - lower).mean() / spread), 4),
        "worst_share": round(float(np.square(error).max() / np.square(error).sum()), 2),
    }


def through_training(
    names: Sequence[str], rows: Floats, target: Floats, held: np.ndarray[Any, np.dtype[np.bool_]], refit: bool
) -> dict[str, float]:
    """Train on the parts that are not held out, judge those that are."""
    learnt = [names[i] for i in np.flatnonzero(~held).tolist()]
    began = time.perf_counter()
    model = train(TrainingData(rows[~held], target[~held], learnt), settings(refit)).model()
    seconds = time.perf_counter() - began
    answers = model.predict(rows[held])
    value, lower, upper = (np.array([getattr(one, key) for one in answers]) for key in ("value", "lower", "upper"))
    found = judged(target[held], value, lower, upper, float(target[~held].std()))
    return {**found, "seconds": round(seconds, 1)}


def through_the_command_line(
    rows: Floats, target: Floats, held: np.ndarray[Any, np.dtype[np.bool_]], folder: Path
) -> dict[str, float]:
    """The same by `gatewatch model train --data` and `gatewatch model score --json`."""
    for name, chosen in (("learnt.csv", ~held), ("held.csv", held)):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*NAMES, "outcome"])
            writer.writerows(np.column_stack([rows, target])[chosen].tolist())
    command, models = [sys.executable, "-m", "monitor.cli", "model"], ["--models", str(folder / "models")]
    options = ["--data", str(folder / "learnt.csv"), "--kind", "shape", "--target", "outcome"]
    subprocess.run([*command, "train", "foil", *options, *models, "--json"], check=True, capture_output=True, cwd=ROOT)
    scored = subprocess.run(
        [*command, "score", "foil", str(folder / "held.csv"), *models, "--json"],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    lines = [json.loads(line) for line in scored.stdout.splitlines()]
    value, lower, upper = (np.array([line[key] for line in lines]) for key in ("value", "lower", "upper"))
    return judged(target[held], value, lower, upper, float(target[~held].std()))


def few(names: Sequence[str], rows: Floats, target: Floats, refit: bool) -> dict[str, Mapping[str, float]]:
    """Means over four draws of few outlines; all others are held out."""
    told: dict[str, Mapping[str, float]] = {}
    for count in (70, 100, 150):
        found = []
        for seed in range(4):
            held = np.ones(len(rows), dtype=np.bool_)
            held[np.random.default_rng(seed).permutation(len(rows))[:count]] = False
            found.append(through_training(names, rows, target, held, refit))
        told[str(count)] = {key: round(float(np.mean([one[key] for one in found])), 3) for key in found[0]}
    return told


def speed(rows: Floats, target: Floats) -> dict[str, float]:
    """Seconds to train on 400 parts as a plant does, and parts a second in batches of 256."""
    names = [str(i) for i in range(len(rows))]
    began = time.perf_counter()
    train(TrainingData(rows[:400], target[:400], names[:400]), settings(refit=False))
    seconds = time.perf_counter() - began
    model = train(TrainingData(rows, target, names), settings(refit=True)).model()
    many = np.resize(rows, (5120, rows.shape[1]))
    times = []
    for _ in range(3):
        began = time.perf_counter()
        for start in range(0, len(many), 256):
            model.predict(many[start : start + 256])
        times.append(time.perf_counter() - began)
    return {"seconds_to_train_400": round(seconds, 2), "parts_a_second": round(len(many) / min(times))}


def main() -> None:
    """Print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("GATEWATCH_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--outcomes", type=Path, default=os.environ.get("GATEWATCH_AIRFOIL_OUTCOMES"))
    given = parser.parse_args()
    if given.outcomes is None:
        parser.error("the table of lift and drag is needed: --outcomes or GATEWATCH_AIRFOIL_OUTCOMES")
    names, rows, targets = load(Path(given.data) / "airfoils" / "uiuc_airfoils.tar.gz", given.outcomes)
    told: dict[str, Any] = {"parts": len(names), "before": BEFORE}
    for what, target in targets.items():
        held = [np.arange(len(names)) % _FOLDS == fold for fold in range(_FOLDS)]
        folds = [through_training(names, rows, target, one, refit=True) for one in held]
        plant = through_training(names, rows, target, held[0], refit=False)
        with tempfile.TemporaryDirectory() as folder:
            command = through_the_command_line(rows, target, held[0], Path(folder))
        told[what] = {
            "command_line": command, "as_in_a_plant": plant, "folds": folds, "few": few(names, rows, target, True),
            "speed": speed(rows, target),
        }  # fmt: skip
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
