"""What to set otherwise at later steps so that a part is within specification: a search of the model's own response.

A grid is searched instead of a derivative followed: what can be set is a grid, the response need not be smooth, and the
same bits come out whatever else is asked in the same call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import isfinite

import numpy as np

from inference.policy.costs import FREEDOM, Adjustable, Costs, shares_of
from inference.policy.regions import verdict_for_all
from monitor.model import Action, Adjustment, Floats, Move, Prediction, ReworkBand, Spec, Verdict

Predict = Callable[[Floats], Sequence[Prediction | None]]
"""What a model says of rows (rows, inputs), with its intervals as they are used; None where it says nothing."""

_OF_A_PAIR = 9
"""Settings of each of two variables that are tried together."""
_ROWS = 20_000
"""Rows of a call of the model, about: memory is bounded, however many parts there are."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """A part that is not surely within its specification as planned: its row (inputs,) in the model's order.

    `good` is the probability that it is within specification as planned.
    """

    row: Floats
    spec: Spec
    good: float


@dataclass(frozen=True, slots=True)
class Found:
    """The best adjustment, None where none is to be had, and whether some setting might bring the part inside.

    Might: part of its predicted interval lies within the specification there, and the model knows such parts.
    """

    action: Action | None = None
    may_help: bool = False


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Variables, each with another setting than planned; `far` adds up the shares of their ranges that they move."""

    moves: tuple[tuple[Adjustable, float], ...]
    cost: float
    far: float


def adjust(
    parts: Sequence[Unsure],
    inputs: Sequence[str],
    costs: Costs,
    coverage: float,
    band: ReworkBand,
    predict: Predict,
    freedom: float = FREEDOM,
) -> list[Found]:
    """For each part the adjustment of least expected cost, if there is one.

    Its whole predicted interval then lies within the specification, it is more probably within it than as planned, and
    the model knows such parts. One variable is moved, or where no single one will do, two. Of equal costs the smaller
    move is taken. A part that is adjusted goes on: it costs the moves, and an escape as probably as it is not within
    specification.
    """
    known = [one for one in costs.adjustables if one.name in inputs]
    columns = {one.name: list(inputs).index(one.name) for one in known}

    def search(some: Sequence[Unsure], candidates: Sequence[_Candidate]) -> list[Found]:
        size = max(1, _ROWS // max(1, len(candidates)))
        found: list[Found] = []
        for start in range(0, len(some), size):
            chosen = some[start : start + size]
            said = iter(predict(_moved(chosen, candidates, columns)) if candidates else ())
            for part in chosen:
                answers = [next(said, None) for _ in candidates]
                found.append(_best(part, candidates, answers, costs.escape, coverage, band, freedom))
        return found

    found = search(parts, list(_singles(known)))
    left = [i for i, one in enumerate(found) if one.action is None]
    for i, one in zip(left, search([parts[i] for i in left], list(_pairs(known))), strict=True):
        found[i] = Found(one.action, found[i].may_help or one.may_help)
    return found


def _singles(known: Sequence[Adjustable]) -> Iterator[_Candidate]:
    for one in known:
        yield from (_candidate((one, to)) for to in one.settings())


def _pairs(known: Sequence[Adjustable]) -> Iterator[_Candidate]:
    for one, other in combinations(known, 2):
        for to, at in product(_some(one.settings()), _some(other.settings())):
            yield _candidate((one, to), (other, at))


def _some(settings: Sequence[float]) -> list[float]:
    """Some of the settings, evenly spaced, the outermost among them."""
    last = len(settings) - 1
    if last < _OF_A_PAIR:
        return list(settings)
    return [settings[round(i * last / (_OF_A_PAIR - 1))] for i in range(_OF_A_PAIR)]


def _candidate(*moves: tuple[Adjustable, float]) -> _Candidate:
    far = sum(abs(to - one.plan) / (one.high - one.low) for one, to in moves)
    return _Candidate(moves, sum(one.cost for one, _ in moves), far)


def _moved(parts: Sequence[Unsure], candidates: Sequence[_Candidate], columns: dict[str, int]) -> Floats:
    """Each part with each of the candidates: (parts x candidates, inputs)."""
    rows = np.repeat(np.stack([part.row for part in parts]), len(candidates), axis=0)
    for i, candidate in enumerate(candidates):
        for one, to in candidate.moves:
            rows[i :: len(candidates), columns[one.name]] = to
    return rows


def _best(
    part: Unsure,
    candidates: Sequence[_Candidate],
    said: Sequence[Prediction | None],
    escape: float,
    coverage: float,
    band: ReworkBand,
    freedom: float,
) -> Found:
    best: tuple[float, float, Action] | None = None
    may_help = False
    for candidate, prediction in zip(candidates, said, strict=True):
        if prediction is None or not _is_known(prediction):
            continue
        may_help = may_help or _touches(prediction, part.spec)
        if verdict_for_all(prediction.lower, prediction.upper, part.spec, band) is not Verdict.CONTINUE:
            continue
        good = shares_of(prediction, coverage, part.spec, band, freedom).good
        cost = candidate.cost + (1 - good) * escape
        if good <= part.good:
            continue
        if best is None or (cost, candidate.far) < best[:2]:
            moves = tuple(Move(one.name, one.plan, to) for one, to in candidate.moves)
            adjustment = Adjustment(moves, prediction.value, prediction.lower, prediction.upper, good)
            best = cost, candidate.far, Action(Verdict.CORRECT, adjustment.name, cost, good, adjustment)
    return Found(None if best is None else best[2], may_help)


def _is_known(said: Prediction) -> bool:
    """Whether it is a prediction of a part that the model knows."""
    if not all(map(isfinite, (said.value, said.lower, said.upper, said.distance))):
        return False
    return said.distance <= said.distance_limit and said.lower <= said.value <= said.upper


def _touches(said: Prediction, spec: Spec) -> bool:
    """Whether part of the interval lies within the specification."""
    return (spec.upper is None or said.lower <= spec.upper) and (spec.lower is None or said.upper >= spec.lower)
