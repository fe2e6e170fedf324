"""Each benchmark of `make bench-detect` on public data: a subject and a folder in, its figures out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, Protocol

import numpy as np

from benchmarks.detect import data, hydraulics, scoring
from monitor.model import Floats

TRAIN_ROWS, CHANGE_WINDOW_S, EVERY = 400, 60.0, 60
IN_A_ROW, EARLY_CYCLES = 5, 150
TEP_FAULT_ROW, TEP_MINUTES = 160, 3


class Judge(Protocol):
    """A detector that has learnt its reference. Successive calls continue where the one before ended."""

    def score(self, rows: Floats) -> Floats:
        """A score for each row (rows,); above 1 is anomalous."""


class Subject(Protocol):
    """What is measured."""

    page_limit: float
    """The score at which a person is called."""

    def fit(self, reference: Floats) -> Judge:
        """Learn what is normal from rows (rows, sensors)."""


Changes = Callable[[Floats, Floats], Sequence[int]]
"""Reference and rows that follow it, to the rows at which the streams change, counted from the first of the latter."""
Events = Callable[[data.Series, int], Floats]
"""A series, and how many of its first rows are not scored, to a score for each row (rows,); above 1 is an event."""
TimeLeft = Callable[[Floats, Floats], Floats]
"""Reference and rows that follow it, to the least and the most rows left to the end at each (rows, 2); NaN: unsaid."""


def following(subject: Subject, reference: Floats, rows: Floats) -> Floats:
    """The scores of rows (rows,) that follow their reference in time, so that the detector has seen it pass."""
    judge = subject.fit(reference)
    judge.score(reference)
    return judge.score(rows)


def skab_outliers(subject: Subject, runs: Sequence[data.Run]) -> Mapping[str, Any]:
    """F1, false alarms and misses over the rows of all runs after their first 400."""
    flagged, true = [], []
    for run in runs:
        flagged.append(following(subject, run.values[:TRAIN_ROWS], run.values[TRAIN_ROWS:]) > 1)
        true.append(run.anomalous[TRAIN_ROWS:])
    anomalous = np.concatenate(true)
    found = scoring.row_score(np.concatenate(flagged), anomalous)
    always = scoring.row_score(np.ones_like(anomalous), anomalous)
    return {
        "files": len(runs), "rows": len(anomalous), "f1": round(found.f1, 4),
        "false_alarm_rate": round(found.false_alarm_rate, 4), "missed_rate": round(found.missed_rate, 4),
        "f1_of_always_alarming": round(always.f1, 4),
    }  # fmt: skip


def skab_changes(changes: Changes, runs: Sequence[data.Run]) -> Mapping[str, Any]:
    """NAB's score of change points in a window of 60 s, and that of an alarm every 60 rows."""
    ours = [np.asarray(changes(r.values[:TRAIN_ROWS], r.values[TRAIN_ROWS:]), dtype=int) for r in runs]
    every = [np.arange(EVERY, len(r.values) - TRAIN_ROWS, EVERY) for r in runs]
    return {"files": len(runs), **_changes(runs, ours), "every_60_rows": _changes(runs, every)}


def _changes(runs: Sequence[data.Run], detected: Sequence[Any]) -> Mapping[str, Any]:
    raw, found, false, of = 0.0, 0, 0, 0
    for run, rows in zip(runs, detected, strict=True):
        true = run.at[TRAIN_ROWS:][run.changed[TRAIN_ROWS:]]
        score, hit, wrong = scoring.change_score(run.at[TRAIN_ROWS:][rows], true, CHANGE_WINDOW_S)
        raw, found, false, of = raw + score, found + hit, false + wrong, of + len(true)
    return {"score": round(scoring.nab_normalised(raw, of), 1), "found": found, "of": of, "false": false}


def tep(subject: Subject, normal: Floats, test: Floats, faults: Mapping[int, Floats]) -> Mapping[str, Any]:
    """Share of faulty rows flagged, false alarms on the normal test run, and the delay of each fault in minutes."""
    shares, delays = {}, {}
    for number, rows in faults.items():
        late = subject.fit(normal).score(rows)[TEP_FAULT_ROW:] > 1
        shares[number] = float(late.mean())
        first = scoring.first_run(late, IN_A_ROW)
        delays[number] = None if first is None else TEP_MINUTES * (first + 1)
    return {
        "faults": len(faults), "detection_rate": round(float(np.mean(list(shares.values()))), 4),
        "false_alarm_rate": round(float((subject.fit(normal).score(test) > 1).mean()), 4),
        "by_fault": {
            str(n): {"detection_rate": round(shares[n], 3), "delay_minutes": delays[n]} for n in faults
        },
    }  # fmt: skip


def nab(events: Events, series: Sequence[data.Series], weights: Mapping[str, float]) -> Mapping[str, Any]:
    """The standard profile's score with the event score at its limit, and at the best one threshold of all."""
    scores = [events(one, scoring.probation(len(one.values))) for one in series]
    most = np.concatenate(scores)
    limits = np.unique(np.quantile(most[most > 0], np.linspace(0, 1, 200))) if (most > 0).any() else np.array([1.0])
    at_best = max((_nab(series, scores, limit, weights) for limit in limits), key=lambda found: found["score"])
    return {"series": len(series), **_nab(series, scores, 1.0, weights), "best_threshold": at_best}


