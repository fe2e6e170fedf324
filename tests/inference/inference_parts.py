"""A small generator of measured parts with a known ceiling, for the tests of this folder."""

from __future__ import annotations

import numpy as np

from inference.models.kind import TrainingData, TrainingSettings
from inference.models.shapes.model import ShapeModel
from inference.training import TrainedModel, train
from monitor.model import Floats

POINTS, COVARIATES = 30, 10
INPUTS = tuple(f"p{i:02d}" for i in range(POINTS)) + tuple(f"c{i}" for i in range(COVARIATES))


def make_parts(count: int = 800, seed: int = 0, noise: float = 0.33) -> tuple[Floats, Floats, list[str], Floats]:
    """Rows, outcomes, serials, and the outcomes without their noise.

    A profile is a mean line, three modes, gauge noise and a random misalignment (offset and tilt); the outcome is a
    nonlinear function of two modes and four covariates with an interaction, plus noise.
    """
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, POINTS)
    modes = np.stack([1 - x**2, np.sin(np.pi * x), np.cos(2 * np.pi * x)])
    amount = rng.normal(size=(count, 3)) * [0.20, 0.12, 0.05]
    misaligned = rng.normal(size=(count, 2)) * [0.10, 0.08] @ np.stack([np.ones(POINTS), x])
    profile = 2 * np.sqrt(1 - 0.9 * x**2) + amount @ modes + misaligned + 0.02 * rng.normal(size=(count, POINTS))
    covariates = rng.normal(size=(count, COVARIATES)) * 3 + 50
    c, a = (covariates - 50) / 3, amount / [0.20, 0.12, 0.05]
    truth = 0.7 * a[:, 0] + 0.5 * np.tanh(1.5 * a[:, 1]) + 0.25 * (a[:, 0] ** 2 - 1) + 0.3 * c[:, 0]
    truth = truth + 0.3 * np.sin(1.2 * c[:, 1]) + 0.2 * a[:, 0] * c[:, 2] + 0.2 * c[:, 3]
    outcome = truth + noise * rng.normal(size=count)
    serials = [f"B{seed}-{i:06d}" for i in range(count)]
    return np.hstack([profile, covariates]), 12 + 0.1 * outcome, serials, 12 + 0.1 * truth


def train_small(count: int = 400, seed: int = 0, epochs: int = 60) -> TrainedModel:
    """A model trained briefly: good enough to have skill, fast enough for every test."""
    rows, target, serials, _ = make_parts(count, seed)
    return train(TrainingData(rows, target, serials), settings(epochs, seed))


def settings(epochs: int = 60, seed: int = 1, max_missing: float = 0.0, line: bool = True) -> TrainingSettings:
    """Of a gate on these parts."""
    return TrainingSettings(INPUTS, POINTS, 0.9, epochs, seed, max_missing, line)


def shape_of(trained: TrainedModel, digest: str = "digest") -> ShapeModel:
    """The shape model that was trained."""
    model = trained.model(digest)
    assert isinstance(model, ShapeModel)
    return model
