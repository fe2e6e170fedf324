"""Rules signal where their pattern is complete, not one point earlier, and never across a gap."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from detectors.spc.rules import DEFAULT, NELSON, PATTERNS, RUN_LENGTHS, WESTERN, Rule, false_alarms, flags, parse
from monitor.errors import UsageError

UP_DOWN = [0.5 * (-1) ** i * (1 + i / 100) for i in range(14)]
PATTERN = {
    Rule.BEYOND: [3.1],
    Rule.ONE_SIDE: [0.1] * 9,
    Rule.TREND: [-0.2, -0.1, 0.0, 0.1, 0.2, 0.3],
    Rule.ALTERNATING: UP_DOWN,
    Rule.TWO_OF_THREE: [2.1, 0.0, 2.1],
    Rule.FOUR_OF_FIVE: [1.1, 1.1, 0.0, 1.1, 1.1],
    Rule.STRATIFIED: [0.9, -0.9, 0.1] * 5,
    Rule.MIXTURE: [1.1, -1.1] * 4,
    Rule.EIGHT_ONE_SIDE: [-0.1] * 8,
}
QUIET = [1.5, -1.2, 0.0]
"""Starts none of the patterns."""


def signal(rule: Rule, scores: list[float], stretches: list[int] | None = None) -> list[int]:
    found = flags(rule, np.array(scores), np.array(stretches or [0] * len(scores)))
    return np.flatnonzero(found).tolist()


@pytest.mark.parametrize("rule", PATTERN)
@pytest.mark.parametrize("side", [1, -1])
def test_a_rule_signals_at_the_point_that_completes_its_pattern(rule: Rule, side: int) -> None:
    scores = [*QUIET, *(side * z for z in PATTERN[rule])]
    stretches = [0] * len(QUIET) + [1] * len(PATTERN[rule])
    assert signal(rule, scores, stretches) == [len(scores) - 1]
    assert signal(rule, scores[:-1], stretches[:-1]) == []
    assert PATTERNS[rule][1] == len(PATTERN[rule])


@pytest.mark.parametrize("rule", [rule for rule in PATTERN if rule is not Rule.BEYOND])
def test_no_pattern_reaches_across_a_gap(rule: Rule) -> None:
    scores = PATTERN[rule]
    for gap in range(1, len(scores)):
        assert signal(rule, scores, [0] * gap + [1] * (len(scores) - gap)) == [], gap
        if rule is Rule.FOUR_OF_FIVE and gap == 2:
            continue  # four of five with the middle missing, in one stretch by number alone
        missing = [*scores[:gap], float("nan"), *scores[gap:]]
        assert signal(rule, missing, [0] * gap + [1] + [2] * (len(scores) - gap)) == [], gap


@pytest.mark.parametrize(
    ("rule", "scores"),
    [
        (Rule.BEYOND, [3.0]),
        (Rule.ONE_SIDE, [0.1] * 4 + [0.0] + [0.1] * 4),
        (Rule.TREND, [0, 1, 2, 2, 3, 4]),
        (Rule.ALTERNATING, [*UP_DOWN[:7], UP_DOWN[6], *UP_DOWN[7:13]]),
        (Rule.TWO_OF_THREE, [2.1, 0.0, -2.1]),
        (Rule.TWO_OF_THREE, [2.1, 0.0, 0.0, 2.1]),
        (Rule.FOUR_OF_FIVE, [1.1, 1.1, -1.1, 1.1, -1.1]),
        (Rule.STRATIFIED, [0.5] * 14 + [1.0]),
        (Rule.MIXTURE, [1.1] * 7 + [1.0]),
    ],
    ids=lambda value: value.name if isinstance(value, Rule) else "",
)
def test_what_is_not_the_pattern_does_not_signal(rule: Rule, scores: list[float]) -> None:
    assert signal(rule, scores) == []


def test_many_charts_at_once_are_as_each_by_itself() -> None:
    scores = np.random.default_rng(2).normal(0, 1.5, (300, 5))
    stretches = np.repeat(np.arange(6), 50)
    for rule in PATTERNS:
        together = flags(rule, scores, stretches)
        for chart in range(5):
            np.testing.assert_array_equal(together[:, chart], flags(rule, scores[:, chart], stretches))


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("nelson", NELSON), ("western", WESTERN), ("1,cusum", DEFAULT), ("w1, W2,w3,w4", WESTERN),
        ("cusum,1,1,spread", (*DEFAULT, Rule.SPREAD)), ("5,2", (Rule.ONE_SIDE, Rule.TWO_OF_THREE)),
    ],
)  # fmt: skip
def test_rules_are_named(text: str, rules: tuple[Rule, ...]) -> None:
    assert parse(text) == rules


@pytest.mark.parametrize("text", ["9", "", "1,,2", "ewma", "all"])
def test_an_unknown_rule_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="is unknown; expected some of 1, 2"):
        parse(text)


def test_run_lengths_are_those_that_were_measured() -> None:
    file = Path(__file__).parents[2] / "benchmarks/results/bench_spc.json"
    found = json.loads(file.read_text(encoding="utf-8"))
    measured = {name: figure["mean"] for name, figure in found["in_control"]["normal"].items()}
    for rule, length in RUN_LENGTHS.items():
        if rule in (*PATTERNS, Rule.CUSUM, Rule.EWMA):
            assert measured[rule.value] == pytest.approx(length, rel=0.1), rule
    assert measured["1"] == pytest.approx(370.4, rel=0.1)
    for rules, name in ((NELSON, "nelson"), (WESTERN, "western"), (DEFAULT, "default")):
        assert false_alarms(rules, 1000) == pytest.approx(1000 / measured[name], rel=0.15), name


def test_rule_1_alarms_every_370_points_in_control() -> None:
    values = np.random.default_rng(1).normal(size=(2000, 1000))
    found = flags(Rule.BEYOND, values, np.zeros(2000, np.int64))
    assert found.size / found.sum() == pytest.approx(370.4, rel=0.05)
