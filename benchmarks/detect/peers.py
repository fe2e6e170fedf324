"""Detectors of other libraries on the same rows: river's half-space trees and ADWIN, Evidently and NannyML by
windows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pandas as pd

from monitor.model import Floats

_CHANCE = 0.99
"""The quantile of the reference's own scores that is a peer's limit, where the peer has none."""
WINDOW_ROWS = 100
"""Rows that Evidently and NannyML compare with the reference at a time."""


class HalfSpaceTrees:
    """river's half-space trees as its documentation uses them: scaled rows, score, then learn, a row at a time."""

    page_limit = np.inf

    def fit(self, reference: Floats) -> HalfSpaceTrees:
        """Scale by the reference, learn it, and take the limit from its second half's scores."""
        from river.anomaly import HalfSpaceTrees as Trees

        self._low, high = reference.min(axis=0), reference.max(axis=0)
        self._span = np.where(high > self._low, high - self._low, 1.0)
        self._trees = Trees(n_trees=25, height=8, window_size=min(250, len(reference) // 2), seed=42)
        scores = self._pass(reference)
        self._limit = max(float(np.quantile(scores[len(scores) // 2 :], _CHANCE)), 1e-9)
        return self

    def _pass(self, rows: Floats) -> Floats:
        scaled = np.clip((rows - self._low) / self._span, 0.0, 1.0)
        scores = np.empty(len(rows))
        for i, row in enumerate(scaled.tolist()):
            named = dict(enumerate(row))
            scores[i] = self._trees.score_one(named)
            self._trees.learn_one(named)
        return scores

    def score(self, rows: Floats) -> Floats:
        """The scores in units of the limit."""
        return self._pass(rows) / self._limit


def adwin(reference: Floats, rows: Floats) -> Sequence[int]:
    """The rows at which ADWIN of any sensor detects a change; none within 30 rows after another."""
    return quiet([i for i in adwin_rows(np.concatenate([reference, rows])) if i >= len(reference)], len(reference))


def adwin_rows(rows: Floats) -> Sequence[int]:
    """The rows at which river's ADWIN detects a change in any sensor, with its default parameters."""
    from river.drift import ADWIN

    found: set[int] = set()
    for column in rows.T:
        detector = ADWIN()
        for i, value in enumerate(column.tolist()):
            detector.update(value)
            if detector.drift_detected:
                found.add(i)
    return sorted(found)


def quiet(rows: Sequence[int], first: int, gap: int = 30) -> list[int]:
    """Rows counted from `first`, without those within `gap` rows of the one kept before."""
    kept: list[int] = []
    for row in rows:
        if not kept or row - first - kept[-1] >= gap:
            kept.append(row - first)
    return kept


class Evidently:
    """Evidently's DataDriftPreset on windows of rows: every row of a window in which the data set drifts is flagged."""

    page_limit = np.inf

    def fit(self, reference: Floats) -> Evidently:
        """Keep the reference."""
        self._reference = _frame(reference)
        return self

    def score(self, rows: Floats) -> Floats:
        """2 for the rows of a window that drifts as a whole, else 0; a row is judged when its window is complete."""
        edges = [*range(0, len(rows), WINDOW_ROWS), len(rows)]
        out = np.zeros(len(rows))
        for start, stop in pairwise(edges):
            out[start:stop] = 2.0 * _drifts(self._reference, _frame(rows[start:stop]))
        return out


class NannyML:
    """NannyML's data reconstruction on windows of rows (principal axes of the reference, its own limits).

    NannyML 0.13.1 wants an older LightGBM than the product, so that it cannot be installed beside it.
    """

    page_limit = np.inf

    def fit(self, reference: Floats) -> NannyML:
        """Learn the axes."""
        os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # read when it is imported
        import nannyml

        frame = _frame(reference)
        self._calculator = nannyml.DataReconstructionDriftCalculator(list(frame), chunk_size=WINDOW_ROWS)
        self._calculator.fit(frame)
        return self

    def score(self, rows: Floats) -> Floats:
        """2 for the rows of a window beyond the limits, else 0; a row is judged when its window is complete."""
        found = self._calculator.calculate(_frame(rows)).filter(period="analysis").to_df()
        out = np.zeros(len(rows))
        chunks = found["chunk"][["start_index", "end_index"]].to_numpy().tolist()
        for (first, last), alert in zip(chunks, found["reconstruction_error"]["alert"].tolist(), strict=True):
            out[first : last + 1] = 2.0 * bool(alert)
        return out


def installed(library: str) -> bool:
    """Whether a peer that is no dependency can be measured."""
    return find_spec(library) is not None


def _frame(rows: Floats) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[f"s{i}" for i in range(rows.shape[1])])


def _drifts(reference: pd.DataFrame, current: pd.DataFrame) -> bool:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    result = Report([DataDriftPreset()]).run(current, reference).dict()
    share = next(m["value"]["share"] for m in result["metrics"] if "DriftedColumnsCount" in str(m["metric_name"]))
    return bool(share >= 0.5)
