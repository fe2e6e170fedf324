"""What decisions by cost cost, on parts nobody trained on: a simulated line, and pass or fail of ai4i2020.

`python -m benchmarks bench_decisions`: 20 seeds of a line whose gate is an ensemble taught by 900 parts; the last
quarter of ai4i2020 by order, at the costs of the example's plant file, at half and at double the price of an escape.
Every action is charged what it costs the part's true state, not what was expected. A scrap is held for a person, as a
gate does without a second signal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from benchmarks.bench_models_table import ai4i_model
from benchmarks.lines import NOISE, SETTINGS, line
from inference.models.kind import TrainingData
from inference.policy.confirming import confirm
from inference.policy.costs import Correction, Costs, Shares, actions, bounded
from inference.policy.gate import Priced, decide
from inference.policy.regions import verdict_for
from inference.training import train
from monitor.model import ClassSpec, Decision, Floats, Prediction, ReworkBand, Spec, Verdict
from monitor.plant.file.load import load

FRESH = 1500
LEARNT = 900
SPEC, BAND = Spec(-2.0, 2.0), ReworkBand(0.0, 1.0)
COSTS = Costs(30_000, 400, 60, {"grind": Correction(80, 0.95)})
PRICES = (0.5, 1.0, 2.0)
_EXAMPLE = Path(__file__).parents[1] / "examples" / "ai4i2020" / "plant.yaml"

State = Verdict
"""The true state of a part, as what is right to do with it: continue, correct or scrap."""


def charged(verdict: Verdict, state: State, costs: Costs, luck: float, name: str = "") -> float:
    """What a part costs by what was done and what it is; `luck` (0 to 1) decides whether a correction works."""
    if verdict is Verdict.CONTINUE:
        return 0.0 if state is Verdict.CONTINUE else costs.escape
    if verdict is Verdict.SCRAP:
        return costs.scrap
    if verdict is Verdict.HOLD:
        return costs.inspection + _seen(state, costs, luck)
    one = costs.corrections[name]
    failed = state is Verdict.SCRAP or (state is Verdict.CORRECT and luck > one.success)
    return one.cost + (costs.scrap if failed else 0.0)


def _seen(state: State, costs: Costs, luck: float) -> float:
    """What people who know the state do with the part, and what that costs."""
    if state is Verdict.CONTINUE:
        return 0.0
    if state is Verdict.SCRAP or not costs.corrections:
        return costs.scrap
    one = min(costs.corrections.values(), key=lambda one: one.cost + (1 - one.success) * costs.scrap)
    return one.cost + (costs.scrap if luck > one.success else 0.0)


def total(verdicts: Sequence[tuple[Verdict, str]], states: Sequence[State], costs: Costs, luck: Floats) -> float:
    """The sum over all parts."""
    each = zip(verdicts, states, luck.tolist(), strict=True)
    return sum(charged(verdict, state, costs, by, name) for (verdict, name), state, by in each)


def everywhere(verdict: Verdict, states: Sequence[State], costs: Costs, luck: Floats) -> float:
    """The same for every part."""
    return total([(verdict, "")] * len(states), states, costs, luck)


def best_threshold(risk: Floats, states: Sequence[State], costs: Costs, luck: Floats) -> float:
    """The least total of any single threshold in hindsight: below it a part goes on, from it on people look."""
    order = np.argsort(risk, kind="stable")
    goes = np.array([charged(Verdict.CONTINUE, state, costs, 0.0) for state in states])[order]
    looked = np.array([charged(Verdict.HOLD, s, costs, by) for s, by in zip(states, luck.tolist(), strict=True)])[order]
    totals = np.concatenate([[0.0], np.cumsum(goes)]) + np.concatenate([np.cumsum(looked[::-1])[::-1], [0.0]])
    return float(totals.min())


def oracle(mean: Floats, costs: Costs) -> list[tuple[Verdict, str]]:
    """The action of least expected cost for who knows the distribution of each outcome: normal around `mean`."""
    low, high = norm.cdf([[SPEC.lower], [SPEC.upper]], mean, NOISE)
    bottom, top = norm.cdf([[SPEC.lower - BAND.below], [SPEC.upper + BAND.above]], mean, NOISE)
    chosen = []
    for good, within in zip((high - low).tolist(), (top - bottom).tolist(), strict=True):
        shares = Shares(good, within - good, 1 - within)
        least = next(a for a in actions(shares, costs) if a.verdict is not Verdict.SCRAP)
        chosen.append((least.verdict, least.correction))
    return chosen


def one(seed: int) -> dict[str, float]:
    """The figures of one line."""
    whole = line(LEARNT + FRESH, seed)
    early = np.arange(len(whole.data)) < LEARNT
    learnt, judged = whole.data.at(early), whole.data.at(~early)
    model = train(learnt, replace(SETTINGS), "ensemble").model()
    said = list(model.predict(judged.table))
    priced = Priced(COSTS, model.coverage)
    found = [confirm(decide(each, SPEC, BAND, None, priced), confirmed=False, surge=False) for each in said]
    states = [verdict_for(value, SPEC, BAND) for value in judged.target.tolist()]
    luck = np.random.default_rng(seed).random(len(states))
    ours = [(decision.verdict, decision.correction) for decision in found]
    cost = total(ours, states, COSTS, luck)
    known = total(oracle(whole.expected[~early], COSTS), states, COSTS, luck)
    corrected = [(s, by) for (v, _), s, by in zip(ours, states, luck.tolist(), strict=True) if v is Verdict.CORRECT]
    ends_well = sum(_ends_well(state, by) for state, by in corrected)
    counts = Counter(verdict.value for verdict, _ in ours)
    return {
        "cost": cost, "always_continue": everywhere(Verdict.CONTINUE, states, COSTS, luck),
        "always_inspect": everywhere(Verdict.HOLD, states, COSTS, luck),
        "best_threshold": best_threshold(risk_of(said, model.coverage), states, COSTS, luck), "oracle": known,
        "not_good": sum(state is not Verdict.CONTINUE for state in states), "corrected": len(corrected),
        "corrected_in_specification": ends_well, **{f"share_{v.value}": counts[v.value] / len(ours) for v in Verdict},
        "escapes": sum(v is Verdict.CONTINUE and s is not v for (v, _), s in zip(ours, states, strict=True)),
    }  # fmt: skip


def _ends_well(state: State, luck: float) -> bool:
    return state is Verdict.CONTINUE or (state is Verdict.CORRECT and luck <= COSTS.corrections["grind"].success)


def risk_of(said: Sequence[Prediction], coverage: float) -> Floats:
    """How near a prediction comes to a limit, in half widths of its interval: what a threshold may be set on."""
    return np.array([max(a.value - SPEC.upper, SPEC.lower - a.value) / max(a.upper - a.value, 1e-9) for a in said])


def simulated(first: int, seeds: int) -> dict[str, Any]:
    """Sums over the seeds, and in how many of them the gate cost less."""
    found = [one(seed) for seed in range(first, first + seeds)]
    sums = {name: float(sum(each[name] for each in found)) for name in found[0]}
    cheaper = {
        name: sum(each["cost"] < each[name] for each in found)
        for name in ("always_continue", "always_inspect", "best_threshold")
    }
    shares = {name: round(value / seeds, 4) for name, value in sums.items() if name.startswith("share_")}
    return {
        "totals": {name: round(value) for name, value in sums.items() if not name.startswith("share_")},
        "of_always_continue": round(sums["cost"] / sums["always_continue"], 4),
        "of_always_inspect": round(sums["cost"] / sums["always_inspect"], 4),
        "of_best_threshold": round(sums["cost"] / sums["best_threshold"], 4),
        "of_oracle": round(sums["cost"] / sums["oracle"], 4),
        "seeds_cheaper_than": cheaper, "shares": shares,
        "corrected_in_specification": round(sums["corrected_in_specification"] / max(sums["corrected"], 1), 4),
    }  # fmt: skip


def ai4i(folder: Path) -> dict[str, Any]:
    """The last quarter of ai4i2020, at the plant file's costs and other prices of an escape."""
    plant = load(_EXAMPLE).plant
    gate = plant.gates["milling"]
    costs, rule = gate.priced(), plant.classes_of(gate)
    if costs is None or rule is None:
        raise ValueError(f"{_EXAMPLE}: gate 'milling' has no costs or no classes")
    model, rows, target = ai4i_model(folder)
    said = [replace(each, value=each.probabilities[1], lower=each.probabilities[1], upper=each.probabilities[1])
            for each in model.predict(rows)]  # fmt: skip
    states = [rule.meanings[int(place)] for place in target.tolist()]
    luck = np.zeros(len(states))
    risk = np.array([each.value for each in said])
    return {f"escape_{costs.escape * price:.0f}": _at(replace(costs, escape=costs.escape * price), said, rule, states,
            luck, risk, model.coverage) for price in PRICES}  # fmt: skip


