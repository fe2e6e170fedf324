"""The model kind `image` on real pictures: classes, defect against free, a defect never seen, and speed.

`python -m benchmarks.bench_models_image [--data FOLDER]`, where the folder holds `neu_det` and `magnetic_tile`. Each
figure stands beside its bar. Every part is judged by a model that was fitted without it and its group, with one set of
defaults; nothing is chosen on the parts that are judged.

- neu_det: five folds, contiguous in each class;
- magnetic_tile: five folds of whole tiles (frames whose numbers are at most 60 apart), all exposures and exposure 1
  alone, since almost all free tiles were taken under it and brightness alone tells much;
- unseen: each defect class left out of training, then told from free tiles of the held-out fold by the anomaly score;
- speed: a batch of pictures in memory through the gate model, against the backbone's forward passes alone, by turns. A
  unit is the time of a fixed loop, taken in the same minute.

Only a part of each corpus is used: the figures are not comparable with published ones.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.unit import unit
from inference.models.fitting import auroc
from inference.models.image import INPUTS, KIND, contents_of
from inference.models.image_fit import class_folds, fit
from inference.models.kind import TrainingSettings
from inference.pictures import read_by_class
from inference.vision.describing import WHOLE, Description, describe, prepare
from inference.vision.judge import Judge
from inference.vision.threads import one_thread
from inference.vision.weights import backbone

FOLDS, TILE_GAP, GOOD = 5, 60, "MT_Free"
BARS = {
    "neu_accuracy": 0.995, "tile_auroc": 0.94, "tile_auroc_exposure_1": 0.90, "tile_accuracy": 0.72,
    "unseen_auroc_exposure_1": 0.86, "images_a_unit": 15.0,
}  # fmt: skip

Chosen = NDArray[np.bool_]


class Pictures:
    """A corpus in memory, described once."""

    def __init__(self, folder: Path, good: str = "", grouped: bool = False) -> None:
        data, classes = read_by_class(folder)
        self.names = [Path(serial).name for serial in data.serials]
        self.settings = TrainingSettings(INPUTS, 0, 0.9, 1, 0, classes=classes, good=good)
        self.data = replace(data, groups=tiles(self.names) if grouped else ())
        self.pictures = list(data.rows)
        self.described: list[Description] = list(describe(self.pictures))

    def fitted(self, chosen: Chosen) -> tuple[Judge, Any]:
        """A judge of the chosen parts alone."""
        judge, metrics, _ = fit(
            [self.described[i] for i in np.flatnonzero(chosen)], self.data.at(chosen), self.settings
        )
        return judge, metrics

    def judged(self, judge: Judge, chosen: Chosen) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Probabilities, values and anomaly scores of the chosen parts."""
        mine = [self.described[i] for i in np.flatnonzero(chosen)]
        probabilities = np.array([judge.probabilities(one) for one in mine])
        values = judge.values(probabilities)
        return probabilities, values, judge.scores(values, np.array([judge.distance(one.patches) for one in mine]))


def tiles(names: Sequence[str]) -> list[str]:
    """The tile of each frame: numbers that are close together."""
    numbers = np.array([int(re.search(r"num_(\d+)", name)[1]) for name in names])  # type: ignore[index]
    order = np.argsort(numbers, kind="stable")
    found = np.empty(len(names), dtype=int)
    found[order] = np.cumsum(np.r_[0, np.diff(numbers[order]) > TILE_GAP])
    return [f"tile{i}" for i in found]


def group_folds(groups: Sequence[str], seed: int) -> NDArray[np.intp]:
    """Whole groups in random order, each to the fold with the fewest parts so far."""
    sizes = {name: list(groups).count(name) for name in dict.fromkeys(groups)}
    load, fold = np.zeros(FOLDS), {}
    for i in np.random.default_rng(seed).permutation(len(sizes)):
        name = list(sizes)[i]
        fold[name] = int(load.argmin())
        load[fold[name]] += sizes[name]
    return np.array([fold[name] for name in groups])


def neu(folder: Path) -> dict[str, Any]:
    """Accuracy in contiguous folds."""
    corpus = Pictures(folder)
    fold = class_folds(corpus.data.target.astype(int), ())
    right = 0
    for k in range(FOLDS):
        judge, _ = corpus.fitted(fold != k)
        found = corpus.judged(judge, fold == k)[0].argmax(1)
        right += int((found == corpus.data.target[fold == k]).sum())
    return {"parts": len(fold), "right": right, "neu_accuracy": right / len(fold)}


