"""What a decision is said to be: the recommendation and why, in the unit of the characteristic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.policy.gate import decide
from inference.policy.regions import verdict_for_all
from monitor.model import Prediction, ReworkBand, Spec, Verdict
from monitor.plant.plant import Plant
from monitor.reports.part.alternatives import alternatives
from monitor.reports.part.facts import Facts, facts_of
from monitor.reports.part.sentences import sentence, todo, where
from monitor.store.rows.decisions import StoredDecision

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
TIME = {"time": {"column": "time", "unit": "s"}}
SETTABLE = {name: {"plan": 10, "low": 0, "high": 20, "step": 1, "cost": 1} for name in ("cure.time", "cure.b")}


def plant(rework: str = "above", **gate: Any) -> Plant:
    """Resonance from 1225 to 1275 Hz with 30 Hz of rework on one side; a gate of classes."""
    spec = {"since": "2026-01-01T00:00:00Z", "lower": 1225, "target": 1250, "upper": 1275}
    classes = {"clean": {"value": 0, "means": "continue"}, "runs": {"value": 1, "means": "correct"}}
    number = {"step": "coat", "characteristic": "resonance", "model": "m", "profile": ["a", "b", "c", "d"]}
    return Plant.model_validate({
        "version": 1, "site": "north", "steps": {name: {"line": "l"} for name in ("coat", "look", "cure")},
        "characteristics": {"resonance": {"unit": "Hz", "specs": [spec]}, "finish": {"classes": classes}},
        "gates": {"coat": number | {"rework": {rework: 30}, "adjustments": SETTABLE} | gate,
                  "look": {"step": "look", "characteristic": "finish", "model": "f", "kind": "classifier",
                           "profile": ["a"]}},
        "sources": {"mes": {"kind": "part_steps", "url": "sqlite:///mes.db", "table": "steps", "serial": "s",
                            "step": {"column": "step"}, "at": {"column": "at", "zone": "UTC"},
                            "values": {name: {"column": name} for name in "abcd"} | TIME}},
    })  # fmt: skip


def decision(verdict: str, reason: str, interval: tuple[float, float] | None = None, **changes: Any) -> StoredDecision:
    lower, upper = interval or (None, None)
    values: dict[str, Any] = {
        "serial": "B7", "step": "coat", "visit": 1, "revision": 0, "gate": "coat", "arrival": 1, "inputs": {"coat": 1},
        "characteristic": "resonance", "model": "m", "version": "3", "model_digest": "d", "plant_digest": "p",
        "predicted": None if interval is None else (interval[0] + interval[1]) / 2, "lower": lower, "upper": upper,
        "distance": 0.5, "distance_limit": 2.0, "verdict": verdict, "reason": reason,
        "on_hold": "inspect" if verdict == "hold" else "", "decided_at": AT, "at": AT, "withheld": "",
    }  # fmt: skip
    return StoredDecision(**(values | changes))


FORECAST = {"value": 1250.0, "lower": 1231.2, "upper": 1269.0, "outcomes": 900, "instead_of": "no_model"}
_PRICES = (("correct", "strip", 99.05), ("hold", "", 154.1), ("continue", "", 28176.2))
COSTS = [{"action": action, "correction": correction, "cost": cost} for action, correction, cost in _PRICES]
MOVES = [{"variable": "cure.time", "plan": 10.0, "to": 12.5}, {"variable": "cure.b", "plan": 4.0, "to": 3.0}]
ADJUSTMENT = {"moves": MOVES, "predicted": 1250.0, "lower": 1244.1, "upper": 1255.9, "probability": 0.999}
ADJUSTED = [{"action": "correct", "correction": "cure.time + cure.b", "cost": 21.0}, COSTS[1]]
OF_CLASSES = {"gate": "look", "step": "look", "characteristic": "finish"}
SAID: dict[str, tuple[StoredDecision, str]] = {
    "inside": (
        decision("continue", "in_spec", (1243.2, 1262.1)),
        "continue: the interval 1243 to 1262 Hz lies within the specification 1225 to 1275",
    ),
    "above, where it can be corrected": (
        decision("correct", "reworkable", (1277.0, 1290.2)),
        "correct: the interval 1277 to 1290 Hz lies above the upper limit 1275, within the rework range up to 1305",
    ),
    "beyond the rework range": (
        decision("scrap", "out_of_spec", (1306.8, 1319.0)),
        "scrap: the interval 1307 to 1319 Hz lies above the upper limit 1275, beyond the rework range up to 1305",
    ),
    "below, where nothing can be put back": (
        decision("scrap", "out_of_spec", (1211.0, 1223.0)),
        "scrap: the interval 1211 to 1223 Hz lies below the lower limit 1225, where nothing can be corrected",
    ),
    "across a limit": (
        decision("hold", "uncertain", (1219.0, 1238.0)),
        "hold: a person must look; the interval 1219 to 1238 Hz crosses the lower limit 1225",
    ),
    "across a limit by less than is written": (
        decision("hold", "uncertain", (1224.7, 1238.0)),
        "hold: a person must look; the interval 1224.7 to 1238 Hz crosses the lower limit 1225",
    ),
    "across everything": (
        decision("hold", "uncertain", (1200.0, 1400.0), on_hold="wait"),
        "hold: the part waits; the interval 1200 to 1400 Hz crosses the lower limit 1225, the upper limit 1275 and the "
        "upper end of the rework range 1305",
    ),
    "unlike": (
        decision("hold", "out_of_distribution", (1243.0, 1262.0), distance=3.25),
        "hold: a person must look; the part is unlike those that the model has learnt: distance 3.25, limit 2",
    ),
    "without a model": (
        decision("hold", "no_model", on_hold="plant_procedure"),
        "hold: the plant's procedure for holds applies; the gate has no model in force yet, or not in its cache",
    ),
    "by the forecast": (
        decision("continue", "forecast", forecast=FORECAST),
        "continue: the forecast 1231 to 1269 Hz lies within the specification 1225 to 1275; decided by the newest 900 "
        "outcomes, because the gate has no model in force yet, or not in its cache",
    ),
    "by cost": (
        decision("correct", "reworkable", (1274.0, 1287.0), costs=COSTS),
        "correct: strip; the interval 1274 to 1287 Hz crosses the upper limit 1275; expected cost 99, "
        "hold would cost 154",
    ),
    "to be adjusted": (
        decision("correct", "adjustable", (1274.0, 1287.0), costs=ADJUSTED, adjustment=ADJUSTMENT),
        "correct: set cure.time to 12.5 s (planned 10) and cure.b to 3 (planned 4); as planned the interval 1274 to "
        "1287 Hz crosses the upper limit 1275; adjusted, it is 1244 to 1256 Hz; expected cost 21, hold would cost 154",
    ),
    "held although something could be set": (
        decision("hold", "uncertain", (1274.0, 1287.0), costs=[COSTS[1], ADJUSTED[0]]),
        "hold: a person must look; the interval 1274 to 1287 Hz crosses the upper limit 1275; expected cost 154, "
        "another setting of cure.time + cure.b would cost 21",
    ),
    "of classes": (
        decision("hold", "uncertain", (0.171, 0.171), probabilities=[0.829, 0.171], **OF_CLASSES),
        "hold: a person must look; probabilities clean 82.9 %, runs 17.1 % (90 % of one meaning is wanted)",
    ),
    "of classes that are others now": (
        decision("continue", "in_spec", (0.1, 0.1), probabilities=[0.9, None, 0.1], **OF_CLASSES),
        "continue: probabilities class 1 90 %, class 3 10 %, class 2 - (90 % of one meaning is wanted)",
    ),
    "before any specification": (
        decision("hold", "incomplete_input", at=datetime(2025, 3, 2, tzinfo=UTC)),
        "hold: a person must look; no specification was in force",
    ),
    "of a gate that was removed": (
        decision("continue", "in_spec", (1243.2, 1262.1), gate="gone"),
        "continue: the interval 1243 to 1262, of which the specification is not known",
    ),
    "of a verdict and a reason of another version": (decision("polish", "shiny"), "polish"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "said"), SAID.values(), ids=SAID)
def test_a_decision_is_said_in_a_sentence(row: StoredDecision, said: str) -> None:
    assert sentence(facts_of(row, plant())) == said


def test_a_rework_range_below_goes_down() -> None:
    row = decision("correct", "reworkable", (1199.0, 1212.0))
    said = sentence(facts_of(row, plant(rework="below")))
    assert said.endswith("lies below the lower limit 1225, within the rework range down to 1195")


def test_missing_inputs_are_named_and_the_rest_counted() -> None:
    row = decision("hold", "incomplete_input")
    for names, said in ((("a",), "no value of a"), (("a", "b"), "no value of a and b"), ((), "inputs are missing"),
                        (tuple("abcdef"), "no value of a, b, c, d and 2 more")):  # fmt: skip
        assert sentence(facts_of(row, plant(), names)).endswith(f"; {said}")


def test_a_gate_that_looks_at_pictures_misses_the_picture() -> None:
    judged = plant(kind="image", image="surface", profile=[])
    assert sentence(facts_of(decision("hold", "incomplete_input"), judged)).endswith(
        "; there is no picture of the part"
    )


@pytest.mark.parametrize("row", [row for row, _ in SAID.values()], ids=SAID)
def test_without_the_plant_file_every_decision_is_still_said(row: StoredDecision) -> None:
    facts = facts_of(row, None)
    assert sentence(facts).startswith(row.verdict)
    assert isinstance(todo(facts), str)


LIMITS = st.sampled_from([0.0, 10.0, 20.0, 30.0, 40.0])
BORDERS = st.floats(-20, 60).map(lambda value: round(value, 1)) | LIMITS


@given(
    BORDERS, BORDERS, st.none() | st.just(10.0), st.none() | st.just(30.0), st.sampled_from([(0, 0), (10, 0), (10, 10)])
)
@pytest.mark.slow
def test_where_an_interval_lies_agrees_with_the_rule(
    one: float, other: float, lower: float | None, upper: float | None, widths: tuple[float, float]
) -> None:
    low, high = sorted((one, other))
    spec, band = Spec(lower, upper), ReworkBand(*widths)
    facts = FactsOf(decision("hold", "uncertain", (low, high)), spec, band)
    said = where(facts, low, high)
    verdict = verdict_for_all(low, high, spec, band)
    expected = {Verdict.CONTINUE: "lies within the specification", Verdict.CORRECT: ", within the rework range",
                Verdict.SCRAP: ", beyond the rework range"}  # fmt: skip
    if lower is None and upper is None:
        return
    if verdict is None:
        assert said.startswith("crosses ")
    elif verdict is Verdict.SCRAP and "where nothing can be corrected" in said:
        assert (widths[0] if high < (lower if lower is not None else -99) else widths[1]) == 0
    else:
        assert expected[verdict] in said, said


class FactsOf(Facts):
    """Facts of a rule and a rework range that no plant file has to have."""

    __slots__ = ("_band",)

    def __init__(self, row: StoredDecision, spec: Spec, band: ReworkBand) -> None:
        super().__init__(row, None, spec)
        object.__setattr__(self, "_band", band)

    @property
    def band(self) -> ReworkBand:
        """The rework range given."""
        return self._band  # type: ignore[attr-defined, no-any-return]


def test_the_reason_of_every_decision_of_the_policy_has_a_sentence() -> None:
    """Each verdict and reason that the policy gives for a number says more than its headline."""
    spec, band = Spec(1225.0, 1275.0, 1250.0, "Hz"), ReworkBand(0.0, 30.0)
    for low, high in ((1240.0, 1260.0), (1280.0, 1290.0), (1310.0, 1320.0), (1200.0, 1300.0)):
        found = decide(Prediction((low + high) / 2, low, high, 0.1, 1.0), spec, band, None)
        row = decision(found.verdict.value, found.reason.value, (low, high))
        assert " Hz " in sentence(facts_of(row, plant()))


PRICED = {"escape": 30000, "scrap": 900, "inspection": 60,
          "corrections": {"strip": {"cost": 90, "success": 0.9}, "wash": {"cost": 70, "success": 0.1}}}  # fmt: skip
_SCRAP = {"action": "scrap", "correction": "", "cost": 50.0}
_ON = {"action": "continue", "correction": "", "cost": 3.0}
RULED_OUT: dict[str, tuple[StoredDecision, dict[str, str]]] = {
    "a scrap that nothing confirms": (
        decision("hold", "scrap_unconfirmed", (1310.0, 1340.0), costs=[_SCRAP, *COSTS]),
        {"scrap": "no second signal agrees", "wash": "not more probable", "cure.b": "from 0 to 20 was found"},
    ),
    "a scrap that is not certain": (
        decision("hold", "uncertain", (1300.0, 1340.0), costs=[_SCRAP, COSTS[1]]),
        {"scrap": "not sure enough", "strip": "not more probable", "cure.time": "from 0 to 20 was found"},
    ),
    "what another setting makes needless": (
        decision(
            "correct",
            "adjustable",
            (1274.0, 1287.0),
            adjustment=ADJUSTMENT | {"moves": MOVES[:1]},
            costs=[{"action": "correct", "correction": "cure.time", "cost": 21.0}, COSTS[1]],
        ),
        {"cure.b": "another setting costs less", "strip": "not more probable"},
    ),
    "a part that is good as planned": (
        decision("continue", "in_spec", (1243.2, 1262.1), costs=[_ON, COSTS[1], _SCRAP]),
        {"cure.time": "as planned", "cure.b": "as planned", "strip": "not more probable", "wash": "not more probable"},
    ),
    "by the forecast": (
        decision("continue", "forecast", forecast=FORECAST, costs=[_ON, COSTS[1], _SCRAP]),
        {"scrap": "never scraps", "strip": "not more probable", "wash": "not more probable"},
    ),
    "without a model": (decision("hold", "no_model"), {"": "nothing was priced"}),
}


@pytest.mark.parametrize(("row", "expected"), RULED_OUT.values(), ids=RULED_OUT)
def test_what_was_ruled_out_is_told_with_the_reason(row: StoredDecision, expected: dict[str, str]) -> None:
    found = alternatives(facts_of(row, plant(costs=PRICED)))
    why = {one["correction"] or one["action"]: one["ruled_out"] for one in found if one["ruled_out"]}
    assert set(expected) <= set(why)
    for name, text in expected.items():
        assert text in why[name], name
    assert all(one["cost"] is not None for one in found if not one["ruled_out"])
    assert not any(one["ruled_out"] for one in found if one["chosen"])


def test_money_is_told_in_the_currency_of_the_plant() -> None:
    file = plant(costs=PRICED).model_copy(update={"currency": "EUR"})
    said = sentence(facts_of(decision("correct", "reworkable", (1274.0, 1287.0), costs=COSTS), file))
    assert "expected cost 99 EUR, hold would cost 154 EUR" in said
