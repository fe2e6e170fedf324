"""A decision in plain sentences: what is recommended and why, and what is to be done. Pure.

The sentence is a headline and clauses. `CLAUSES` are functions of the facts that each return a clause, or None where
it has nothing to say; what a decision records later is said by a further function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exporters.html.formatting import money, number, percent
from inference.policy.confirming import BY_MODEL
from monitor.model import Reason, Spec, Verdict
from monitor.reports.part.adjustments import adjusted_steps
from monitor.reports.part.facts import Facts
from monitor.reports.part.signals import signal_clauses

_HOLD: Mapping[str, str] = {
    "inspect": "a person must look",
    "wait": "the part waits",
    "plant_procedure": "the plant's procedure for holds applies",
}
_WHY_HELD: Mapping[str, str] = {
    Reason.NO_MODEL: "the gate has no model in force yet, or not in its cache",
    Reason.BAD_MODEL: "the model in force is damaged, of other classes, or returned numbers that are none",
    Reason.TIMEOUT: "the model took longer than the gate allows",
    Reason.NO_SKILL: "the model is no better than a forecast from the newest outcomes",
    Reason.NOT_CALIBRATED: "too many outcomes of late lay outside the model's intervals",
}
_MOST_NAMED = 4
_TODO: Mapping[str, str] = {
    Verdict.CONTINUE: "Nothing: the part goes on.",
    Verdict.SCRAP: "Follow the scrap procedure; have the part measured first if you doubt it.",
}
_TODO_HOLD: Mapping[str, str] = {
    "inspect": "Inspect the part and enter its disposition in the MES.",
    "wait": "Let the part wait until its disposition is entered in the MES.",
}
_TODO_UNCONFIRMED = (
    "Measure or inspect the part and enter its disposition in the MES. A second signal, with which the gate would "
    "scrap it by itself, is an outcome of the part, another gate that shares no input with this one, or this gate on "
    "an earlier visit by other measurements."
)

PASSED_ON = "Nobody decided on this part before it went on: enter its disposition in the MES, or stop it where it is."
"""What is to be done about a hold that the part was not kept for."""


def settled(people: str, measured: bool) -> str:
    """What is to be done about a decision that is over: `people` said something of the part, or it was measured."""
    said = f"people decided: {people}" if people else "it was measured since" if measured else "the part has moved on"
    return f"Nothing more: {said}."


def sentence(facts: Facts) -> str:
    """What is recommended and why: the headline, and every clause that has something to say."""
    head, said = headline(facts), [text for clause in CLAUSES if (text := clause(facts))]
    between = "; " if ":" in head else ": "
    return head + (between + "; ".join(said) if said else "")


def headline(facts: Facts) -> str:
    """The verdict, with the name of the correction or what is to be set, or what a hold means at the step."""
    if facts.row.verdict == Verdict.HOLD:
        return f"hold: {_HOLD.get(facts.row.on_hold, 'a person must decide')}"
    if facts.to_set:
        return f"{facts.row.verdict}: set {facts.to_set}"
    return f"{facts.row.verdict}: {facts.correction}" if facts.correction else facts.row.verdict


def todo(facts: Facts) -> str:
    """What people are to do."""
    verdict = facts.row.verdict
    if facts.row.adjustment:
        at = _and(adjusted_steps(facts.row.adjustment))
        return f"Let the part go on, but set {facts.to_set} when it passes {at}."
    if facts.row.signals and facts.row.signals.get("audit"):
        end = "before it is scrapped" if verdict == Verdict.SCRAP else "before it goes on"
        return f"Inspect the part all the same (audit), {end}, and enter its disposition in the MES."
    if verdict == Verdict.CORRECT:
        by = f" by {facts.correction}" if facts.correction else " by the step's procedure"
        return f"Rework the part{by}; it is judged again when it has passed the step."
    if facts.row.reason == Reason.SCRAP_UNCONFIRMED:
        return _TODO_UNCONFIRMED
    if verdict == Verdict.HOLD:
        return _TODO_HOLD.get(facts.row.on_hold, "Follow the plant's procedure for parts that are held.")
    return _TODO.get(verdict, "")


def _by_interval(facts: Facts) -> str | None:
    """Where the interval lies, if it is by this that the gate decided."""
    if facts.row.reason not in _BY_VALUE or facts.interval is None or facts.shares:
        return None
    _, lower, upper = facts.interval
    unit = f" {facts.unit}" if facts.unit else ""
    what = _INTERVAL.get(facts.row.reason, "the interval")
    said = f"{what} {facts.number(lower)} to {facts.number(upper)}{unit}"
    return f"{said} {where(facts, lower, upper)}" if facts.spec else f"{said}, of which the specification is not known"


_BY_VALUE = (*BY_MODEL, Reason.FORECAST)
_INTERVAL: Mapping[str, str] = {
    Reason.FORECAST: "the forecast",
    Reason.ADJUSTABLE: "as planned the interval",
}


def where(facts: Facts, lower: float, upper: float) -> str:
    """Where an interval lies: which borders it crosses, or the region that it is in; the borders belong to the inner
    regions.

    A specification must be known.
    """
    limits = facts.limits.items()
    crossed = [f"{name} {facts.number(at)}" for name, at in limits if _crosses(lower, upper, at, "lower" in name)]
    if crossed:
        return f"crosses {_and(crossed)}"
    spec = facts.spec or Spec(None, None)
    if spec.lower is not None and upper < spec.lower:
        return _beyond(
            facts, "below the lower limit", spec.lower, facts.band.below, spec.lower - facts.band.below, upper
        )
    if spec.upper is not None and lower > spec.upper:
        return _beyond(
            facts, "above the upper limit", spec.upper, facts.band.above, spec.upper + facts.band.above, lower
        )
    return f"lies within the specification{_spec_text(facts, spec)}"


def _beyond(facts: Facts, side: str, limit: float, band: float, end: float, nearest: float) -> str:
    said = f"lies {side} {facts.number(limit)}"
    if not band:
        return f"{said}, where nothing can be corrected"
    inside = abs(nearest - limit) <= band
    way = "down" if end < limit else "up"
    return f"{said}, {'within' if inside else 'beyond'} the rework range {way} to {facts.number(end)}"


def _crosses(lower: float, upper: float, limit: float, is_lower: bool) -> bool:
    """A limit itself is on the inner side."""
    return lower < limit <= upper if is_lower else lower <= limit < upper


def _spec_text(facts: Facts, spec: Spec) -> str:
    if spec.lower is None or spec.upper is None:
        end = ("up to", spec.upper) if spec.lower is None else ("from", spec.lower)
        return f" {end[0]} {facts.number(end[1] or 0.0)}"
    return f" {facts.number(spec.lower)} to {facts.number(spec.upper)}"


def _by_classes(facts: Facts) -> str | None:
    """How probable each class is, and what was wanted."""
    if not facts.shares or facts.row.reason not in _BY_VALUE:
        return None
    ranked = sorted(facts.shares.items(), key=lambda item: -(item[1] or 0.0))
    said = ", ".join(f"{name} {percent(share)}" for name, share in ranked)
    what = "rates of the newest outcomes" if facts.row.reason == Reason.FORECAST else "probabilities"
    wanted = f" ({percent(facts.gate.coverage)} of one meaning is wanted)" if facts.gate and not facts.row.costs else ""
    return f"{what} {said}{wanted}"


def _why_held(facts: Facts) -> str | None:
    """Why a precondition was not met."""
    row, reason = facts.row, facts.row.reason
    if reason == Reason.OUT_OF_DISTRIBUTION:
        far = ""
        if row.distance is not None and row.distance_limit is not None:
            far = f": distance {number(row.distance)}, limit {number(row.distance_limit)}"
        return f"the part is unlike those that the model has learnt{far}"
    if reason == Reason.INCOMPLETE_INPUT:
        return _incomplete(facts)
    if reason == Reason.FORECAST and row.forecast is not None:
        instead = _WHY_HELD.get(row.forecast["instead_of"], "the model does not know parts like those of now")
        return f"decided by the newest {row.forecast['outcomes']} outcomes, because {instead}"
    return _WHY_HELD.get(reason)


def _incomplete(facts: Facts) -> str:
    if facts.gate is not None and facts.rule is None:
        return "no specification was in force"
    if facts.gate is not None and facts.gate.image is not None:
        return "there is no picture of the part"
    if not facts.missing:
        return "inputs are missing"
    named, more = facts.missing[:_MOST_NAMED], len(facts.missing) - _MOST_NAMED
    return f"no value of {_and([*named, *([f'{more} more'] if more > 0 else [])])}"


def _by_cost(facts: Facts) -> str | None:
    """What the recommended action and the next one are expected to cost, and how likely the part is good as it is."""
    if facts.expected_cost is None or not facts.row.costs:
        return None
    others = [one for one in facts.row.costs if one["action"] != facts.row.verdict]
    said = f"expected cost {money(facts.expected_cost, facts.currency)}"
    if others:
        said += f", {facts.action(others[0])} would cost {money(others[0]['cost'], facts.currency)}"
    likely = [one["probability"] for one in facts.row.costs if one["action"] == "continue" and "probability" in one]
    return f"{said}; good as it is with {percent(likely[0])}" if likely else said


def _adjusted(facts: Facts) -> str | None:
    """What is predicted if what is to be set otherwise is."""
    found = facts.row.adjustment
    if not found:
        return None
    unit = f" {facts.unit}" if facts.unit else ""
    return f"adjusted, it is {facts.number(found['lower'])} to {facts.number(found['upper'])}{unit}"


def _and(texts: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def _signals(facts: Facts) -> str | None:
    """What confirmed a scrap or was missing for it, and the audit."""
    return "; ".join(signal_clauses(facts.row)) or None


CLAUSES: tuple[Callable[[Facts], str | None], ...] = (
    _by_interval, _by_classes, _adjusted, _why_held, _by_cost, _signals,
)  # fmt: skip
"""What a sentence says after its headline, in this order."""
