"""What became of a part that came to a gate, and what that saved against the same part without the gate.

Without the gate every part goes on as it is, and costs `escape` if it is not within specification. A part counts once a
gate, by its first decision; what the gate does at further visits of the part is part of what was done. What a later
gate does is its own: a part is worth, where it leaves a gate, what it would cost if it went on as it then is. So what
the gates of a line saved adds up to what all of them saved together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from inference.policy.costs import Costs
from inference.policy.recalibration import FROM, Evidence, Uncertain
from monitor.model import REWORKED, SCRAPPED, USED, Reason, Verdict
from monitor.statuses import Answer

DONE_AS_RECOMMENDED = {Verdict.CONTINUE: USED, Verdict.CORRECT: REWORKED, Verdict.SCRAP: SCRAPPED}
"""What is done with a part where people do what is recommended; a hold recommends nothing."""
_UNKNOWN = ""


def answer_to(verdict: str, reason: str, disposition: str) -> Answer | None:
    """Whether people did what was recommended; None where nothing was, or what they did is not understood.

    A hold recommends nothing, and whether settings were adjusted shows at later steps, not in a disposition.
    """
    wanted = {recommended.value: done for recommended, done in DONE_AS_RECOMMENDED.items()}
    if reason == Reason.ADJUSTABLE or verdict not in wanted or disposition not in wanted.values():
        return None
    return Answer.FOLLOWED if disposition == wanted[verdict] else Answer.OVERRIDDEN


@dataclass(frozen=True, slots=True)
class Passage:
    """A decision on a part, and what became known of it.

    `bad`: the recorded probability that the part was not within specification; None where no costs were recorded.
    `cured`: of a correction, the recorded probability that it was not and is afterwards. `audit_share` is the share
    that was inspected, 0 for a part that was not among it. `disposition` is what people did then, '' if nothing is
    known. `found`: whether it was not within specification as it was, measured before anything was done; `after`:
    likewise once something was done.
    """

    gate: str
    verdict: Verdict
    bad: float | None = None
    cured: float | None = None
    correction: str = ""
    audit_share: float = 0.0
    disposition: str = ""
    found: bool | None = None
    after: bool | None = None


State = bool | Uncertain | None
"""Whether a part was not good: known, to be known only as a probability, or not known yet (None)."""


@dataclass(frozen=True, slots=True)
class PartResult:
    """What a gate did with a part: it saved `known` + `escape` x (1 if it was not good, else 0; of `unknown`, if any).

    `bad` is the state in which it came. `on`: whether it went on, `worked`: of a corrected one, whether it was good
    afterwards (None if not known). `waiting`: what it saved depends on something that is not known yet; `unpriced`:
    that was not recorded, because the gate had no costs. Both have `known` 0. `evidence` is what the part says of the
    probabilities that the gate records.
    """

    verdict: Verdict
    audit_share: float
    bad: State
    on: bool
    corrected: bool
    worked: bool | None = None
    waiting: bool = False
    unpriced: bool = False
    known: float = 0.0
    unknown: Uncertain | None = None
    evidence: Evidence | None = None


def follow(way: Sequence[Passage], place: int, costs: Costs) -> PartResult:
    """What became of a part that first came to a gate at `place` of its way.

    `way` has its passages in order: those of all gates on one characteristic.
    """
    passages, first = way[place:], way[place]
    own = list(takewhile(lambda passage: passage.gate == first.gate, passages))
    done = [_done(passage, last=i == len(passages) - 1) for i, passage in enumerate(own)]
    came, corrected, released = _state(passages), REWORKED in done, _released(way[:place])
    if isinstance(came, Uncertain) and released:
        came = False
    # What people knew of a part before says nothing of parts that nobody looked at.
    evidence = None if released else _evidence(first, came)
    result = PartResult(first.verdict, first.audit_share, came, done[-1] != SCRAPPED, corrected, evidence=evidence)
    if corrected:
        left = _left(passages[done.index(REWORKED) :])
        result = replace(result, worked=not left if isinstance(left, bool) else None)
    if _UNKNOWN in done:
        return replace(result, waiting=True)
    return _priced(result, passages, own, done, costs)


def _priced(
    result: PartResult, passages: Sequence[Passage], own: Sequence[Passage], done: Sequence[str], costs: Costs
) -> PartResult:
    """With what it saved, unless that is not known."""
    spent = sum(_spent(passage, what, costs) for passage, what in zip(own, done, strict=True))
    if result.on and not result.corrected:
        return replace(result, known=-spent)  # it went on as it came, whatever that was
    left = _left(passages[len(own) - 1 :]) if result.on else False
    if left is None or result.bad is None:
        return replace(result, waiting=left is None, unpriced=left is not None)
    known = -spent - costs.escape * (left.expected if isinstance(left, Uncertain) else left)
    if isinstance(result.bad, Uncertain):
        return replace(result, known=known, unknown=result.bad)
    return replace(result, known=known + costs.escape * result.bad)


def end(way: Sequence[Passage]) -> tuple[int | None, State]:
    """How a part ended: at which place of its way it was scrapped (None: nowhere), and whether it was not good there.

    Of a part that went on, whether it was not good in the end.
    """
    last = len(way) - 1
    if _done(way[last], last=True) == SCRAPPED:
        return last, False if _released(way[:last]) and way[last].found is None else _state(way[last:])
    return None, None if _done(way[last], last=True) == _UNKNOWN else _left(way[last:])


def _released(earlier: Sequence[Passage]) -> bool:
    """Whether people found a part good before, and nothing was done with it since."""
    for passage in reversed(earlier):
        if _done(passage, last=False) != USED:
            return False
        if passage.disposition or passage.found is False:
            return True
    return False


def _state(passages: Sequence[Passage]) -> State:
    """Whether a part was not good when it came to the first of these passages."""
    first = passages[0]
    done = _done(first, last=len(passages) == 1)
    if first.found is not None:
        return first.found
    if first.disposition in (REWORKED, SCRAPPED) and not _as_recommended(first):
        return True  # people looked at it
    if done == SCRAPPED:
        return None if first.bad is None else Uncertain(first.bad)
    left = _left(passages)
    if left is None and first.disposition == USED:
        return False  # people looked at it
    if done != REWORKED or left is None or left is True:
        return left  # it was not changed; and no correction spoils a good part
    if first.bad is None:
        return None
    cured = first.bad if first.cured is None else first.cured
    share = min(max(cured / first.bad, 0.0), 1.0) if first.bad > 0 else 1.0
    return Uncertain(first.bad, 1.0 if isinstance(left, Uncertain) else share)


def _as_recommended(passage: Passage) -> bool:
    """Whether people did what the gate recommended, which says nothing of what they saw; held and audited parts are
    looked at."""
    return passage.disposition == DONE_AS_RECOMMENDED.get(passage.verdict) and not passage.audit_share


def _left(passages: Sequence[Passage]) -> State:
    """Whether a part was not good when it left the first of these passages, where it went on."""
    first = passages[0]
    if len(passages) > 1:
        return _state(passages[1:])
    if first.after is not None:
        return first.after
    return first.found if _done(first, last=True) == USED else None


def _done(passage: Passage, last: bool) -> str:
    """What was done with a part: used, reworked or scrapped; '' where that is not known yet.

    A person's word counts most. Else the recommendation was followed, but for an audited scrap that was found good. A
    part that was held and has an outcome, or appears again later, was used.
    """
    if passage.disposition:
        return passage.disposition
    if passage.verdict is Verdict.CORRECT:
        return REWORKED
    seen = not last or passage.found is not None or passage.after is not None
    if passage.verdict is Verdict.SCRAP:
        if not last or (passage.audit_share and passage.found is False):
            return USED
        return SCRAPPED if seen or not passage.audit_share else _UNKNOWN
    return USED if seen or (passage.verdict is Verdict.CONTINUE and not passage.audit_share) else _UNKNOWN


def _evidence(first: Passage, came: State) -> Evidence | None:
    """What a part says of the recorded probabilities, if its state is known whatever it is.

    Of corrected parts only those are known that are still not good, and of scraps that were not audited those that
    somebody looked at for a reason of his own: they say nothing.
    """
    if first.bad is None or first.bad < FROM or first.verdict is Verdict.CORRECT or came is None:
        return None
    if first.verdict is Verdict.SCRAP and not first.audit_share:
        return None
    return Evidence(first.bad, came.expected if isinstance(came, Uncertain) else float(came))


def _spent(passage: Passage, done: str, costs: Costs) -> float:
    """What a passage cost by itself: people who looked, a correction, a scrapped part."""
    spent = costs.inspection if passage.verdict is Verdict.HOLD or passage.audit_share else 0.0
    if done == REWORKED:
        named = costs.corrections.get(passage.correction)
        cheapest = min((one.cost for one in costs.corrections.values()), default=0.0)
        return spent + (cheapest if named is None else named.cost)
    return spent + (costs.scrap if done == SCRAPPED else 0.0)
