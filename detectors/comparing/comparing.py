"""All columns at once: chance, false discoveries over the columns, slices, and what a changed mix explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detectors.comparing.chance import Chance, Stratum, chance, distance
from detectors.comparing.columns import Column, Compared, Judged, Labels, Mix, Settings, Slice, Verdict
from detectors.comparing.measures import Measure, of_missing, of_values
from detectors.comparing.methods import MISSING


@dataclass(frozen=True, slots=True)
class _Pair:
    judged: Judged
    measure: Measure | None


def compare(columns: Sequence[Column], labels: Labels, settings: Settings) -> Compared:
    """Every column of both files, with whatever chance, the slices and the mix of groups say of it.

    Benjamini and Hochberg (1995) hold the share of false discoveries at `settings.q` over all columns' values and
    missing values, and, apart from these, over all slices.
    """
    measures = [(column, of_values(column, labels, settings)) for column in columns]
    values = [_Pair(_blank(column, measure, settings), measure) for column, measure in measures]
    gaps = [(column, of_missing(column, labels)) for column in columns]
    missing = [_Pair(_blank(column, measure, settings), measure) for column, measure in gaps if measure is not None]
    pairs = _judged([*values, *missing], settings)
    if labels.groups is not None:
        pairs = _sliced(_mixed(pairs, labels, settings), labels, settings)
    judged = [pair.judged for pair in pairs]
    count = sum(pair.measure is not None for pair in pairs)
    return Compared(tuple(judged[: len(values)]), {j.column.name: j for j in judged[len(values) :]}, count)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """The least share of false discoveries at which each would be one (Benjamini and Hochberg, 1995)."""
    from scipy.stats import false_discovery_control

    return [float(value) for value in false_discovery_control(p_values)] if len(p_values) else []


def _blank(column: Column, measure: Measure | None, settings: Settings) -> Judged:
    if measure is None:
        method = settings.numbers if column.levels is None else settings.categories
        present = (int(np.isfinite(part).sum()) for part in (column.reference, column.current))
        return Judged(column, method, (next(present), next(present)))
    shares = None
    if measure.method is MISSING:
        shares = (float(measure.reference.mean()), float(measure.current.mean()))
    return Judged(column, measure.method, measure.rows, measure.value(), shares=shares)


def _judged(pairs: Sequence[_Pair], settings: Settings) -> list[_Pair]:
    tests = sum(pair.measure is not None for pair in pairs)
    tested = []
    for pair in pairs:
        measure = pair.measure
        if measure is not None:
            found = _chance(measure, measure.whole(), settings, tests)
            judged = replace(pair.judged, distance=found.distance, usual=found.usual, p=found.p)
            pair = replace(pair, judged=judged)
        tested.append(pair)
    return _with_adjusted(tested, lambda judged, value: _called(judged, value, settings))


def _chance(measure: Measure, strata: Sequence[Stratum], settings: Settings, tests: int, group: str = "") -> Chance:
    key = "\n".join([measure.column.name, measure.method.name, group])
    return chance(strata, measure.cells, measure.method.statistic, settings.q, tests, key)


def _with_adjusted(pairs: Sequence[_Pair], told: Callable[[Judged, float], Judged]) -> list[_Pair]:
    shares = iter(adjusted([pair.judged.p for pair in pairs if pair.measure is not None]))
    return [p if p.measure is None else replace(p, judged=told(p.judged, next(shares))) for p in pairs]


def _called(judged: Judged, share: float, settings: Settings) -> Judged:
    verdict = Verdict.DRIFT if share <= settings.q else Verdict.NONE
    if verdict is Verdict.DRIFT and judged.method.is_small(judged.value):
        verdict = Verdict.SMALL
    return replace(judged, adjusted=share, verdict=verdict)


def _mixed(pairs: Sequence[_Pair], labels: Labels, settings: Settings) -> list[_Pair]:
    """What the changed shares of the groups explain of every drift, but that of the groups themselves."""
    asked = {
        i: _mix(pair.measure, pair.judged, settings, len(pairs))
        for i, pair in enumerate(pairs)
        if pair.measure is not None and pair.judged.verdict is Verdict.DRIFT and pair.judged.column.name != labels.by
    }
    shares = adjusted([mix.p for mix in asked.values()])
    told = {i: replace(mix, adjusted=share) for (i, mix), share in zip(asked.items(), shares, strict=True)}
    return [
        replace(pair, judged=_explained(pair.judged, told[i], settings)) if i in told else pair
        for i, pair in enumerate(pairs)
    ]


def _mix(measure: Measure, judged: Judged, settings: Settings, tests: int) -> Mix:
    strata = measure.by_group()
    if not strata:
        return Mix(0.0, None, 1.0)
    found = _chance(measure, strata, settings, tests)
    whole = distance(measure.whole(), measure.cells, measure.method.statistic)
    return Mix(float(np.clip(1 - found.distance / whole, 0.0, 1.0)), found.distance, found.p)


def _explained(judged: Judged, mix: Mix, settings: Settings) -> Judged:
    remains = mix.remains is None or (mix.adjusted <= settings.q and not judged.method.is_small(mix.remains))
    explained = not remains and mix.explained >= settings.explains
    return replace(judged, mix=mix, verdict=Verdict.EXPLAINED if explained else judged.verdict)


def _sliced(pairs: Sequence[_Pair], labels: Labels, settings: Settings) -> list[_Pair]:
    """Every column within every group that is large enough in both files."""
    largest = _largest(labels)[: settings.most_slices]
    cut = [
        (i, labels.names[group], pair.measure.sliced(group))
        for i, pair in enumerate(pairs)
        if pair.measure is not None and pair.judged.column.name != labels.by
        for group in largest
        if min(map(len, pair.measure.of_group(group))) >= settings.fewest
    ]
    found = [_chance(m, m.whole(), settings, len(cut), group) for _, group, m in cut]
    slices: dict[int, list[Slice]] = {}
    for (i, group, measure), one, share in zip(cut, found, adjusted([f.p for f in found]), strict=True):
        value = measure.value()
        drifted = share <= settings.q and not measure.method.is_small(value)
        slices.setdefault(i, []).append(Slice(group, measure.rows, value, one.p, share, drifted))
    return [
        replace(pair, judged=replace(pair.judged, slices=tuple(slices.get(i, ())))) for i, pair in enumerate(pairs)
    ]  # fmt: skip


def _largest(labels: Labels) -> list[int]:
    """The groups, the largest first."""
    sizes = np.bincount(np.concatenate(labels.groups or ()), minlength=len(labels.names))
    return [int(group) for group in np.argsort(-sizes, kind="stable")]
