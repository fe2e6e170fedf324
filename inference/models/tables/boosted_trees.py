"""Gradient boosted trees for classes (Ke et al., "LightGBM", NeurIPS 2017): fitting by stages, and scores a row.

Beside the inputs the trees see products, differences and ratios of the few numeric inputs that matter most: a tree
cuts along one axis at a time, and torque times speed is one cut instead of twenty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import lightgbm
import numpy as np

from inference.models.tables.tree_text import stripped, verified
from monitor.model import LARGEST_NUMBER, Floats

STAGE = 10
"""Trees a class between two looks at the scores."""
MOST_TREES = 400
"""Trees a class, at most."""
_PAIRED = 6  # inputs whose pairs are formed: 45 columns
_SCOUTS = 30  # trees a class that choose these inputs
_PARAMETERS = {
    # chosen on steel_plates and the first three quarters of ai4i2020: small trees and few rows a leaf lose least
    "learning_rate": 0.05, "num_leaves": 8, "min_data_in_leaf": 10, "feature_fraction": 0.7, "bagging_fraction": 0.8,
    "bagging_freq": 1, "lambda_l2": 1.0, "min_data_per_group": 10, "verbosity": -1, "num_threads": 1,
    "deterministic": True, "force_row_wise": True, "feature_pre_filter": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """What the trees see: inputs by position, those among them that are categories, and pairs of numeric inputs."""

    inputs: tuple[int, ...]
    categories: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """How many columns."""
        return len(self.inputs) + 3 * len(self.pairs)

    def of(self, rows: Floats) -> Floats:
        """The columns (rows, count) of rows (rows, inputs); NaN where an input is missing."""
        given = rows[:, list(self.inputs)]
        left, right = (rows[:, [pair[side] for pair in self.pairs]] for side in (0, 1))
        divisor = np.where(right == 0, np.nan, right)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            columns = np.hstack([given, left * right, left - right, left / divisor])
        return np.clip(columns, -LARGEST_NUMBER, LARGEST_NUMBER)


class BoostedTrees:
    """Trees with the columns they see."""

    def __init__(self, columns: Columns, classes: int, text: bytes) -> None:
        """From a text of `tree_text`; ValueError where it is not one, or not of these columns and classes."""
        self.columns, self.classes, self.text = columns, classes, text
        self._booster = lightgbm.Booster(model_str=verified(text, columns.count, classes))

    def scores(self, rows: Floats) -> Floats:
        """Scores (rows, classes), to be turned into probabilities by softmax."""
        if not len(rows):
            return np.empty((0, self.classes))
        return _scores(self._booster, self.columns.of(rows), self.classes)


def _scores(booster: lightgbm.Booster, columns: Floats, classes: int, start: int = 0) -> Floats:
    raw = booster.predict(
        columns, raw_score=True, num_threads=1, start_iteration=start, num_iteration=-1, validate_features=False
    )
    found = np.asarray(raw, dtype=np.float64)
    return np.column_stack([np.zeros(len(found)), found]) if classes == 2 else found.reshape(len(columns), classes)


class Growing:
    """Trees that grow by stages on some rows; the scores of other rows are known after every stage."""

    def __init__(
        self,
        rows: Floats,
        target: Floats,
        classes: int,
        inputs: Sequence[int],
        categories: Sequence[int],
        seed: int,
        weights: Floats | None = None,
    ) -> None:
        """`weights` (rows,) say how many rows each counts as; None: one each."""
        self.classes, self._seed, self._weights = classes, seed, weights
        scout = Columns(tuple(inputs), tuple(categories), ())
        booster = self._grown(scout, rows, target, _SCOUTS)
        gain = dict(zip(inputs, booster.feature_importance("gain").tolist(), strict=True))
        numeric = sorted((i for i in inputs if i not in categories and gain[i] > 0), key=lambda i: -gain[i])
        self.columns = Columns(scout.inputs, scout.categories, tuple(combinations(sorted(numeric[:_PAIRED]), 2)))
        self._booster = self._grown(self.columns, rows, target, 0)
        self.stages = 0

    def _grown(self, columns: Columns, rows: Floats, target: Floats, trees: int) -> lightgbm.Booster:
        kind = {"objective": "binary"} if self.classes == 2 else {"objective": "multiclass", "num_class": self.classes}
        places = [i for i, column in enumerate(columns.inputs) if column in columns.categories]
        parameters = {**_PARAMETERS, **kind, "seed": self._seed % 2**31}
        data = lightgbm.Dataset(
            columns.of(rows), target, weight=self._weights, categorical_feature=places, params=parameters
        )
        booster = lightgbm.Booster(parameters, data)
        for _ in range(trees):
            booster.update()
        return booster

    def grow(self, watched: Floats) -> Floats:
        """Grow by one stage; what it adds to the scores (rows, classes) of the watched rows."""
        for _ in range(STAGE):
            self._booster.update()
        self.stages += 1
        if not len(watched):
            return np.empty((0, self.classes))
        return _scores(self._booster, self.columns.of(watched), self.classes, (self.stages - 1) * STAGE)

    def trees(self) -> BoostedTrees:
        """What has grown so far."""
        text = stripped(self._booster.model_to_string(), self.columns.count, self.classes)
        return BoostedTrees(self.columns, self.classes, text)
