"""A simulated line of four steps with gates after the first two: what an ensemble of the later gates gets to see.

A latent state of each part (three numbers, partly of its lot) shapes a profile of 24 points at step 1. Steps 2 and 3
add process values, step 3 a recipe, step 4 two windows of its machine. The outcome depends on all of them, in part by
products and curves; its noise is known, and with it the least error that anybody can reach. The gates of steps 1 and 2
are ridge regressions that learnt on earlier parts of the line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.models.kind import TrainingData, TrainingSettings
from monitor.model import Floats

NOISE = 0.55
LOT = 30
_EARLIER = 400
_POINTS = 24
RECIPES = ("r1", "r2", "r3")
BLOCKS = {
    "gate_1": ("p1", "code_1", "code_2", "code_3"),
    "step_2": ("p2", "a1", "a2", "a3"),
    "step_3": ("b1", "b2", "b3", "recipe"),
    "step_4": ("w1", "w2"),
}
INPUTS = tuple(name for block in BLOCKS.values() for name in block)
SETTINGS = TrainingSettings(INPUTS, 0, 0.9, 0, 1, categories={"recipe": RECIPES})


@dataclass(frozen=True)
class Line:
    """Parts in order of time: what the ensemble sees, the profile, the outcome, and its mean (parts,) without noise."""

    data: TrainingData
    profile: Floats
    expected: Floats

    def missing(self, share: float, seed: int) -> TrainingData:
        """The same with a share of every block missing, the blocks independently."""
        rng, rows = np.random.default_rng(seed), self.data.table.copy()
        for block in BLOCKS.values():
            gone = rng.random(len(rows)) < share
            rows[np.ix_(gone, [INPUTS.index(name) for name in block])] = np.nan
        return TrainingData(rows, self.data.target, self.data.serials, self.data.groups)


def line(parts: int, seed: int) -> Line:
    """The parts after the earlier ones that the first two gates learnt on."""
    rng = np.random.default_rng(seed)
    count = parts + _EARLIER
    lots = np.arange(count) // LOT
    latent = np.sqrt(0.3) * rng.normal(size=(lots[-1] + 1, 3))[lots] + np.sqrt(0.7) * rng.normal(size=(count, 3))
    x = np.linspace(-1, 1, _POINTS)
    modes = np.stack([1 - x**2, np.sin(np.pi * x), np.cos(2 * np.pi * x)])
    profile = latent @ modes + 0.25 * rng.normal(size=(count, _POINTS))
    values, windows = rng.normal(size=(count, 6)), rng.normal(size=(count, 2))
    recipe = rng.integers(0, len(RECIPES), count)
    expected = _outcome(latent, values, windows, recipe)
    outcome = expected + NOISE * rng.normal(size=count)
    code = _code(profile)
    first = _ridge(profile, outcome)
    second = _ridge(np.hstack([code, values[:, :3]]), outcome)
    rows = np.column_stack([first, code, second, values, recipe, windows])[_EARLIER:]
    serials = [f"P{i}" for i in range(parts)]
    groups = [f"L{lot}" for lot in lots[_EARLIER:]]
    return Line(TrainingData(rows, outcome[_EARLIER:], serials, groups), profile[_EARLIER:], expected[_EARLIER:])


def _outcome(latent: Floats, values: Floats, windows: Floats, recipe: np.ndarray) -> Floats:
    bent = 0.35 * (latent[:, 1] ** 2 - 1) + 0.4 * np.sin(1.5 * values[:, 1])
    crossed = 0.35 * latent[:, 0] * values[:, 0] + 0.35 * latent[:, 2] * values[:, 3]
    return 0.7 * latent[:, 0] + bent + crossed + 0.35 * values[:, 4] + 0.3 * (recipe == 1) + 0.3 * windows[:, 0]


def _code(profile: Floats) -> Floats:
    """Scores on the first three principal axes of the earlier parts."""
    middle = profile[:_EARLIER].mean(axis=0)
    axes = np.linalg.svd(profile[:_EARLIER] - middle, full_matrices=False)[2][:3]
    return (profile - middle) @ axes.T


def _ridge(columns: Floats, outcome: Floats) -> Floats:
    """Predictions for all parts by what the earlier ones taught."""
    learnt, truth = columns[:_EARLIER], outcome[:_EARLIER]
    away = learnt - learnt.mean(axis=0)
    slope = np.linalg.solve(away.T @ away + np.eye(away.shape[1]), away.T @ (truth - truth.mean()))
    return truth.mean() + (columns - learnt.mean(axis=0)) @ slope
