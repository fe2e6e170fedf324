"""River's half-space trees behind three verbs: score, learn, save. The only river import of the product."""

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
    """How many trees, how deep, and how many learnt rows make a window of reference masses."""

    trees: int
    height: int
    window: int
    seed: int


class RarityTrees:
    """How rare a row is by half-space trees (Tan, Ting and Liu, IJCAI 2011), a forest of one machine.

    Features lie in [0, 1] and are never NaN: the caller sees to it, river does not check. Scores depend on the
    masses of the last whole window only, so the rows of one window may be scored in any split. Rarity is
    -log(1 - river's score) = log(largest possible mass / mass found): 0 or more, and at most
    log(2 ** (height + 1) - 1), where river's own score crowds below 1.
    """

    def __init__(self, shape: TreeShape, width: int) -> None:
        # Here, not above: river takes a second to import, and a command that scores nothing should not pay for it.
        from river.anomaly import HalfSpaceTrees

        self.shape = shape
        self._keys = range(width)
        self._forest = HalfSpaceTrees(
            n_trees=shape.trees, height=shape.height, window_size=shape.window, seed=shape.seed
        )

    def score(self, rows: Floats) -> Floats:
        """The rarity of each row, shape (rows, width) to (rows,); 0 until the first window was learnt."""
        score = self._forest.score_one
        return np.array([-math.log(1.0 - score(row)) for row in self._named(rows)], dtype=np.float64)

    def learn(self, rows: Floats) -> None:
        """Count the rows in, in order."""
        for row in self._named(rows):
            self._forest.learn_one(row)

    def save(self) -> dict[str, Any]:
        """The masses and counters, once a row was learnt; the trees themselves follow from shape and width."""
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
        """The forest that `save` saw; ValueError when it is not whole or this river grows other trees."""
        known = require(saved, "the trees", ("trees", "counter", "first", "learning", "reference"))
        forest = cls(shape, width)
        forest._grow()
        if known["trees"] != forest._fingerprint():
            raise ValueError("the saved trees were grown by another version of river; rebuild them from history")
        nodes = [node for tree in forest._forest._tree_nodes for node in tree]
        learning: NDArray[Any] = unpack(known["learning"], (len(nodes),), "<u4")
        reference: NDArray[Any] = unpack(known["reference"], (len(nodes),), "<u4")
        for node, l_mass, r_mass in zip(nodes, learning.tolist(), reference.tolist(), strict=True):
            node.l_mass, node.r_mass = l_mass, r_mass
        forest._forest.counter = whole_number(known["counter"], "the trees' counter")
        forest._forest._first_window = bool(known["first"])
        return forest

    def _named(self, rows: Floats) -> list[Mapping[int, float]]:
        keys = self._keys
        return [dict(zip(keys, row, strict=True)) for row in rows.tolist()]

    def _grow(self) -> None:
        """River grows its trees at the first row; where that row lies has no influence on them."""
        self._forest.learn_one(dict.fromkeys(self._keys, 0.5))

    def _fingerprint(self) -> int:
        """A checksum of every split."""
        splits = [
            (node.feature, node.threshold)
            for tree in self._forest._tree_nodes
            for node in tree
            if hasattr(node, "threshold")
        ]
        return zlib.crc32(np.array(splits, dtype="<f8").tobytes())
