"""A wrapper of river's half-space trees: score, learn, save, restore. No other module imports river."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.shared.state import pack, require, unpack, whole_number
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class TreeShape:
    """The number of trees, their height, the rows learnt before reference masses are replaced, and the seed."""

    trees: int
    height: int
    window: int
    seed: int


class RarityTrees:
    """The rarity of rows of one machine by half-space trees (Tan, Ting and Liu, IJCAI 2011).

    Features must lie in [0, 1] and not be NaN; river does not check this. Scores depend on the masses of the last
    complete window only, so the rows of one window may be scored in batches of any size. Rarity is
    -log(1 - river's score) = log(largest possible mass / observed mass), between 0 and log(2 ** (height + 1) - 1);
    it resolves rare rows, whose river scores are all close to 1.
    """

    def __init__(self, shape: TreeShape, width: int) -> None:
        # Imported late: river takes a second to import, and commands that score nothing do not need it.
        from river.anomaly import HalfSpaceTrees

        self.shape = shape
        self._keys = range(width)
        self._forest = HalfSpaceTrees(
            n_trees=shape.trees, height=shape.height, window_size=shape.window, seed=shape.seed
        )

    def score(self, rows: Floats) -> Floats:
        """The rarity of each row, shape (rows, width) to (rows,); 0 until the first window has been learnt."""
        score = self._forest.score_one
        return np.array([-math.log(1.0 - score(row)) for row in self._named(rows)], dtype=np.float64)

    def learn(self, rows: Floats) -> None:
        """Learn the rows, shape (rows, width), in order."""
        for row in self._named(rows):
            self._forest.learn_one(row)

    def save(self) -> dict[str, Any]:
        """The masses and counters; needs at least one learnt row. The trees themselves follow from shape and width."""
        nodes = [node for tree in self._forest._tree_nodes for node in tree]
        return {
            "trees": self._fingerprint(),
            "counter": self._forest.counter,
            "first": self._forest._first_window,
            "learning": pack(np.array([node.l_mass for node in nodes]), "<u4"),
            "reference": pack(np.array([node.r_mass for node in nodes]), "<u4"),
        }

    @classmethod
    def restore(cls, shape: TreeShape, width: int, saved: object) -> RarityTrees:
        """The forest that was saved; ValueError when it is incomplete or this version of river grows other trees."""
        fields = require(saved, "the trees", ("trees", "counter", "first", "learning", "reference"))
        forest = cls(shape, width)
        forest._grow()
        if fields["trees"] != forest._fingerprint():
            raise ValueError("the saved trees were grown by another version of river; rebuild them from history")
        nodes = [node for tree in forest._forest._tree_nodes for node in tree]
        learning: NDArray[Any] = unpack(fields["learning"], (len(nodes),), "<u4")
        reference: NDArray[Any] = unpack(fields["reference"], (len(nodes),), "<u4")
        for node, l_mass, r_mass in zip(nodes, learning.tolist(), reference.tolist(), strict=True):
            node.l_mass, node.r_mass = l_mass, r_mass
        forest._forest.counter = whole_number(fields["counter"], "the trees' counter")
        forest._forest._first_window = bool(fields["first"])
        return forest

    def _named(self, rows: Floats) -> list[Mapping[int, float]]:
        keys = self._keys
        return [dict(zip(keys, row, strict=True)) for row in rows.tolist()]

    def _grow(self) -> None:
        """Make river grow its trees, which it does at the first row; they do not depend on that row's values."""
        self._forest.learn_one(dict.fromkeys(self._keys, 0.5))

    def _fingerprint(self) -> int:
        """A checksum of all splits of the trees."""
        splits = [
            (node.feature, node.threshold)
            for tree in self._forest._tree_nodes
            for node in tree
            if hasattr(node, "threshold")
        ]
        return zlib.crc32(np.array(splits, dtype="<f8").tobytes())
