"""How flags are judged against labels: by rows, by runs of rows, by NAB's windows. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.detect.data import Flags
from monitor.model import Floats

STANDARD: Mapping[str, float] = {"tpWeight": 1.0, "fpWeight": 0.11, "fnWeight": 1.0}
"""NAB's standard profile."""


@dataclass(frozen=True, slots=True)
class RowScore:
    """F1 of the anomalous rows, the share of normal rows flagged, the share of anomalous rows missed."""

    f1: float
    false_alarm_rate: float
    missed_rate: float


def row_score(flagged: Flags, anomalous: Flags) -> RowScore:
    """Both (rows,). A share of no rows is 0."""
    hit = int((flagged & anomalous).sum())
    called, true = int(flagged.sum()), int(anomalous.sum())
    normal = len(anomalous) - true
    return RowScore(
        2 * hit / (called + true) if hit else 0.0,
        (called - hit) / normal if normal else 0.0,
        (true - hit) / true if true else 0.0,
    )


def first_run(flagged: Flags, rows: int) -> int | None:
    """The row that completes the first `rows` flagged rows in a row; None where there is none."""
    if len(flagged) < rows:
        return None
    ends = np.convolve(flagged, np.ones(rows, dtype=int))[rows - 1 : len(flagged)]
    found = np.flatnonzero(ends == rows)
    return int(found[0]) + rows - 1 if found.size else None


def breaches(flagged: Flags, to_start: int = 5, to_end: int = 20) -> list[int]:
    """The rows at which breaches start: `to_start` flagged rows in a row start one, `to_end` others end it."""
    starts, inside, run = [], False, 0
    for row, flag in enumerate(flagged.tolist()):
        run = run + 1 if flag != inside else 0
        if run == (to_end if inside else to_start):
            inside, run = not inside, 0
            if inside:
                starts.append(row)
    return starts


def intervals_held(intervals: Floats, truth: Floats) -> tuple[int, int]:
    """How many intervals are stated, and how many of them hold the truth (rows,). `intervals`: (rows, 2), NaN: none."""
    stated = ~np.isnan(intervals).any(axis=1)
    held = (intervals[:, 0] <= truth) & (truth <= intervals[:, 1])
    return int(stated.sum()), int((stated & held).sum())


# ---- NAB: Lavin and Ahmad, Evaluating real-time anomaly detection algorithms, ICMLA 2015


def probation(rows: int) -> int:
    """The first rows of a series, which are not scored: 15 %, of at most 5,000 rows."""
    return int(0.15 * min(rows, 5000))


def sigmoid(position: float) -> float:
    """What a detection is worth, from 1 to -1. Position -1 is the start of a window, 0 its end; beyond 3 it is -1."""
    return -1.0 if position > 3 else 2.0 / (1.0 + float(np.exp(5.0 * position))) - 1.0


def nab_counts(
    detections: Iterable[int], windows: Sequence[tuple[int, int]], rows: int, weights: Mapping[str, float] = STANDARD
) -> tuple[float, int, int]:
    """The raw score of a series, the windows found, and the detections outside all windows.

    `detections`: rows, in order; `windows`: first and last row, inclusive, in order. The first detection inside a
    window counts, by its position; one outside costs the more, the further it is behind the window before it.
    """
    since = probation(rows)
    found: dict[tuple[int, int], float] = {}
    score, false = 0.0, 0
    for row in detections:
        if row < since:
            continue
        inside = next((w for w in windows if w[0] <= row <= w[1]), None)
        if inside is not None:
            position = -(inside[1] - row + 1) / (inside[1] - inside[0] + 1)
            found.setdefault(inside, sigmoid(position) / sigmoid(-1.0))
            continue
        before = next((w for w in reversed(windows) if w[1] < row), None)
        worth = -1.0 if before is None else sigmoid((row - before[1]) / max(before[1] - before[0], 1))
        score, false = score + weights["fpWeight"] * worth, false + 1
    missed = len(windows) - len(found)
    score += weights["tpWeight"] * sum(found.values()) - weights["fnWeight"] * missed
    return score, len(found), false


def nab_normalised(raw: float, windows: int, weights: Mapping[str, float] = STANDARD) -> float:
    """100 for a perfect detector, 0 for one that never detects."""
    null = -weights["fnWeight"] * windows
    return 100.0 * (raw - null) / (weights["tpWeight"] * windows - null)


def change_score(
    detected: Floats, changes: Floats, window: float, weights: Mapping[str, float] = STANDARD
) -> tuple[float, int, int]:
    """The raw score of a run, the change points found, and the detections that belong to none.

    As SKAB scores change points: all times in s, a window of that length opens at each change point and is cut where
    the next one opens. The first detection in it counts, from the true weight at its start down to the false one at
    its end.
    """
    score, found, used = 0.0, 0, np.zeros(len(detected), dtype=bool)
    for change, next_one in zip(changes, [*changes[1:], np.inf], strict=True):
        ends = min(change + window, next_one)
        inside = np.flatnonzero((detected >= change) & (detected <= ends) & ~used)
        used[inside] = True
        if inside.size:
            found += 1
            score += _falling((detected[inside[0]] - change) / (ends - change), weights)
    false = int((~used).sum())
    score -= weights["fpWeight"] * false + weights["fnWeight"] * (len(changes) - found)
    return score, found, false


def _falling(share: float, weights: Mapping[str, float]) -> float:
    """From the true weight at 0 down to minus the false one at 1, along a sigmoid."""
    top, bottom, steep = weights["tpWeight"], -weights["fpWeight"], np.pi / 2
    fallen = 0.5 * (1.0 + float(np.tanh(steep * (2.0 * share - 1.0)) / np.tanh(steep)))
    return top + (bottom - top) * fallen
