"""Decides whether a request to retrain a gate's model starts, waits or is refused, and why. A pure function.

Conditions are checked in this order: the alert still fires, retraining is allowed, it is possible, no other
retraining or limit stands in the way, and a challenger could learn something new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.model import RetrainingReason as Reason

DAY = timedelta(hours=24)
"""The daily limit applies to the last 24 hours, not to a calendar day, so that it is not doubled at midnight."""


class Action(StrEnum):
    """What happens to a request."""

    START = "start"
    QUEUE = "queue"
    REFUSE = "refuse"


ACTIONS = {
    Reason.START: Action.START,
    Reason.NOT_FIRING: Action.REFUSE,
    Reason.DISABLED: Action.REFUSE,
    Reason.NO_CHAMPION: Action.REFUSE,
    Reason.ALREADY_RUNNING: Action.QUEUE,
    Reason.COOLING_DOWN: Action.QUEUE,
    Reason.DAILY_LIMIT: Action.QUEUE,
    Reason.TOO_FEW_NEW_OUTCOMES: Action.QUEUE,
    Reason.CHAMPION_HOLDS: Action.QUEUE,
}
"""The action for each reason. Requests that can succeed later are queued, others are refused."""

DESCRIPTIONS = {
    Reason.START: "it starts",
    Reason.NOT_FIRING: "the alert that requested it is over",
    Reason.DISABLED: "the plant file disables retraining by alerts for this gate",
    Reason.NO_CHAMPION: "the gate has no model in force to compare with; 'gatewatch model train' trains the first",
    Reason.ALREADY_RUNNING: "another retraining is running; a plant runs one at a time",
    Reason.COOLING_DOWN: "the last retraining of this gate ended less than its cool-down ago",
    Reason.DAILY_LIMIT: "the plant has reached its daily limit of retrainings",
    Reason.TOO_FEW_NEW_OUTCOMES: "too few outcomes since the last training to learn from and to compare on",
    Reason.CHAMPION_HOLDS: "the alert is about the previous model; the one in force holds on the newest outcomes",
}
"""A description of each reason."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a gate, from an alert, which may be over by now, or from a person (`manual`)."""

    gate: str
    manual: bool
    firing: bool


@dataclass(frozen=True, slots=True)
class Past:
    """A retraining that was started; `finished_at` is None while it runs."""

    gate: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of the gate according to the store.

    `new_outcomes`: parts with an outcome that arrived since the gate's last training. `champion_holds`: the model in
    force is newer than the alert, and its intervals hold on the newest outcomes.
    """

    has_champion: bool
    new_outcomes: int
    champion_holds: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of the plant file. `min_new_outcomes` is inclusive; `daily_limit` applies to the whole plant."""

    enabled: bool
    cooldown: timedelta
    daily_limit: int
    min_new_outcomes: int


@dataclass(frozen=True, slots=True)
class Decision:
    """An action with its reason."""

    action: Action
    reason: Reason


def decide_retraining(
    request: Request, history: Sequence[Past], facts: Facts, policy: Policy, now: datetime
) -> Decision:
    """The decision on a request; `history` holds all retrainings of the plant, in any order.

    For a request by a person, the conditions that guard against too many or hasty alerts are skipped (the alert
    fires, retraining is enabled, cool-down, daily limit, the champion holds); the others apply as well.
    """
    reason = _first_obstacle(request, history, facts, policy, now)
    return Decision(ACTIONS[reason], reason)


def _first_obstacle(request: Request, history: Sequence[Past], facts: Facts, policy: Policy, now: datetime) -> Reason:
    automatic = not request.manual
    finished = [past.finished_at for past in history if past.gate == request.gate and past.finished_at is not None]
    obstacles = (
        (Reason.NOT_FIRING, automatic and not request.firing),
        (Reason.DISABLED, automatic and not policy.enabled),
        (Reason.NO_CHAMPION, not facts.has_champion),
        (Reason.ALREADY_RUNNING, any(past.finished_at is None for past in history)),
        (Reason.COOLING_DOWN, automatic and any(now - ended < policy.cooldown for ended in finished)),
        (Reason.DAILY_LIMIT, automatic and _last_day(history, now) >= policy.daily_limit),
        (Reason.TOO_FEW_NEW_OUTCOMES, facts.new_outcomes < policy.min_new_outcomes),
        (Reason.CHAMPION_HOLDS, automatic and facts.champion_holds),
    )
    return next((reason for reason, holds in obstacles if holds), Reason.START)


def _last_day(history: Sequence[Past], now: datetime) -> int:
    return sum(now - past.started_at < DAY for past in history)
