"""The decision on a request to retrain: a case a reason, and what holds whatever the numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.retraining import ACTIONS, DESCRIPTIONS, Action, Facts, Past, Policy, Request, decide_retraining
from monitor.model import RetrainingReason as Reason

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALERT = Request("press", manual=False, firing=True)
PERSON = Request("press", manual=True, firing=False)
FACTS = Facts(has_champion=True, new_outcomes=100, champion_holds=False)
POLICY = Policy(enabled=True, cooldown=timedelta(hours=4), daily_limit=3, min_new_outcomes=100)


def ago(hours: float) -> datetime:
    """Some hours before now."""
    return NOW - timedelta(hours=hours)


def past(gate: str, started: float, ended: float | None) -> Past:
    """A retraining that started and ended so many hours ago."""
    return Past(gate, ago(started), None if ended is None else ago(ended))


CASES: dict[str, tuple[dict[str, Any], Reason]] = {
    "a firing alert with outcomes enough starts": ({}, Reason.START),
    "an alert that is over is refused": ({"request": replace(ALERT, firing=False)}, Reason.NOT_FIRING),
    "what the plant file switches off is refused": ({"policy": replace(POLICY, enabled=False)}, Reason.DISABLED),
    "a gate without a model is refused": ({"facts": replace(FACTS, has_champion=False)}, Reason.NO_CHAMPION),
    "while another gate retrains it waits": ({"history": [past("weld", 0.1, None)]}, Reason.ALREADY_RUNNING),
    "while the same gate retrains it waits": ({"history": [past("press", 0.1, None)]}, Reason.ALREADY_RUNNING),
    "within the cool-down it waits": ({"history": [past("press", 5, 3.99)]}, Reason.COOLING_DOWN),
    "when the cool-down is just over it starts": ({"history": [past("press", 5, 4)]}, Reason.START),
    "another gate's cool-down is not its own": ({"history": [past("weld", 2, 1)]}, Reason.START),
    "the day's last place taken, it waits": ({"history": [past("weld", h, h - 1) for h in (23.9, 12, 6)]},
                                             Reason.DAILY_LIMIT),
    "what started a day ago counts no more": ({"history": [past("weld", h, h - 1) for h in (24, 12, 6)]}, Reason.START),
    "an alert about the model before does not replace one that holds": ({"facts": replace(FACTS, champion_holds=True)},
                                                                        Reason.CHAMPION_HOLDS),
    "one outcome too few, it waits": ({"facts": replace(FACTS, new_outcomes=99)}, Reason.TOO_FEW_NEW_OUTCOMES),
    "a person needs no alert": ({"request": PERSON}, Reason.START),
    "a person may where alerts may not": ({"request": PERSON, "policy": replace(POLICY, enabled=False)}, Reason.START),
    "a person skips cool-down and daily limit": (
        {"request": PERSON, "history": [past("press", h, h - 1) for h in (9, 6, 3)]}, Reason.START),
    "a person may replace what holds": (
        {"request": PERSON, "facts": replace(FACTS, champion_holds=True)}, Reason.START),
    "a person cannot have two at a time": ({"request": PERSON, "history": [past("weld", 1, None)]},
                                           Reason.ALREADY_RUNNING),
    "a person cannot train on nothing new": ({"request": PERSON, "facts": replace(FACTS, new_outcomes=0)},
                                             Reason.TOO_FEW_NEW_OUTCOMES),
    "a person cannot compare with no model": ({"request": PERSON, "facts": replace(FACTS, has_champion=False)},
                                              Reason.NO_CHAMPION),
}  # fmt: skip


@pytest.mark.parametrize(("given_", "reason"), CASES.values(), ids=CASES)
def test_each_request_has_one_reason(given_: dict[str, Any], reason: Reason) -> None:
    known: dict[str, Any] = {"request": ALERT, "history": [], "facts": FACTS, "policy": POLICY} | given_
    found = decide_retraining(known["request"], known["history"], known["facts"], known["policy"], NOW)
    assert (found.reason, found.action) == (reason, ACTIONS[reason])


def test_every_reason_has_an_action_and_words_and_a_case() -> None:
    assert set(ACTIONS) == set(DESCRIPTIONS) == {reason for _, reason in CASES.values()}


_hours = st.floats(0, 60)
_pasts = st.builds(
    lambda gate, started, took: past(gate, started, None if took is None or took > started else started - took),
    st.sampled_from(["press", "weld"]), _hours, st.none() | st.floats(0, 10),
)  # fmt: skip
_histories = st.lists(_pasts, max_size=6)
_requests = st.builds(Request, st.just("press"), st.booleans(), st.booleans())
_facts = st.builds(Facts, st.booleans(), st.integers(0, 300), st.booleans())
_policies = st.builds(
    Policy, st.booleans(), st.floats(0, 24).map(lambda h: timedelta(hours=h)), st.integers(1, 5), st.integers(20, 200)
)


@given(_requests, _histories, _facts, _policies)
@pytest.mark.slow
def test_two_never_run_at_a_time_and_nothing_starts_without_a_champion(
    request: Request, history: list[Past], facts: Facts, policy: Policy
) -> None:
    found = decide_retraining(request, history, facts, policy, NOW)
    if found.action is Action.START:
        assert facts.has_champion
        assert all(one.finished_at is not None for one in history)
        assert facts.new_outcomes >= policy.min_new_outcomes


@given(_histories, _facts, _policies)
@pytest.mark.slow
def test_alerts_cannot_storm(history: list[Past], facts: Facts, policy: Policy) -> None:
    if decide_retraining(ALERT, history, facts, policy, NOW).action is Action.START:
        assert sum(NOW - one.started_at < timedelta(days=1) for one in history) < policy.daily_limit
        assert all(
            NOW - one.finished_at >= policy.cooldown for one in history if one.gate == "press" and one.finished_at
        )


@given(_requests, _histories, _facts, _policies)
@pytest.mark.slow
def test_the_order_of_the_history_does_not_matter(
    request: Request, history: list[Past], facts: Facts, policy: Policy
) -> None:
    assert decide_retraining(request, history, facts, policy, NOW) == decide_retraining(
        request, history[::-1], facts, policy, NOW
    )


@given(_histories, _facts, _policies)
@pytest.mark.slow
def test_what_is_queued_starts_by_waiting_when_all_has_ended_and_outcomes_come(
    history: list[Past], facts: Facts, policy: Policy
) -> None:
    found = decide_retraining(ALERT, history, facts, policy, NOW)
    ended = [replace(one, finished_at=one.finished_at or NOW) for one in history]
    enough = Facts(facts.has_champion, policy.min_new_outcomes, champion_holds=False)
    later = decide_retraining(ALERT, ended, enough, policy, NOW + timedelta(days=2))
    assert later.action is (Action.REFUSE if found.action is Action.REFUSE else Action.START)
