"""Parts of the small plant for its drift job, and what the board says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from spine_kit import T0, Spine, SumModel

from monitor.jobs.drift import DriftJob
from monitor.model import Floats
from monitor.pipeline.judging import InForce
from monitor.store.database import tables as t

SMALL = {"store: {snapshot_rows: 10}": "store: {snapshot_rows: 10}\ndrift: {reference_rows: 120, window_rows: 30}"}


class OneModel:
    """Models in force with one model, which a test may change."""

    def __init__(self, digest: str | None = "sum", weight: float = 1.0) -> None:
        self.digest, self.weight = digest, weight

    def for_gates(self, gates: Sequence[str]) -> dict[str, InForce]:
        model: Any = None if self.digest is None else Weighted(digest=self.digest, weight=self.weight)
        return {gate: InForce(model, None, "w", "1", self.digest or "") for gate in gates}


class Weighted(SumModel):
    """Predicts a multiple of the sum of its inputs."""

    def __init__(self, digest: str, weight: float) -> None:
        super().__init__(digest=digest)
        object.__setattr__(self, "weight", weight)

    def predict(self, rows: Floats) -> Sequence[Any]:
        return super().predict(rows * self.weight)  # type: ignore[attr-defined]


def job(spine: Spine, models: OneModel | None = None) -> DriftJob:
    """The drift job of the spine's plant."""
    return DriftJob(spine.store, spine.plant, models or OneModel())  # type: ignore[arg-type]


def parts(
    spine: Spine, count: int, first: int = 0, seed: int = 1, change: Callable[[Floats], Floats] = lambda rows: rows
) -> datetime:
    """Parts through `form`, one a minute, in the MES and pulled; when the last was known."""
    rows = change(10 + np.random.default_rng([seed, first]).standard_normal((count, 4)))
    at = T0
    made: list[tuple[Any, ...]] = []
    for i, row in enumerate(rows.tolist()):
        at = T0 + timedelta(minutes=first + i)
        values = [None if value != value else value for value in row]
        made.append((f"S{first + i:04d}", "form", 1, "L", at, at, *values))
    spine.rows("PARTS", *made)
    spine.run(spine.pull("parts"), at)
    return at


def board(spine: Spine) -> dict[tuple[str, str, str, str], Any]:
    """The rows of the board by (detector, method, subject, feature)."""
    return {(r.detector, r.method, r.subject, r.feature): r for r in spine.all(t.board) if "drift" in r.detector}
