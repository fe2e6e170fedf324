"""Scores as a CSV file, a line a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from detectors.standalone.judging import LIMIT, Judged

COLUMNS = ("time", "score", "limit", "anomaly", "change", "top_sensor")


def scores_text(judged: Judged, times: Sequence[str] | None, names: Sequence[str]) -> str:
    """The file's text, with COLUMNS; the time is the row's number from 1 where there is none, and nothing stands where
    a row could not be judged.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    limit = f"{LIMIT:g}"
    rows = zip(judged.score.tolist(), judged.anomaly.tolist(), judged.change.tolist(), judged.top.tolist(), strict=True)
    for number, (score, anomaly, change, top) in enumerate(rows):
        time = number + 1 if times is None else times[number]
        known = "" if np.isnan(score) else f"{score:.6g}"
        writer.writerow([time, known, limit, int(anomaly), int(change), names[top] if top >= 0 else ""])
    return file.getvalue()


def summary(judged: Judged, names: Sequence[str]) -> str:
    """What was found, in a sentence or two."""
    rows = len(judged.score) - judged.reference
    anomalies, changes = int(judged.anomaly.sum()), int(judged.change.sum())
    said = f"{rows} rows judged after a reference of {judged.reference}: {anomalies} anomalous, {changes} change points"
    if not anomalies:
        return said
    first = int(np.argmax(judged.anomaly))
    blamed = np.bincount(judged.top[judged.anomaly & (judged.top >= 0)], minlength=len(names))
    return f"{said}; first in row {first + 1}, most often by {names[int(blamed.argmax())]}"