def known_defects(corpus: Pictures, fold: NDArray[np.intp], first: Chosen) -> dict[str, float]:
    """Classes and defect against free, with all classes in training."""
    good = corpus.settings.classes.index(GOOD)
    right, value, score = (np.empty(len(fold)) for _ in range(3))
    for k in range(FOLDS):
        held = fold == k
        probabilities, value[held], score[held] = corpus.judged(corpus.fitted(~held)[0], held)
        right[held] = probabilities.argmax(1) == corpus.data.target[held]
    bad = corpus.data.target != good
    return {
        "tile_accuracy": float(right.mean()),
        "tile_auroc": auroc(value, bad), "tile_auroc_exposure_1": auroc(value[first], bad[first]),
        "tile_anomaly_auroc": auroc(score, bad), "tile_anomaly_auroc_exposure_1": auroc(score[first], bad[first]),
    }  # fmt: skip


def unseen_defects(corpus: Pictures, fold: NDArray[np.intp], first: Chosen) -> dict[str, float]:
    """Each class left out of training, told from free tiles within exposure 1 by the anomaly score."""
    classes, target = corpus.settings.classes, corpus.data.target
    good = classes.index(GOOD)
    found = {}
    for left in (k for k in range(len(classes)) if k != good):
        score = np.full(len(fold), np.nan)
        for k in range(FOLDS):
            held = (fold == k) & first & ((target == left) | (target == good))
            score[held] = corpus.judged(corpus.fitted((fold != k) & (target != left))[0], held)[2]
        asked = ~np.isnan(score)
        found[classes[left]] = auroc(score[asked], target[asked] == left)
    return found


def tile(folder: Path, seeds: int) -> dict[str, Any]:
    """Magnetic tiles, the mean over foldings."""
    corpus = Pictures(folder, GOOD, grouped=True)
    first = np.array([name.startswith("exp1_") for name in corpus.names])
    folds = [group_folds(corpus.data.groups, seed) for seed in range(seeds)]
    known = [known_defects(corpus, fold, first) for fold in folds]
    unseen = [unseen_defects(corpus, fold, first) for fold in folds]
    by_class = {name: round(statistics.mean(one[name] for one in unseen), 4) for name in unseen[0]}
    return {
        "parts": len(first), "tiles": len(set(corpus.data.groups)), "foldings": seeds,
        **{name: statistics.mean(one[name] for one in known) for name in known[0]},
        "unseen_by_class": by_class, "unseen_auroc_exposure_1": statistics.mean(by_class.values()),
        **speed(corpus),
    }  # fmt: skip


def speed(corpus: Pictures, count: int = 256, rounds: int = 3) -> dict[str, float]:
    """Pictures a second through the model and through the bare backbone, by turns, and the unit in between."""
    judge, metrics = corpus.fitted(np.ones(len(corpus.names), dtype=bool))
    contents = contents_of(judge, metrics, corpus.settings)
    model = KIND.load(INPUTS, replace(contents, entries=json.loads(json.dumps(contents.entries))), "")
    batch = [corpus.pictures[i % len(corpus.pictures)] for i in range(count)]
    network, inputs = backbone(), [prepare(picture) for picture in batch]

    def bare() -> None:
        with one_thread(), torch.inference_mode():
            for one in inputs:
                network(one, WHOLE)

    model.predict(batch[:8])
    taken = [(timed(bare), timed(lambda: model.predict(batch)), unit()) for _ in range(rounds)]
    alone, gate, loop = (min(column) for column in zip(*taken, strict=True))
    return {
        "images_per_second": count / gate, "bare_images_per_second": count / alone, "unit_seconds": loop,
        "images_a_unit": count / gate * loop, "overhead": gate / alone - 1,
    }  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / "../shared/data")
    parser.add_argument("--seeds", type=int, default=2, help="Foldings of the tiles.")
    arguments = parser.parse_args()
    figures = {"neu_det": neu(arguments.data / "neu_det")}
    figures["magnetic_tile"] = tile(arguments.data / "magnetic_tile", arguments.seeds)
    flat = {name: value for part in figures.values() for name, value in part.items() if isinstance(value, float)}
    bars = {name: {"bar": bar, "found": round(flat[name], 4), "held": flat[name] >= bar} for name, bar in BARS.items()}
    bars["overhead"] = {"bar": 1.0, "found": round(flat["overhead"], 4), "held": flat["overhead"] <= 1}
    rounded = {
        part: {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}
        for part, found in figures.items()
    }
    sys.stdout.write(json.dumps({"benchmark": "models_image", "threads": 1, "bars": bars, **rounded}, indent=2) + "\n")


if __name__ == "__main__":
    main()
