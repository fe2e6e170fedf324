"""Parts that are inspected whatever was recommended, so that false scraps and escapes are known without bias.

Which parts is a function of the gate's name and the serial number alone: nobody chooses, nothing that is known of a
part has a say, and anybody can compute it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

from scipy.special import betaincinv

from inference.models.fractions import fraction_of


def audit_number(gate: str, serial: str) -> float:
    """A number in [0, 1) that a gate and a serial number always have, as good as drawn at random.

    That of both names with a line feed between them (`fraction_of`).

    >>> round(audit_number("coating", "B000123"), 6)
    0.027169
    """
    return fraction_of(f"{gate}\n{serial}")


def is_audited(gate: str, serial: str, share: float) -> bool:
    """Whether a part is among the share (0 to 1) that is inspected; of a larger share it is so too."""
    return share >= 1 or audit_number(gate, serial) < share


@dataclass(frozen=True, slots=True)
class Audited:
    """A share of all parts with one recommendation, estimated from those that were audited.

    `total` is the estimated number of wrong ones among all of them, `error` the standard error of `share`. `lower` and
    `upper` bound the share with the confidence asked for. NaN where no part was audited, with bounds 0 and 1.
    """

    share: float
    total: float
    error: float
    lower: float
    upper: float
    audited: int


def estimate(parts: int, wrong: Sequence[bool], audited_share: float, confidence: float = 0.9) -> Audited:
    """The share of wrong recommendations among `parts` ones, from those that were audited: `wrong` says which were.

    Of scraps a wrong one is a part that was good, of continues one that was not. The total is that of Horvitz and
    Thompson ("A Generalization of Sampling Without Replacement From a Finite Universe", 1952): each audited part stands
    for 1 / `audited_share` parts. Its ratio to the audited parts' own total (Hájek's) is the share. The audit is a
    simple random sample given its size, so the bounds are those of Clopper and Pearson ("The use of confidence or
    fiducial limits", 1934), which hold at least as often as they say, without a correction for a large share.

    Which parts of a recommendation were audited must not depend on what they were found to be: an audited part whose
    inspection is missing makes the estimate unsound, and belongs to none of the arguments. ValueError for a share or a
    confidence that is none, or more audited parts than parts.
    """
    if not 0 < audited_share <= 1:
        raise ValueError(f"an audited share of {audited_share}; expected more than 0 and at most 1")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence}; expected a number between 0 and 1")
    n, found = len(wrong), sum(map(bool, wrong))
    if n > parts:
        raise ValueError(f"{n} audited parts of {parts}")
    if n == 0:
        return Audited(nan, nan, nan, 0.0, 1.0, 0)
    share = found / n
    rest = 1 - n / parts
    error = sqrt(rest * share * (1 - share) / (n - 1)) if n > 1 else nan
    return Audited(share, found / audited_share, error, *share_bounds(found, n, confidence), n)


def share_bounds(found: int, n: int, confidence: float) -> tuple[float, float]:
    """The exact bounds of a share of which `found` of `n` independent cases are known (Clopper and Pearson, 1934)."""
    tail = (1 - confidence) / 2
    lower = 0.0 if found == 0 else float(betaincinv(found, n - found + 1, tail))
    upper = 1.0 if found == n else float(betaincinv(found + 1, n - found, 1 - tail))
    return lower, upper