def _at(
    costs: Costs, said: Sequence[Prediction], rule: ClassSpec, states: Sequence[State], luck: Floats, risk: Floats,
    coverage: float,
) -> dict[str, float]:  # fmt: skip
    priced = Priced(costs, coverage)
    decided: Callable[[Prediction], Decision] = lambda each: decide(each, rule, ReworkBand(), None, priced)  # noqa: E731
    found = [confirm(decided(each), confirmed=False, surge=False) for each in said]
    ours = [(decision.verdict, decision.correction) for decision in found]
    counts = Counter(verdict.value for verdict, _ in ours)
    cost = total(ours, states, costs, luck)
    free, looked = (everywhere(verdict, states, costs, luck) for verdict in (Verdict.CONTINUE, Verdict.HOLD))
    shares = [bounded(1 - each.value, 0.0, each.value) for each in said]
    expected = sum(next(a.cost for a in d.actions if a.verdict is d.verdict) for d in found if d.actions)
    return {
        "cost": round(cost), "expected": round(expected), "always_continue": round(free), "always_inspect": round(looked),
        "of_always_continue": round(cost / free, 4), "of_always_inspect": round(cost / looked, 4),
        "best_threshold_in_hindsight": round(best_threshold(risk, states, costs, luck)),
        "expected_failures": round(sum(share.scrap for share in shares), 1),
        "escapes": sum(v is Verdict.CONTINUE and s is not v for (v, _), s in zip(ours, states, strict=True)),
        **{f"share_{v.value}": round(counts[v.value] / len(ours), 4) for v in Verdict},
    }  # fmt: skip


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--data", type=Path, default=os.environ.get("GATEWATCH_DATA", "../shared/data"))
    given = parser.parse_args()
    found: dict[str, Any] = {"simulated_line": simulated(given.first, given.seeds)}
    if (given.data / "ai4i2020").is_dir():
        found["ai4i2020"] = ai4i(given.data)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
