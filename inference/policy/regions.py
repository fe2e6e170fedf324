"""The regions of a specification (in specification, reworkable, scrap), and the meanings of classes."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, inf, isfinite

import numpy as np

from inference.models.tables.class_losses import in_likeliest
from monitor.model import ClassSpec, ReworkBand, Spec, Verdict

Rule = Spec | ClassSpec
"""By what a gate decides: limits of a number, or what classes mean."""
SUM_TOLERANCE = 1e-6
"""How far the sum of probabilities may be from 1."""
_VERDICTS = (Verdict.CONTINUE, Verdict.CORRECT, Verdict.SCRAP)


def verdict_for(value: float, spec: Spec, band: ReworkBand) -> Verdict:
    """The right verdict for a part with this value of the characteristic: continue, correct or scrap."""
    return _VERDICTS[abs(_region(value, spec, band))]


def verdict_for_all(lower: float, upper: float, spec: Spec, band: ReworkBand) -> Verdict | None:
    """The right verdict for all values from `lower` to `upper`; None if they span several regions."""
    region = _region(lower, spec, band)
    return _VERDICTS[abs(region)] if region == _region(upper, spec, band) else None


def verdict_by_rule(value: float, rule: Rule, band: ReworkBand) -> Verdict | None:
    """The right verdict for a part with this outcome; None where it is that of no class."""
    if isinstance(rule, Spec):
        return verdict_for(value, rule, band)
    place = rule.index(value)
    return None if place is None else rule.meanings[place]


def are_probabilities(probabilities: Sequence[float], spec: ClassSpec) -> bool:
    """Whether these are probabilities of the classes: one each, finite, not negative, of sum 1."""
    sound = len(probabilities) == len(spec.meanings) and all(isfinite(p) and p >= 0 for p in probabilities)
    return sound and abs(fsum(probabilities) - 1) <= SUM_TOLERANCE


def meaning_shares(probabilities: Sequence[float], spec: ClassSpec) -> dict[Verdict, float]:
    """The probability of each meaning: the sum over its classes."""
    pairs = list(zip(probabilities, spec.meanings, strict=True))
    return {verdict: fsum(p for p, meaning in pairs if meaning is verdict) for verdict in _VERDICTS}


def verdict_by_classes(probabilities: Sequence[float], spec: ClassSpec) -> Verdict | None:
    """The meaning that is certain enough; None where none is."""
    shares = meaning_shares(probabilities, spec)
    likeliest = max(_VERDICTS, key=lambda verdict: shares[verdict])
    return likeliest if shares[likeliest] >= spec.certainty else None


def among_likeliest(probabilities: Sequence[float], place: int, spec: ClassSpec) -> bool:
    """Whether a class is in the smallest set of the likeliest ones that together are certain enough."""
    found = in_likeliest(np.array([probabilities]), np.array([float(place)]), spec.certainty)
    return bool(found[0])


def not_good(probabilities: Sequence[float], spec: ClassSpec) -> float:
    """The probability that a part does not go on as it is, from 0 to 1."""
    return min(max(1 - meaning_shares(probabilities, spec)[Verdict.CONTINUE], 0.0), 1.0)


def _region(value: float, spec: Spec, band: ReworkBand) -> int:
    """0 within the specification, -1 or 1 in the rework band below or above it, -2 or 2 beyond; borders inclusive."""
    floor = -inf if spec.lower is None else spec.lower
    ceiling = inf if spec.upper is None else spec.upper
    if value < floor:
        return -1 if value >= floor - band.below else -2
    if value > ceiling:
        return 1 if value <= ceiling + band.above else 2
    return 0
