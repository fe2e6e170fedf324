"""The regions of a specification: in specification, reworkable, and scrap."""

from __future__ import annotations

from math import inf

from monitor.model import ReworkBand, Spec, Verdict

_VERDICTS = (Verdict.CONTINUE, Verdict.CORRECT, Verdict.SCRAP)


def verdict_for(value: float, spec: Spec, band: ReworkBand) -> Verdict:
    """The right verdict for a part with this value of the characteristic: continue, correct or scrap."""
    return _VERDICTS[abs(_region(value, spec, band))]


def verdict_for_all(lower: float, upper: float, spec: Spec, band: ReworkBand) -> Verdict | None:
    """The right verdict for all values from `lower` to `upper`; None if they span several regions."""
    region = _region(lower, spec, band)
    return _VERDICTS[abs(region)] if region == _region(upper, spec, band) else None


def _region(value: float, spec: Spec, band: ReworkBand) -> int:
    """0 within the specification, -1 or 1 in the rework band below or above it, -2 or 2 beyond; borders inclusive."""
    floor = -inf if spec.lower is None else spec.lower
    ceiling = inf if spec.upper is None else spec.upper
    if value < floor:
        return -1 if value >= floor - band.below else -2
    if value > ceiling:
        return 1 if value <= ceiling + band.above else 2
    return 0
