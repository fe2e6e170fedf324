"""Each benchmark of `make bench-detect` on simulated plants: false breaches of healthy ones, and wear found in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

import numpy as np

from benchmarks.bench_false_alarms import breaches, demo_plant
from benchmarks.bench_false_alarms import healthy as healthy_findings
from benchmarks.detect import plant, scoring
from benchmarks.detect.measures import Subject, following
from monitor.model import Finding, Floats
from monitor.plant.plant import Plant
from monitor.simulator.history import simulate

WARM_UP = 1000
REFITS = (1,)
"""After how many warm-ups the reference is learnt from all rows so far; frozen after the last."""
_MONTH_DAYS = 365.25 / 12


def scored(subject: Subject, values: Floats, refits: Sequence[int]) -> Floats:
    """The scores (rows,) of a stream from its first row on; NaN for the rows of the first warm-up."""
    out = np.full(len(values), np.nan)
    starts = [times * WARM_UP for times in refits if times * WARM_UP < len(values)]
    for start, stop in zip(starts, [*starts[1:], len(values)], strict=True):
        out[start:stop] = following(subject, values[:start], values[start:stop])
    return out


def _breaches(
    subject: Subject, streams: Sequence[plant.Stream], refits: Sequence[int]
) -> Iterator[tuple[plant.Stream, str, Sequence[int]]]:
    for stream in streams:
        scores = scored(subject, stream.values, refits)
        for what, limit in (("flag", 1.0), ("page", subject.page_limit)):
            yield stream, what, scoring.breaches(scores > limit)


def healthy(
    subject: Subject, seeds: Sequence[int], days: float = plant.DAYS, refits: Sequence[int] = REFITS
) -> Mapping[str, Any]:
    """False breaches a plant day, and by extrapolation a machine and month, at both limits."""
    counts, machines = {"flag": 0, "page": 0}, 0
    for seed in seeds:
        streams = plant.healthy(seed, days)
        machines = len({stream.machine for stream in streams})
        for _, what, starts in _breaches(subject, streams, refits):
            counts[what] += len(starts)
    total = days * len(seeds)
    return {
        "seeds": [min(seeds), max(seeds)], "plant_days": total,
        **{
            what: {
                "false_breaches": count, "a_plant_day": round(count / total, 3),
                "a_machine_and_month": round(count / total / machines * _MONTH_DAYS, 3),
            }
            for what, count in counts.items()
        },
    }  # fmt: skip


def wear(
    subject: Subject, seeds: Sequence[int], days: float = plant.DAYS, refits: Sequence[int] = REFITS
) -> Mapping[str, Any]:
    """The hours from the first breach of the worn machine to when its level passes the limit, over the seeds.

    The same plant without wear is judged beside it: a breach that starts there as well is no sign of wear.
    """
    first: dict[str, list[float | None]] = {"flag": [], "page": []}
    slower: dict[str, list[float | None]] = {"flag": [], "page": []}
    for seed in seeds:
        streams, truth = plant.worn(seed, days)
        sound = [stream for stream in plant.healthy(seed, days) if stream.machine == truth.machine]
        known = {(stream.recipe, what): starts for stream, what, starts in _breaches(subject, sound, refits)}
        hours: dict[str, list[float]] = {"flag": [], "page": []}
        for stream, what, starts in _breaches(subject, streams, refits):
            new = (float(stream.hours[row]) for row in starts if row not in known[stream.recipe, what])
            hours[what].append(min((hour for hour in new if hour >= truth.begins), default=np.inf))
        for what, by_recipe in hours.items():
            for kept, hour in ((first, min(by_recipe)), (slower, max(by_recipe))):
                kept[what].append(truth.passes - hour if np.isfinite(hour) else None)
    return {
        "seeds": [min(seeds), max(seeds)],
        **{
            what: {**_in_time(first[what]), "median_of_slower_recipe": _in_time(slower[what])["median_hours_before"]}
            for what in first
        },
    }


def _in_time(hours: Sequence[float | None]) -> Mapping[str, Any]:
    """Hours before the limit is passed, negative behind it; the median counts what was never found as behind all."""
    found = [h for h in hours if h is not None]
    middle = median([-np.inf if h is None else h for h in hours])
    return {
        "median_hours_before": round(float(middle), 2) if np.isfinite(middle) else None,
        "least": round(min(found), 2) if len(found) == len(hours) else None,
        "at_least_9_hours": sum(h >= 9 for h in found), "found": len(found), "of": len(hours),
    }  # fmt: skip


def through_product(first: int, count: int, days: float = plant.DAYS) -> Mapping[str, Any]:
    """All default detectors of the demo's plant file: breaches of healthy plants a day, and hours before the limit.

    By detector and method. A breach that the same plant has without wear is no sign of it.
    """
    file = demo_plant()
    seeds = range(first, first + count)
    sound = {seed: healthy_findings(seed, file, days) for seed in seeds}
    quiet = Counter(f"{f.detector}.{f.method}" for found in sound.values() for f in found)
    hours: dict[str, list[float]] = {}
    for seed in seeds:
        for method, before in _found_before(seed, file, days, sound[seed]).items():
            hours.setdefault(method, []).append(before)
    return {
        "seeds": [first, first + count - 1],
        "false_breaches_a_plant_day": {name: round(n / (days * count), 3) for name, n in sorted(quiet.items())},
        "wear_hours_before": {
            name: {"median": round(median(found), 2), "least": round(min(found), 2), "found": len(found), "of": count}
            for name, found in sorted(hours.items())
        },
    }


def _found_before(seed: int, file: Plant, days: float, sound: Sequence[Finding]) -> dict[str, float]:
    """By method, the hours from the first breach of the worn machine to when its level passes the limit."""
    history = simulate(seed, days=days, faults=plant.WEAR)
    fault = history.truth["faults"][0]
    begins, passes = (datetime.fromisoformat(fault[name]) for name in ("start", "beyond_limits_from"))
    found: dict[str, float] = {}
    known = {(f.subject, f.at, f.detector, f.method) for f in sound}
    for f in breaches(history, file):
        new = (f.subject, f.at, f.detector, f.method) not in known
        if new and f.subject == fault["subject"] and f.at >= begins:
            found.setdefault(f"{f.detector}.{f.method}", (passes - f.at).total_seconds() / 3600)
    return found
