"""What decisions by cost cost, on parts nobody trained on: a simulated line, and pass or fail of ai4i2020.

`python -m benchmarks bench_decisions`: 20 seeds of a line whose gate is an ensemble taught by 900 parts, and whose
intervals and tails follow the outcomes of each lot before the next; the last quarter of ai4i2020 by order, at the costs
of the example's plant file, at half and at double the price of an escape. Every action is charged what it costs the
part's true state, not what was expected. A scrap is held for a person, as a gate does without a second signal.

The oracle of the predictions has them too, and knows the true spread of their errors; that of the line knows the
distribution of every outcome. The limits are 2.5 standard deviations of the outcome away, and 3 more can be reworked,
as in the demo. The single threshold is the best of as many other lines, and the best in hindsight of these.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from benchmarks.bench_models_table import ai4i_trained
from benchmarks.lines import LOT, NOISE, SETTINGS, line
from inference.models.adapting import scaled, tail_freedom, tracked_scale
from inference.models.kind import HeldOut, Times
from inference.policy.confirming import confirm
from inference.policy.costs import Correction, Costs, Shares, actions, bounded
from inference.policy.gate import Priced, decide
from inference.policy.regions import verdict_for
from inference.training import train
from monitor.model import ClassSpec, Floats, Prediction, ReworkBand, Spec, Verdict
from monitor.plant.file.load import load

FRESH = 1500
LEARNT = 900
_OTHERS = 500
"""So far apart are the seeds of the lines on which the single threshold is found."""
SPEC, BAND = Spec(-3.0, 3.0), ReworkBand(0.0, 3.6)
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


def best_threshold(risk: Floats, goes: Floats, looked: Floats) -> float:
    """The least total of any single threshold in hindsight: below it a part goes on, from it on people look."""
    order = np.argsort(risk, kind="stable")
    gone, left = np.cumsum(goes[order]), np.cumsum(looked[order][::-1])[::-1]
    return float((np.concatenate([[0.0], gone]) + np.concatenate([left, [0.0]])).min())


def oracle(mean: Floats, spread: float, costs: Costs) -> list[tuple[Verdict, str]]:
    """The action of least expected cost for who knows the distribution of each outcome: normal around `mean`."""
    low, high = norm.cdf([[SPEC.lower], [SPEC.upper]], mean, spread)
    bottom, top = norm.cdf([[SPEC.lower - BAND.below], [SPEC.upper + BAND.above]], mean, spread)
    chosen = []
    for good, within in zip((high - low).tolist(), (top - bottom).tolist(), strict=True):
        shares = Shares(good, within - good, 1 - within)
        least = next(a for a in actions(shares, costs) if a.verdict is not Verdict.SCRAP)
        chosen.append((least.verdict, least.correction))
    return chosen


@dataclass(frozen=True)
class Judged:
    """The fresh parts of a line: what was said and decided, what they are, and whether a correction works."""

    said: Sequence[Prediction]
    decided: Sequence[tuple[Verdict, str]]
    target: Floats
    expected: Floats
    luck: Floats

    @property
    def states(self) -> list[State]:
        """What is right to do with each."""
        return [verdict_for(value, SPEC, BAND) for value in self.target.tolist()]

    @property
    def values(self) -> Floats:
        """What was predicted (parts,)."""
        return np.array([each.value for each in self.said])


def judged(seed: int) -> Judged:
    """The fresh parts of one line, decided lot by lot."""
    whole = line(LEARNT + FRESH, seed)
    lot = np.arange(len(whole.data)) // LOT
    data = replace(whole.data, times=Times(np.arange(len(lot), dtype=np.float64), (lot + 1.0) * LOT))
    early = np.arange(len(data)) < LEARNT
    learnt, fresh = data.at(early), data.at(~early)
    trained = train(learnt, SETTINGS, "ensemble")
    before, lots_before = held_out_scores(trained.contents.held_out, learnt.target, learnt.serials, learnt.groups)
    said = list(trained.model().predict(fresh.table))
    scores = np.array([2 * abs(y - a.value) / (a.upper - a.lower) for a, y in zip(said, fresh.target, strict=True)])
    decided: list[tuple[Verdict, str]] = []
    for start in range(0, len(said), LOT):
        known, lots = scores[:start], list(fresh.groups[:start])
        scale = tracked_scale(known, lots, SETTINGS.coverage)
        freedom = tail_freedom(np.concatenate([before, known / scale]), [*lots_before, *lots], SETTINGS.coverage)
        priced = Priced(COSTS, SETTINGS.coverage, freedom)
        decided += [_decided(scaled(each, scale), priced) for each in said[start : start + LOT]]
    luck = np.random.default_rng(seed).random(len(said))
    return Judged(said, decided, fresh.target, whole.expected[~early], luck)


def _decided(prediction: Prediction, priced: Priced) -> tuple[Verdict, str]:
    found = confirm(decide(prediction, SPEC, BAND, None, priced), confirmed=False, surge=False)
    return found.verdict, found.correction


def held_out_scores(
    said: HeldOut | None, target: Floats, serials: Sequence[str], lots: Sequence[str]
) -> tuple[Floats, list[str]]:
    """The errors, in half widths, of what was said of training parts by a model that had not learnt from them."""
    if said is None:
        return np.empty(0), []
    place = {serial: i for i, serial in enumerate(serials)}
    rows = [place[serial] for serial in said.serials]
    half = np.array([(each.upper - each.lower) / 2 for each in said.predictions])
    error = np.abs(target[rows] - [each.value for each in said.predictions])
    return error / half, [lots[row] for row in rows]


def one(found: Judged) -> dict[str, float]:
    """The figures of one line."""
    states, luck, ours = found.states, found.luck, found.decided
    corrected = [(s, by) for (v, _), s, by in zip(ours, states, luck.tolist(), strict=True) if v is Verdict.CORRECT]
    counts = Counter(verdict.value for verdict, _ in ours)
    of_predictions = oracle(found.values, float(np.std(found.target - found.values)), COSTS)
    return {
        "cost": total(ours, states, COSTS, luck),
        "always_continue": everywhere(Verdict.CONTINUE, states, COSTS, luck),
        "always_inspect": everywhere(Verdict.HOLD, states, COSTS, luck),
        "oracle_of_predictions": total(of_predictions, states, COSTS, luck),
        "oracle_of_the_line": total(oracle(found.expected, NOISE, COSTS), states, COSTS, luck),
        "not_good": sum(state is not Verdict.CONTINUE for state in states), "corrected": len(corrected),
        "corrected_in_specification": sum(_ends_well(state, by) for state, by in corrected),
        **{f"share_{v.value}": counts[v.value] / len(ours) for v in Verdict},
        "escapes": sum(v is Verdict.CONTINUE and s is not v for (v, _), s in zip(ours, states, strict=True)),
    }  # fmt: skip


def _ends_well(state: State, luck: float) -> bool:
    return state is Verdict.CONTINUE or (state is Verdict.CORRECT and luck <= COSTS.corrections["grind"].success)


def risk_of(values: Floats) -> Floats:
    """How near a prediction comes to a limit: what a threshold may be set on."""
    return np.maximum(values - (SPEC.upper or 0.0), (SPEC.lower or 0.0) - values)


def simulated(first: int, seeds: int) -> dict[str, Any]:
    """Sums over the seeds, and in how many of them the gate cost less."""
    lines = [judged(seed) for seed in range(first, first + seeds)]
    found = [one(each) for each in lines]
    sums = {name: float(sum(each[name] for each in found)) for name in found[0]}
    others = [judged(seed) for seed in range(first + _OTHERS, first + _OTHERS + seeds)]
    sums["best_threshold"] = float(_totals(lines, [_best(others)])[0])
    sums["best_threshold_in_hindsight"] = float(_totals(lines, [_best(lines)])[0])
    shares = {name: round(value / seeds, 4) for name, value in sums.items() if name.startswith("share_")}
    names = ("always_continue", "always_inspect", "best_threshold", "best_threshold_in_hindsight",
             "oracle_of_predictions", "oracle_of_the_line")  # fmt: skip
    return {
        "totals": {name: round(value) for name, value in sums.items() if not name.startswith("share_")},
        **{f"of_{name}": round(sums["cost"] / sums[name], 4) for name in names},
        "seeds_cheaper_than": {name: sum(each["cost"] < each[name] for each in found) for name in names[:2]},
        "shares": shares,
        "corrected_in_specification": round(sums["corrected_in_specification"] / max(sums["corrected"], 1), 4),
    }  # fmt: skip


def _totals(lines: Sequence[Judged], thresholds: Sequence[float]) -> Floats:
    """The cost of all parts by each threshold of the risk, below which a part goes on, and else people look."""
    found = np.zeros(len(thresholds))
    for each in lines:
        risk, luck = risk_of(each.values), each.luck.tolist()
        for verdict, goes in ((Verdict.CONTINUE, True), (Verdict.HOLD, False)):
            cost = np.array([charged(verdict, s, COSTS, by) for s, by in zip(each.states, luck, strict=True)])
            found += [float(cost[(risk < at) == goes].sum()) for at in thresholds]
    return found


def _best(lines: Sequence[Judged]) -> float:
    """The threshold of the least cost, to a hundredth of the unit."""
    thresholds = np.arange(-4.0, 2.0, 0.01)
    return float(thresholds[np.argmin(_totals(lines, thresholds.tolist()))])


def ai4i(folder: Path) -> dict[str, Any]:
    """The last quarter of ai4i2020, at the plant file's costs and other prices of an escape."""
    plant = load(_EXAMPLE).plant
    gate = plant.gates["milling"]
    costs, rule = gate.priced(), plant.classes_of(gate)
    if costs is None or rule is None:
        raise ValueError(f"{_EXAMPLE}: gate 'milling' has no costs or no classes")
    known = ai4i_trained(folder)
    model, rows, target = known.trained.model(), known.rows[known.cut :], known.target[known.cut :]
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
    found = [confirm(decide(each, rule, ReworkBand(), None, priced), confirmed=False, surge=False) for each in said]
    ours = [(decision.verdict, decision.correction) for decision in found]
    counts = Counter(verdict.value for verdict, _ in ours)
    cost = total(ours, states, costs, luck)
    free, looked = (everywhere(verdict, states, costs, luck) for verdict in (Verdict.CONTINUE, Verdict.HOLD))
    goes = np.array([charged(Verdict.CONTINUE, state, costs, 0.0) for state in states])
    looking = np.array([charged(Verdict.HOLD, state, costs, 0.0) for state in states])
    shares = [bounded(1 - each.value, 0.0, each.value) for each in said]
    expected = sum(next(a.cost for a in d.actions if a.verdict is d.verdict) for d in found if d.actions)
    return {
        "cost": round(cost), "expected": round(expected),
        "always_continue": round(free), "always_inspect": round(looked),
        "of_always_continue": round(cost / free, 4), "of_always_inspect": round(cost / looked, 4),
        "best_threshold_in_hindsight": round(best_threshold(risk, goes, looking)),
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
