"""What became of a part, and what that saved, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.policy.costs import Correction, Costs
from inference.policy.followed import Passage, State, end, follow
from inference.policy.recalibration import Evidence, Uncertain
from monitor.model import REWORKED, SCRAPPED, USED, Verdict

COSTS = Costs(1000, 100, 10, {"grind": Correction(30, 0.9), "strip": Correction(20, 0.5)})
GO = Passage("form", Verdict.CONTINUE, 0.01)
FIX = Passage("form", Verdict.CORRECT, 0.8, 0.6, "grind")
SCRAP = Passage("form", Verdict.SCRAP, 0.99)
HOLD = Passage("form", Verdict.HOLD, 0.3)
LATER = Passage("coat", Verdict.CONTINUE, 0.02)

KNOWN = {
    "it went on": ([GO], 0, False),
    "it went on and was good": ([replace(GO, found=False)], 0, False),
    "it went on and was not good": ([replace(GO, found=True)], 0, False),
    "it should go on, was audited and was good": ([replace(GO, audit_share=0.1, found=False)], -10, False),
    "it should go on, was audited and scrapped": (
        [replace(GO, audit_share=0.1, found=True, disposition=SCRAPPED)], 1000 - 10 - 100, False,
    ),
    "it should go on and is not audited yet": ([replace(GO, audit_share=0.1)], 0, True),
    "a correction failed, and nobody stopped it": ([replace(FIX, after=True)], -30, False),
    "a correction of which nothing is known": ([FIX], 0, True),
    "it should be corrected, was, and was seen not to be good before": (
        [replace(FIX, found=True, after=False)], 1000 - 30, False,
    ),
    "a correction failed, and people scrapped it": ([replace(FIX, disposition=SCRAPPED)], 1000 - 100, False),
    "a scrap that was audited and right": ([replace(SCRAP, audit_share=0.1, found=True)], 1000 - 10 - 100, False),
    "a scrap that was audited and false": ([replace(SCRAP, audit_share=0.1, found=False)], -10, False),
    "a scrap that is not audited yet": ([replace(SCRAP, audit_share=0.1)], 0, True),
    "a scrap that was not audited, and was measured": ([replace(SCRAP, found=False)], -100, False),
    "a scrap that people did not follow": ([replace(SCRAP, disposition=USED, found=True)], 0, False),
    "a hold that nobody has looked at yet": ([HOLD], 0, True),
    "a hold that was used": ([replace(HOLD, disposition=USED)], -10, False),
    "a hold that was used and failed": ([replace(HOLD, disposition=USED, found=True)], -10, False),
    "a hold with an outcome was used": ([replace(HOLD, found=False)], -10, False),
    "a hold that was scrapped": ([replace(HOLD, disposition=SCRAPPED)], 1000 - 10 - 100, False),
    "a hold that was scrapped though good": (
        [replace(HOLD, disposition=SCRAPPED, found=False)], -10 - 100, False,
    ),
    "a hold that was reworked, the cheapest way": (
        [replace(HOLD, disposition=REWORKED, after=False)], 1000 - 10 - 20, False,
    ),
    "a hold that was reworked in vain": ([replace(HOLD, disposition=REWORKED, after=True)], -10 - 20, False),
    "a hold that was reworked, without an outcome": ([replace(HOLD, disposition=REWORKED)], 0, True),
    "a hold, and at the next visit it went on": ([HOLD, replace(GO, found=False)], -10, False),
    "a correction failed, and the next visit scrapped it": (
        [FIX, replace(SCRAP, audit_share=1.0, found=True)], 1000 - 30 - 10 - 100, False,
    ),
    "it went on, and a later gate has it scrapped": ([GO, replace(LATER, disposition=SCRAPPED)], 0, False),
    "a correction failed, and a later gate has it scrapped": ([FIX, replace(LATER, disposition=SCRAPPED)], -30, False),
    "a gate without costs at the time": ([replace(FIX, bad=None, cured=None, after=False)], 0, False),
}  # fmt: skip


@pytest.mark.parametrize(("way", "saved", "waiting"), KNOWN.values(), ids=KNOWN)
def test_what_is_known_of_a_part(way: list[Passage], saved: float, waiting: bool) -> None:
    found = follow(way, 0, COSTS)
    assert (found.known, found.unknown, found.waiting) == (saved, None, waiting)


UNKNOWN = {
    "a scrap that nobody looked at": ([SCRAP], Uncertain(0.99), -100),
    "a part that was corrected and is good": ([replace(FIX, after=False)], Uncertain(0.8, 0.75), -30),
    "a correction, and at the next visit it went on and was good": (
        [FIX, replace(GO, found=False)], Uncertain(0.8, 0.75), -30,
    ),
    "a correction, and at the next visit it was scrapped": ([FIX, SCRAP], Uncertain(0.8), -130),
    "a correction, and a later gate scrapped it": (
        [FIX, replace(SCRAP, gate="coat", bad=0.9)], Uncertain(0.8), -30 - 900,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("way", "unknown", "known"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_nobody_can_know_any_more(way: list[Passage], unknown: Uncertain, known: float) -> None:
    found = follow(way, 0, COSTS)
    assert found.unknown is not None
    assert (found.unknown.recorded, found.unknown.ratio) == pytest.approx((unknown.recorded, unknown.ratio))
    assert (found.known, found.waiting) == (pytest.approx(known), False)


EVIDENCE = {
    "a part that went on and has an outcome": ([replace(GO, bad=0.3, found=True)], Evidence(0.3, 1)),
    "a part that went on without one": ([replace(GO, bad=0.3)], None),
    "a part that was nearly surely good": ([replace(GO, found=True)], None),
    "an audited scrap": ([replace(SCRAP, audit_share=0.1, found=False)], Evidence(0.99, 0)),
    "a scrap that somebody looked at for a reason": ([replace(SCRAP, found=False)], None),
    "a correction that failed": ([replace(FIX, after=True)], None),
    "a hold that people scrapped": ([replace(HOLD, disposition=SCRAPPED)], Evidence(0.3, 1)),
    "a hold that people used": ([replace(HOLD, disposition=USED)], Evidence(0.3, 0)),
    "a part that went on, and a later gate scrapped it": (
        [replace(GO, bad=0.4), replace(SCRAP, gate="coat")],
        Evidence(0.4, 0.99),
    ),
}


@pytest.mark.parametrize(("way", "evidence"), EVIDENCE.values(), ids=EVIDENCE)
def test_what_a_part_says_of_the_probabilities(way: list[Passage], evidence: Evidence | None) -> None:
    found = follow(way, 0, COSTS).evidence
    assert found == (evidence if evidence is None else Evidence(evidence.recorded, pytest.approx(evidence.bad)))


def test_a_part_that_people_released_came_good_to_the_next_gate_and_is_no_evidence_there() -> None:
    released = replace(HOLD, disposition=USED)
    found = follow([released, replace(SCRAP, gate="coat")], 1, COSTS)
    assert (found.bad, found.known, found.unknown, found.evidence) == (False, -100, None, None)
    reworked = replace(HOLD, disposition=REWORKED)
    assert follow([reworked, replace(SCRAP, gate="coat")], 1, COSTS).unknown is not None


ENDS: dict[str, tuple[list[Passage], tuple[int | None, State]]] = {
    "it went on, and nothing is known yet": ([GO], (None, None)),
    "it went on and failed": ([replace(GO, found=True)], (None, True)),
    "a later gate scrapped it": ([GO, replace(SCRAP, gate="coat")], (1, Uncertain(0.99))),
    "it was scrapped though people had released it": (
        [replace(HOLD, disposition=USED), replace(SCRAP, gate="coat")], (1, False),
    ),
    "people scrapped it": ([replace(HOLD, disposition=SCRAPPED)], (0, True)),
    "nobody has looked at it yet": ([HOLD], (None, None)),
    "a correction failed": ([replace(FIX, after=True)], (None, True)),
}  # fmt: skip


@pytest.mark.parametrize(("way", "expected"), ENDS.values(), ids=ENDS)
def test_how_a_part_ended(way: list[Passage], expected: tuple[int | None, State]) -> None:
    assert end(way) == expected


def _passages(gate: str) -> st.SearchStrategy[Passage]:
    known = st.none() | st.booleans()
    return st.builds(
        Passage, st.just(gate), st.sampled_from(Verdict), st.floats(0.0002, 0.9998), st.none() | st.floats(0, 1),
        st.sampled_from(["", "grind", "strip"]), st.sampled_from([0.0, 0.1, 1.0]),
        st.sampled_from(["", USED, REWORKED, SCRAPPED]), known, known,
    )  # fmt: skip


@given(st.lists(_passages("form"), min_size=1, max_size=3), st.lists(_passages("coat"), max_size=2))
@pytest.mark.slow
def test_whatever_happened_no_part_saves_more_than_an_escape_or_costs_more_than_was_done(
    own: list[Passage], later: list[Passage]
) -> None:
    found = follow([*own, *later], 0, COSTS)
    spent = len(own) * (10 + 100)
    escape = COSTS.escape if found.unknown is not None else 0
    assert found.known + escape <= COSTS.escape
    assert found.known >= -spent - COSTS.escape * found.corrected
    if found.waiting or found.unpriced:
        assert (found.known, found.unknown) == (0, None)
    if not found.corrected and found.on:
        assert found.known <= 0


@given(st.lists(_passages("form"), min_size=1, max_size=2), st.lists(_passages("coat"), min_size=1, max_size=2))
@pytest.mark.slow
def test_where_all_is_known_the_gates_of_a_line_add_up(own: list[Passage], later: list[Passage]) -> None:
    known = [
        replace(p, found=True, audit_share=0.0, after=True, disposition=SCRAPPED)
        if p.verdict is Verdict.SCRAP
        else replace(p, found=None, audit_share=0.0, after=True)
        for p in (*own, *later)
    ]
    stopped = [i for i, p in enumerate(known) if p.disposition == SCRAPPED]
    way = known[: stopped[0] + 1] if stopped else known
    first, second = follow(way, 0, COSTS), follow(way, len(own), COSTS) if len(way) > len(own) else None
    if first.bad is True and second is not None and not (first.waiting or second.waiting):
        spent = sum(
            10 * (p.verdict is Verdict.HOLD)
            + (100 if p.disposition == SCRAPPED else 0)
            + _correction(p) * (p.disposition == REWORKED or (not p.disposition and p.verdict is Verdict.CORRECT))
            for p in way
        )
        assert first.known + second.known == pytest.approx((1000 if stopped else 0) - spent)


def _correction(passage: Passage) -> float:
    named = COSTS.corrections.get(passage.correction)
    return 20 if named is None else named.cost


@pytest.mark.parametrize(
    ("recommended", "done"), [(replace(FIX, after=False), REWORKED), (SCRAP, SCRAPPED)], ids=["corrected", "scrapped"]
)
def test_that_people_did_as_recommended_says_nothing_of_what_the_part_was(recommended: Passage, done: str) -> None:
    followed = follow([replace(recommended, disposition=done)], 0, COSTS)
    assert followed == follow([recommended], 0, COSTS)
    assert isinstance(followed.bad, Uncertain)
    audited = follow([replace(recommended, disposition=done, audit_share=0.1)], 0, COSTS)
    assert audited.bad is True
