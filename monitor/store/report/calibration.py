"""Whether predictions hold what they claim: claimed and observed shares of a report's parts, by bins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from exporters.report.values import CalibrationBin
from inference.policy.audit import share_bounds
from inference.policy.costs import probability_below
from inference.policy.regions import are_probabilities
from monitor.model import ClassSpec, Prediction

BINS = 10
_CONFIDENCE = 0.9


class RealisedPart(NamedTuple):
    """A prediction and its outcome; `arrival` is the decision's."""

    arrival: int
    at: datetime
    value: float
    predicted: float
    lower: float
    upper: float
    probabilities: Sequence[float | None] | None


def calibration_of(
    parts: Sequence[RealisedPart], coverage: float, classes: ClassSpec | None
) -> tuple[CalibrationBin, ...]:
    """The bins of these parts, in order; none without a part.

    Of numbers by the probability integral transform (Dawid, JRSS A 1984): where in its predicted distribution, the one
    by which the gate weighs costs, each outcome fell. Of classes by the claimed probability that a part is not good
    (reliability diagram: Murphy and Winkler, Applied Statistics 1977); bins without a part are left out.
    """
    if classes is None:
        return _tenths([_place(part, coverage) for part in parts if part.upper > part.lower])
    return tuple(_reliability(_claims(parts, classes)))


def _place(part: RealisedPart, coverage: float) -> float:
    prediction = Prediction(part.predicted, part.lower, part.upper, 0.0, 1.0)
    return probability_below(part.value, prediction, coverage)


def _tenths(places: Sequence[float]) -> tuple[CalibrationBin, ...]:
    counts = [0] * BINS
    for place in places:
        counts[_bin(place)] += 1
    n = len(places)
    return tuple(
        CalibrationBin(k / BINS, (k + 1) / BINS, n, 1 / BINS, count / n, *share_bounds(count, n, _CONFIDENCE))
        for k, count in enumerate(counts)
        if n
    )


def _claims(parts: Iterable[RealisedPart], classes: ClassSpec) -> Iterable[tuple[float, bool]]:
    """Of each part the claimed probability of not being good, and whether it was not."""
    for part in parts:
        place, probabilities = classes.index(part.value), [p for p in part.probabilities or () if p is not None]
        if place is not None and are_probabilities(probabilities, classes):
            claimed = sum(p for p, good in zip(probabilities, classes.good, strict=True) if not good)
            yield claimed, not classes.good[place]


def _reliability(claims: Iterable[tuple[float, bool]]) -> Iterable[CalibrationBin]:
    by_bin: dict[int, list[tuple[float, bool]]] = {}
    for claim in claims:
        by_bin.setdefault(_bin(claim[0]), []).append(claim)
    for k, found in sorted(by_bin.items()):
        n, bad = len(found), sum(not_good for _, not_good in found)
        claimed = sum(share for share, _ in found) / n
        yield CalibrationBin(
            k / BINS, (k + 1) / BINS, n, claimed, bad / n, *share_bounds(bad, n, _CONFIDENCE)
        )  # fmt: skip


def _bin(share: float) -> int:
    return min(int(share * BINS), BINS - 1)
