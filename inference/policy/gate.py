"""Gate policy: from a prediction to a decision, as pure functions of their arguments.

No clock, registry or network is read here, and no model library imported: a stored decision can be recomputed
from its stored prediction, specification and rework band alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite, nan

import numpy as np

from inference.intervals import forecast_holds
from inference.models.adapting import scaled
from inference.models.forecasting import Forecast
from inference.models.kind import Items
from inference.models.tables.class_forecast import ClassForecast
from inference.policy.adjusting import Unsure, adjust
from inference.policy.costs import FREEDOM, Costs, Shares, actions, bounded, in_order, shares_of
from inference.policy.regions import (
    Rule,
    are_probabilities,
    meaning_shares,
    not_good,
    verdict_by_classes,
    verdict_for_all,
)
from inference.predicting import enough_inputs, judges_pictures, predict
from monitor.errors import ModelError
from monitor.model import Action, ClassSpec, Decision, Floats, PartInput, Prediction, Reason, ReworkBand, Spec, Verdict
from monitor.pictures import restore
from monitor.ports import ClassModel, GateModel

SpecAt = Callable[[datetime], Rule | None]
"""Returns the specification in force at an instant, or what the classes mean, or None."""

FORECAST_FOR = (Reason.NO_MODEL, Reason.NO_SKILL, Reason.NOT_CALIBRATED)
"""The reasons of a hold for which the forecast may decide instead: the gate has no model to decide by."""
_RECOMMENDED = {
    Verdict.CONTINUE: Decision(Verdict.CONTINUE, Reason.IN_SPEC),
    Verdict.CORRECT: Decision(Verdict.CORRECT, Reason.REWORKABLE),
    Verdict.SCRAP: Decision(Verdict.SCRAP, Reason.OUT_OF_SPEC),
}


@dataclass(frozen=True, slots=True)
class Priced:
    """What decisions cost, how often the intervals that they rest on hold, and the freedom of the errors beyond."""

    costs: Costs
    coverage: float
    freedom: float = FREEDOM


def decide(
    prediction: Prediction | None,
    spec: Rule | None,
    band: ReworkBand,
    failed: Reason | None,
    priced: Priced | None = None,
) -> Decision:
    """What to recommend for one part; anything that is not certain is a hold.

    `failed` is the precondition that was not met, if any; it must be the reason of a hold.
    Then, in this order: no usable specification in force (none, no limit at all, a limit that is not finite, limits
    in the wrong order, a negative band) holds with `incomplete_input`, because the specification is an input of the
    decision; no prediction, or one with a number that is not finite or a value outside its own interval, holds
    with `bad_model`; a distance above its limit holds with `out_of_distribution`; an interval that spans several
    regions holds with `uncertain`. Spec limits and the outer borders of the rework band are inclusive.

    Of classes, a prediction whose probabilities are none (one a class, finite, not negative, of sum 1) holds with
    `bad_model`. The probabilities of classes with one meaning are added; where no meaning is as probable as the gate
    wants it, the part is held with `uncertain`.

    With costs, `by_cost` takes the place of the interval's region and of the wanted probability.
    """
    if failed is not None:
        return hold(failed)
    if spec is None or (isinstance(spec, Spec) and not _is_usable_spec(spec, band)):
        return hold(Reason.INCOMPLETE_INPUT)
    if prediction is None or not _is_valid(prediction, spec):
        return hold(Reason.BAD_MODEL)
    if prediction.distance > prediction.distance_limit:
        return hold(Reason.OUT_OF_DISTRIBUTION)
    if isinstance(spec, ClassSpec):
        verdict = verdict_by_classes(prediction.probabilities, spec)
    else:
        verdict = verdict_for_all(prediction.lower, prediction.upper, spec, band)
    if priced is not None:
        return by_cost(actions(_shares(prediction, spec, band, priced), priced.costs), verdict)
    return hold(Reason.UNCERTAIN) if verdict is None else _RECOMMENDED[verdict]


def by_cost(found: Sequence[Action], certain: Verdict | None) -> Decision:
    """The action of least expected cost, the least being first.

    A part is scrapped only where that is also `certain`: what the whole interval says, or the wanted probability of a
    class. Else the next best is taken, so that a wider interval never makes a scrap of a hold.
    """
    best = next(action for action in found if action.verdict is not Verdict.SCRAP or certain is Verdict.SCRAP)
    decision = hold(Reason.UNCERTAIN) if best.verdict is Verdict.HOLD else _RECOMMENDED[best.verdict]
    reason = decision.reason if best.adjustment is None else Reason.ADJUSTABLE
    return replace(decision, reason=reason, actions=tuple(found))


def _shares(prediction: Prediction, spec: Rule, band: ReworkBand, priced: Priced) -> Shares:
    if isinstance(spec, ClassSpec):
        of = meaning_shares(prediction.probabilities, spec)
        return bounded(of[Verdict.CONTINUE], of[Verdict.CORRECT], of[Verdict.SCRAP])
    return shares_of(prediction, priced.coverage, spec, band, priced.freedom)


def decide_by_forecast(
    decision: Decision,
    known: Forecast | ClassForecast,
    spec: Rule | None,
    band: ReworkBand,
    priced: Priced | None = None,
) -> Decision:
    """A decision by the forecast instead of a hold, or the hold.

    The whole interval must lie in one region, as for a model; of classes, one meaning must be as frequent as the gate
    wants it to be probable. With costs the least expected one decides. A part that nobody looked at is never scrapped,
    and nothing is decided while the forecast's own intervals do not hold.
    """
    if not forecast_holds(known):
        return decision
    verdict, said = None, Prediction(nan, nan, nan, 0.0, 0.0)
    if isinstance(spec, ClassSpec) and isinstance(known, ClassForecast):
        verdict, said = verdict_by_classes(known.rates, spec), replace(said, probabilities=tuple(known.rates))
    elif isinstance(spec, Spec) and isinstance(known, Forecast) and _is_usable_spec(spec, band):
        verdict = verdict_for_all(known.lower, known.upper, spec, band)
        said = replace(said, value=known.value, lower=known.lower, upper=known.upper)
    else:
        return decision
    found: tuple[Action, ...] = ()
    if priced is not None:
        found = actions(_shares(said, spec, band, priced), priced.costs)
        verdict = next(action.verdict for action in found if action.verdict is not Verdict.SCRAP)
    return Decision(verdict, Reason.FORECAST, found) if verdict in (Verdict.CONTINUE, Verdict.CORRECT) else decision


def hold(reason: Reason) -> Decision:
    """A hold for a reason; ValueError for a reason that belongs to a recommendation."""
    if reason in (Reason.IN_SPEC, Reason.REWORKABLE, Reason.ADJUSTABLE, Reason.OUT_OF_SPEC, Reason.FORECAST):
        raise ValueError(f"{reason.value!r} is the reason of a recommendation, not of a hold")
    return Decision(Verdict.HOLD, reason)


def preconditions(model: GateModel | None, refused: Reason | None, part: PartInput) -> Reason | None:
    """Why the model cannot be used for a part, if so; reasons that concern the whole gate come first.

    `refused` is a reason that holds for every part, such as `bad_model` after a failed verification.
    """
    gate_reason = _gate_reason(model, refused)
    if model is None or gate_reason is not None:
        return gate_reason
    return None if _usable(model, [part])[0][0] else Reason.INCOMPLETE_INPUT


def _gate_reason(model: GateModel | None, refused: Reason | None) -> Reason | None:
    """Why the model cannot be used for any part, if so."""
    if refused is not None:
        return refused
    return Reason.NO_MODEL if model is None else None


def judge(
    model: GateModel | None,
    refused: Reason | None,
    parts: Sequence[PartInput],
    spec_at: SpecAt,
    band: ReworkBand,
    withheld: Reason | None = None,
    scale: float = 1.0,
    costs: Costs | None = None,
    freedom: float = FREEDOM,
) -> list[tuple[Prediction | None, Decision]]:
    """A prediction and a decision for each part, in order; the model sees only parts with enough inputs.

    `withheld` is a reason not to act on predictions, such as `no_skill` after the realised skill was lost:
    predictions are still made, so that skill can be measured again, and the parts are held for that reason. It
    concerns the whole gate, so it takes precedence over missing inputs of a part. Intervals are made `scale` times as
    wide as the model gives them (`inference.models.adapting`). With `costs` the least expected cost decides, by errors
    whose tails have so much `freedom`.

    The specification is the one in force when the part was at the step. If the model fails, or returns the wrong
    number of predictions, those parts are held with `bad_model`; so they are where it does not predict what the gate
    decides by (a number, or the classes of the plant file). The value of a prediction of classes is the probability
    that the part does not go on as it is.

    Of a part that is decided on by costs and does not surely go on as planned, the model is asked what it would say of
    other settings of `costs.adjustables` (`inference.policy.adjusting`); the best of them is one more action.
    """
    rules = [spec_at(part.at) for part in parts]
    gate_reason = _gate_reason(model, refused)
    failed: list[Reason | None] = [gate_reason] * len(parts)
    predictions: list[Prediction | None] = [None] * len(parts)
    if model is not None and gate_reason is None:
        failed, predictions = _predict_complete(model, parts)
        for i, fits in enumerate(predicts(model, rules)):
            failed[i] = failed[i] if fits else Reason.BAD_MODEL
            predictions[i] = _adapted(said_of(predictions[i], rules[i]), scale) if fits else None
    failed = [_apply_withheld(*pair, withheld) for pair in zip(failed, predictions, strict=True)]
    priced = None if costs is None or model is None else Priced(costs, model.coverage, freedom)
    judged = [
        (prediction, decide(prediction, rule, band, reason, priced))
        for rule, prediction, reason in zip(rules, predictions, failed, strict=True)
    ]
    if model is None or priced is None or not priced.costs.adjustables:
        return judged
    return _with_adjustments(model, parts, rules, judged, band, priced, scale)


def _with_adjustments(
    model: GateModel,
    parts: Sequence[PartInput],
    rules: Sequence[Rule | None],
    judged: Sequence[tuple[Prediction | None, Decision]],
    band: ReworkBand,
    priced: Priced,
    scale: float,
) -> list[tuple[Prediction | None, Decision]]:
    """The decisions, with an adjustment as one more action where a part does not surely go on as planned.

    Every precondition was met where there are actions. A part whose whole interval is inside, and that goes on at the
    least cost, is left as planned: to move it as well would only add what moving does. A scrap is not certain while
    some setting might bring the part inside, so that a wider interval makes no scrap of an adjustment.
    """
    found, unsure, places = list(judged), list[Unsure](), list[int]()
    for i, (part, rule, (said, decision)) in enumerate(zip(parts, rules, judged, strict=True)):
        if said is None or not isinstance(rule, Spec) or not decision.actions:
            continue
        inside = verdict_for_all(said.lower, said.upper, rule, band) is Verdict.CONTINUE
        if not (inside and decision.verdict is Verdict.CONTINUE):
            good = _shares(said, rule, band, priced).good
            unsure.append(Unsure(input_rows([part], model.inputs)[0], rule, good))
            places.append(i)

    def answers(rows: Floats) -> list[Prediction | None]:
        return [_adapted(prediction, scale) for prediction in _predict(model, rows)]

    adjusted = adjust(unsure, model.inputs, priced.costs, priced.coverage, band, answers, priced.freedom)
    for i, asked, one in zip(places, unsure, adjusted, strict=True):
        said, decision = judged[i]
        if said is not None and one.may_help:
            certain = verdict_for_all(said.lower, said.upper, asked.spec, band)
            more = [] if one.action is None else [one.action]
            found[i] = (
                said,
                by_cost(in_order([*decision.actions, *more]), None if certain is Verdict.SCRAP else certain),
            )
    return found


def predicts(model: GateModel, rules: Sequence[Rule | None]) -> list[bool]:
    """Whether the model predicts what each of these decides by; without a rule nothing is against it."""
    classes = predicted_classes(model)
    return [rule is None or (rule.names if isinstance(rule, ClassSpec) else ()) == classes for rule in rules]


def predicted_classes(model: GateModel) -> tuple[str, ...]:
    """The classes that a model predicts; none of a number."""
    return model.classes if isinstance(model, ClassModel) else ()


def said_of(prediction: Prediction | None, rule: Rule | None) -> Prediction | None:
    """The prediction, of classes with its value by what they mean."""
    if prediction is None or not isinstance(rule, ClassSpec) or not are_probabilities(prediction.probabilities, rule):
        return prediction
    value = not_good(prediction.probabilities, rule)
    return replace(prediction, value=value, lower=value, upper=value)


def _adapted(prediction: Prediction | None, scale: float) -> Prediction | None:
    """With its interval adapted; None for one with a number that is not finite, which nothing can store or send."""
    finite = prediction is not None and _is_finite(prediction) and all(map(isfinite, prediction.probabilities))
    return scaled(prediction, scale) if prediction is not None and finite else None


def _apply_withheld(failed: Reason | None, prediction: Prediction | None, withheld: Reason | None) -> Reason | None:
    """`withheld`, if any, unless the gate has no usable model or the model failed: those reasons stay."""
    model_worked = failed is Reason.INCOMPLETE_INPUT or prediction is not None
    return withheld if withheld is not None and model_worked else failed


def input_rows(parts: Sequence[PartInput], inputs: Sequence[str]) -> Floats:
    """The parts as an array (parts, inputs) in the model's column order, NaN where a value is missing."""
    rows = [[part.values.get(name, nan) for name in inputs] for part in parts]
    return np.array(rows, dtype=np.float64).reshape(len(parts), len(inputs))


