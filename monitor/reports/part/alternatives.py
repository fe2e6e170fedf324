"""What else a gate could have recommended: every action with its expected cost, and why others were ruled out. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from inference.policy.regions import verdict_for_all
from monitor.model import JsonObject, Reason, Verdict
from monitor.reports.part.facts import Facts

_NOT_PRICED = "nothing was priced, because the gate must not decide on this part: the sentence above says why"
_SCRAPS = {
    Reason.SCRAP_UNCONFIRMED: "no second signal agrees",
    Reason.SCRAP_SURGE: "scraps surge",
    Reason.FORECAST: "a forecast, which has not seen the part, never scraps",
}
_UNSURE_SCRAP = "it is not sure enough that the part can only be scrapped"
_UNLIKELY = "it is not more probable that the part can be corrected than that it is good or can only be scrapped"
_SURE = "as planned the part surely is within specification"
_NO_SETTING = "no setting from {low:.6g} to {high:.6g} was found that surely brings the part within specification"
_OTHER = "another setting costs less"


def alternatives(facts: Facts) -> list[JsonObject]:
    """Every action with its expected cost, the least first; the one that is recommended is `chosen`.

    `name` is what people call it, `ruled_out` why it could not be recommended, None where only its cost is against it.
    Corrections and adjustments of the plant file that were not priced have no cost and are the last. Nothing of a gate
    that decided without costs.
    """
    found, chosen = list[JsonObject](), False
    for one in facts.row.costs or ():
        mine = not chosen and one["action"] == facts.row.verdict
        against = _scrap(facts) if one["action"] == Verdict.SCRAP and not mine else None
        found.append({**one, "name": facts.action(one), "chosen": mine, "ruled_out": against})
        chosen = chosen or mine
    return [*found, *_not_priced(facts)]


def _scrap(facts: Facts) -> str | None:
    """Why a part was not scrapped although nothing costs less."""
    cheapest = min((facts.row.costs or ()), key=lambda one: float(one["cost"]))
    if facts.row.reason in _SCRAPS:
        return _SCRAPS[Reason(facts.row.reason)]
    return _UNSURE_SCRAP if cheapest["action"] == Verdict.SCRAP else None


def _not_priced(facts: Facts) -> Iterator[JsonObject]:
    """The corrections and adjustments of the gate that are not among the priced actions."""
    if facts.gate is None or facts.gate.costs is None:
        return
    if not facts.row.costs:
        yield _without("every action", "", _NOT_PRICED)
        return
    priced = {str(one["correction"]) for one in facts.row.costs if one["action"] == Verdict.CORRECT}
    for name in facts.gate.costs.corrections:
        if name not in priced:
            yield _without(name, name, _UNLIKELY)
    set_already = {name for text in priced for name in text.split(" + ")}
    for name, one in facts.gate.adjustments.items():
        if name in set_already or facts.row.reason == Reason.FORECAST:
            continue
        low, high = one.low, one.high
        why = _NO_SETTING.format(low=low, high=high)
        if set_already & set(facts.gate.adjustments):
            why = _OTHER
        elif facts.row.reason == Reason.IN_SPEC and _surely_inside(facts):
            why = _SURE
        yield _without(f"set {name}", name, why)


def _surely_inside(facts: Facts) -> bool:
    """Whether the whole interval is within specification; such a part is left as planned."""
    row = facts.row
    if facts.spec is None or row.lower is None or row.upper is None:
        return False
    return verdict_for_all(row.lower, row.upper, facts.spec, facts.band) is Verdict.CONTINUE


def _without(name: str, correction: str, why: str) -> JsonObject:
    return {"action": Verdict.CORRECT.value if correction else "", "correction": correction, "cost": None,
            "name": name, "chosen": False, "ruled_out": why}  # fmt: skip
