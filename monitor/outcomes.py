"""What an outcome says a part should have been."""

from __future__ import annotations

from monitor.model import ReworkBand, Spec, Verdict


def true_class(value: float, spec: Spec, band: ReworkBand) -> str:
    """What a part's outcome says it should have been: continue, correct or scrap."""
    below = spec.lower is not None and value < spec.lower
    above = spec.upper is not None and value > spec.upper
    if not (below or above):
        return Verdict.CONTINUE.value
    if below and spec.lower is not None and value >= spec.lower - band.below:
        return Verdict.CORRECT.value
    if above and spec.upper is not None and value <= spec.upper + band.above:
        return Verdict.CORRECT.value
    return Verdict.SCRAP.value