def _nab(
    series: Sequence[data.Series], scores: Sequence[Floats], limit: float, weights: Mapping[str, float]
) -> dict[str, Any]:
    raw, found, false = 0.0, 0, 0
    for one, score in zip(series, scores, strict=True):
        rows = np.flatnonzero(score > limit).tolist()
        more, hit, wrong = scoring.nab_counts(rows, one.windows, len(one.values), weights)
        raw, found, false = raw + more, found + hit, false + wrong
    of = sum(len(one.windows) for one in series)
    return {
        "score": round(scoring.nab_normalised(raw, of, weights), 1), "found": found, "of": of, "false": false,
        "limit": round(float(limit), 4),
    }  # fmt: skip


def engines(subject: Subject, lives: Sequence[Floats], time_left: TimeLeft | None = None) -> Mapping[str, Any]:
    """How many engines are noticed before they fail, and how many cycles before, at both limits."""
    leads: dict[str, list[int]] = {"flag": [], "page": []}
    left: list[tuple[Floats, Floats]] = []
    for life in lives:
        learnt = reference_cycles(len(life))
        if time_left is not None:
            intervals = time_left(life[:learnt], life[learnt:])
            left.append((intervals, np.arange(len(intervals) - 1, -1, -1, dtype=np.float64)))
        scores = following(subject, life[:learnt], life[learnt:])
        for what, limit in (("flag", 1.0), ("page", subject.page_limit)):
            first = scoring.first_run(scores > limit, IN_A_ROW)
            if first is not None:
                leads[what].append(len(scores) - 1 - first)
    told = {what: _leads(found) for what, found in leads.items()}
    return {"engines": len(lives), **told, "time_left": _time_left(left) if left else None}


def _time_left(left: Sequence[tuple[Floats, Floats]]) -> Mapping[str, Any]:
    """The share of intervals that hold the rows that were left, over all rows of all lives, and how wide they are."""
    intervals, truth = (np.concatenate(column) for column in zip(*left, strict=True))
    stated, held = scoring.intervals_held(intervals, truth)
    lives = sum(bool(np.isfinite(one).all(axis=1).any()) for one, _ in left)
    widths = np.diff(intervals[np.isfinite(intervals).all(axis=1)], axis=1)
    return {
        "lives": lives, "stated": stated, "held": round(held / stated, 4) if stated else None,
        "median_width": round(float(np.median(widths)), 1) if stated else None,
    }  # fmt: skip


def reference_cycles(life: int) -> int:
    """The first 30 % of a life, at least 60 and at most 100 cycles."""
    return min(max(int(0.3 * life), 60), 100)


def _leads(leads: Sequence[int]) -> Mapping[str, Any]:
    return {
        "noticed": len(leads), "median_lead": median(leads) if leads else None, "shortest": min(leads, default=None),
        "early": sum(lead > EARLY_CYCLES for lead in leads),
    }  # fmt: skip


def hydraulic(subject: Subject, draws: Sequence[Sequence[hydraulics.Press]]) -> Mapping[str, Any]:
    """The worse rows of each press up to its first flag, over several draws, and the healthy rows flagged before."""
    found: dict[str, Any] = {}
    for same in zip(*draws, strict=True):
        scores = [following(subject, p.values[: p.reference], p.values[p.reference :]) for p in same]
        at = same[0].worse - same[0].reference
        entry: dict[str, Any] = {"reference": same[0].reference, "healthy_rows": at}
        for what, limit in (("flag", 1.0), ("page", subject.page_limit)):
            entry[what] = _rows_to([score > limit for score in scores], at)
        found[same[0].name] = entry
    return {"draws": len(draws), "presses": found, **{w: _of_presses(found, w) for w in ("flag", "page")}}


def _rows_to(flagged: Sequence[data.Flags], at: int) -> Mapping[str, Any]:
    """Rows that the press had been worse for; where it was never flagged, all of them and one."""
    taken = [int(np.append(flags[at:], True).argmax()) for flags in flagged]
    never = sum(not flags[at:].any() for flags in flagged)
    false = [int(flags[:at].sum()) for flags in flagged]
    return {
        "median_rows": median(taken) if 2 * never < len(taken) else None,
        "most_rows": max(taken) if not never else None, "never": never,
        "false": false, "false_rows_median": median(false),
    }  # fmt: skip


def _of_presses(found: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    healthy = sum(entry["healthy_rows"] for entry in found.values())
    false = [sum(draw) for draw in zip(*(entry[what]["false"] for entry in found.values()), strict=True)]
    return {
        "false_in_1000_median": round(1000 * median(false) / healthy, 1),
        "false_in_1000_most": round(1000 * max(false) / healthy, 1),
    }  # fmt: skip
