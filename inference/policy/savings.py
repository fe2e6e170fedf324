"""What a gate saved in a month: counts, and the cost avoided with an interval, from what became of its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inference.policy.audit import estimate
from inference.policy.costs import Costs
from inference.policy.followed import PartResult
from inference.policy.recalibration import Calibration, Uncertain, calibrate
from monitor.model import Verdict

CONFIDENCE = 0.9
"""Of every interval here."""
FEWEST = 30
"""Inspected parts of an audit of one recommendation before a number is estimated from them: none wrong among so many
says with 95 % that at most a tenth are. What they were found to be has no say, so that what is told stays unbiased."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Wrong recommendations of one kind: those that are known, and how many there are by the audit.

    Of `open` parts nobody knows yet, or ever, whether the recommendation was wrong. `total` is the estimate of Horvitz
    and Thompson from the `inspected` audited parts; by them there are between `lower` and `upper` with `CONFIDENCE`,
    within what is known of the parts. All three are None where none was inspected.
    """

    known: int = 0
    open: int = 0
    inspected: int = 0
    total: float | None = None
    lower: float | None = None
    upper: float | None = None

    @property
    def estimate(self) -> float | None:
        """How many are told: the known ones where all parts are known, else those by the audit, never fewer than known.

        None where the audit says too little (`FEWEST`).
        """
        if not self.open:
            return float(self.known)
        return max(self.total, float(self.known)) if self.total is not None and self.inspected >= FEWEST else None


@dataclass(frozen=True, slots=True)
class Savings:
    """A gate over a month; every part counts once, by the gate's first decision on it.

    `continued` to `held` are these decisions. `stopped` parts did not go on, and `corrected` ones were corrected, by
    the gate or by people after a hold; `worked` of these were good afterwards, `failed` were not. `waiting` parts are
    not in the cost avoided: something is not known yet. `unseen` ones went on and have no outcome yet, so that more
    escapes may come to be known; they are in the cost avoided, which is the same either way. `unpriced` ones were
    decided before the gate had costs.

    `avoided` is the expected cost avoided by all other parts, from `lower` to `upper` with `CONFIDENCE`, in the
    currency of the gate's costs; negative where the gate cost more than it saved. `uncertain` parts make the interval.
    """

    parts: int = 0
    continued: int = 0
    corrections: int = 0
    scrapped: int = 0
    held: int = 0
    stopped: int = 0
    corrected: int = 0
    worked: int = 0
    failed: int = 0
    waiting: int = 0
    unseen: int = 0
    unpriced: int = 0
    uncertain: int = 0
    avoided: float = 0.0
    lower: float = 0.0
    upper: float = 0.0
    false_scraps: Wrong = Wrong()
    escapes: Wrong = Wrong()

    @property
    def preliminary(self) -> bool:
        """Whether something is not known yet."""
        return self.waiting + self.unseen > 0


def recalibrated(results: Iterable[PartResult]) -> Calibration:
    """How far a gate's recorded probabilities agree with what was found of these parts."""
    return calibrate(result.evidence for result in results if result.evidence is not None)


def sum_up(results: Sequence[PartResult], costs: Costs, calibration: Calibration) -> Savings:
    """A gate's parts of a month.

    The cost avoided is what is known of it plus `escape` for each part that was not good among those of which nobody
    can know any more: scrapped ones that were not audited, and corrected ones that are good now. Their number has a
    predictive distribution, from the recorded probabilities as `calibration` corrects them.
    """
    unknown: list[Uncertain] = [result.unknown for result in results if result.unknown is not None]
    not_good = calibration.predict(unknown, CONFIDENCE)
    known = sum(result.known for result in results)
    decided = Counter(result.verdict for result in results)
    return Savings(
        parts=len(results),
        continued=decided[Verdict.CONTINUE],
        corrections=decided[Verdict.CORRECT],
        scrapped=decided[Verdict.SCRAP],
        held=decided[Verdict.HOLD],
        stopped=sum(not result.on for result in results),
        corrected=sum(result.corrected for result in results),
        worked=sum(result.worked is True for result in results),
        failed=sum(result.worked is False for result in results),
        waiting=sum(result.waiting for result in results),
        unseen=sum(result.bad is None and result.on and not result.waiting for result in results),
        unpriced=sum(result.unpriced for result in results),
        uncertain=len(unknown),
        avoided=known + costs.escape * not_good.mean,
        lower=known + costs.escape * not_good.lower,
        upper=known + costs.escape * not_good.upper,
        false_scraps=_wrong(results, Verdict.SCRAP, False),
        escapes=_wrong(results, Verdict.CONTINUE, True),
    )


def _wrong(results: Sequence[PartResult], verdict: Verdict, wrong: bool) -> Wrong:
    """The parts with a recommendation whose state makes it a wrong one."""
    of = [result for result in results if result.verdict is verdict]
    known = sum(result.bad is wrong for result in of)
    open_ = sum(not isinstance(result.bad, bool) for result in of)
    chosen = [result for result in of if result.audit_share]
    inspected = [result for result in chosen if isinstance(result.bad, bool)]
    if not inspected:
        return Wrong(known, open_)
    # Those that are not inspected yet are left out: the others stand for them too.
    share = sum(result.audit_share for result in inspected) / len(chosen)
    found = estimate(len(of), [result.bad is wrong for result in inspected], min(share, 1.0), CONFIDENCE)
    lower, upper = (min(max(share * len(of), known), known + open_) for share in (found.lower, found.upper))
    return Wrong(known, open_, len(inspected), found.total, lower, upper)