def _usable(model: GateModel, parts: Sequence[PartInput]) -> tuple[list[bool], Items]:
    """Which parts have enough inputs for the model, and what it takes of these: rows, or pictures."""
    if judges_pictures(model):
        pictures = [None if part.picture is None else restore(part.picture) for part in parts]
        return [picture is not None for picture in pictures], [one for one in pictures if one is not None]
    rows = input_rows(parts, model.inputs)
    usable = enough_inputs(model, rows)
    return usable.tolist(), rows[usable]


def _predict_complete(
    model: GateModel, parts: Sequence[PartInput]
) -> tuple[list[Reason | None], list[Prediction | None]]:
    """For each part, INCOMPLETE_INPUT if it lacks too many inputs, and otherwise its prediction."""
    usable, items = _usable(model, parts)
    predictions = iter(_predict(model, items))
    failed = [None if ok else Reason.INCOMPLETE_INPUT for ok in usable]
    return failed, [next(predictions) if ok else None for ok in usable]


def _predict(model: GateModel, rows: Items) -> list[Prediction | None]:
    """The predictions for rows with enough inputs, or for pictures; None for all if the model fails."""
    if not len(rows):
        return []
    try:
        predictions: list[Prediction | None] = list(predict(model, rows))
    except ModelError:
        return [None] * len(rows)
    return predictions if len(predictions) == len(rows) else [None] * len(rows)


def _is_usable_spec(spec: Spec, band: ReworkBand) -> bool:
    limits = [limit for limit in (spec.lower, spec.upper) if limit is not None]
    ordered = bool(limits) and all(map(isfinite, limits)) and limits == sorted(limits)
    return ordered and band.below >= 0 and band.above >= 0


def _is_valid(prediction: Prediction, rule: Rule) -> bool:
    if isinstance(rule, ClassSpec) and not are_probabilities(prediction.probabilities, rule):
        return False
    return _is_finite(prediction) and prediction.lower <= prediction.value <= prediction.upper


def _is_finite(prediction: Prediction) -> bool:
    numbers = (prediction.value, prediction.lower, prediction.upper, prediction.distance, prediction.distance_limit)
    return all(map(isfinite, numbers))
