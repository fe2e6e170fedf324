"""Whether a gate that decides by cost may scrap: a second signal has to agree, and scraps must not surge.

A hold is the answer wherever one of the two is missing, so that less information never makes a scrap of a hold.
"""

from __future__ import annotations

from scipy.special import bdtrc

from monitor.model import FOUND_SCRAP, Decision, Reason, Verdict

NEWEST = 50
"""The newest decisions of a gate that say whether its scraps surge."""
LEVEL = 0.01
"""The probability, of a gate that scraps no more than its share, of as many scraps among these."""
_TIE = 1e-9
"""Relative; so that a probability of exactly `LEVEL` is judged the same on every machine: as no surge."""

NOT_GOOD = (*FOUND_SCRAP, Reason.REWORKABLE)
"""The reasons of decisions by which a part is not good as it is. A forecast says nothing of the part itself.

An adjustable part may be good as planned, only not surely, and is good where it is adjusted: that confirms no scrap."""
BY_MODEL = (*NOT_GOOD, Reason.IN_SPEC, Reason.UNCERTAIN, Reason.ADJUSTABLE)
"""The reasons of decisions that rest on a prediction of the part."""


def confirm(decision: Decision, confirmed: bool, surge: bool) -> Decision:
    """A decision, or in place of a scrap a hold: with `scrap_unconfirmed` unless confirmed, else in a surge.

    Every other decision stays as it is. The actions with their costs are kept.
    """
    if decision.verdict is not Verdict.SCRAP:
        return decision
    if not confirmed:
        return Decision(Verdict.HOLD, Reason.SCRAP_UNCONFIRMED, decision.actions)
    return Decision(Verdict.HOLD, Reason.SCRAP_SURGE, decision.actions) if surge else decision


def is_surge(decisions: int, scraps: int, share: float) -> bool:
    """Whether so many scraps among the newest decisions are more than a gate makes that scraps no more than its share.

    The exact binomial test: true where as many scraps or more have a probability below `LEVEL`. `share` is from 0 to 1;
    with 1 there is no surge. Few decisions need no rule of their own: two scraps of two are none, three of three are
    one, with a share of a tenth.

    >>> [is_surge(50, scraps, 0.1) for scraps in (10, 11, 12)]
    [False, True, True]
    """
    if scraps < 1:
        return False
    return float(bdtrc(scraps - 1, decisions, share)) < LEVEL * (1 - _TIE)
