"""Whether a request to retrain a gate's model may start, must wait, or is refused, and why: a pure decision.

The questions come in the order in which a person would ask them: is there still something to heal, is it allowed, is
it possible, is it this gate's turn, and would a challenger have anything to learn that the champion has not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.model import RetrainingReason as Reason

DAY = timedelta(hours=24)
"""The span that the daily limit counts over: the last 24 hours, not a calendar day, so that no midnight doubles it."""


class Action(StrEnum):
    """What becomes of a request now."""

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
"""What the decision can say. Queued is what becomes true by waiting; refused is what does not."""

WORDS = {
    Reason.START: "it starts",
    Reason.NOT_FIRING: "the alert that asked for it is over",
    Reason.DISABLED: "the plant file switches retraining by alerts off for this gate",
    Reason.NO_CHAMPION: "the gate has no model in force to compare with; 'gatewatch model train' makes the first",
    Reason.ALREADY_RUNNING: "another retraining runs; there is one at a time over the plant",
    Reason.COOLING_DOWN: "the last retraining of this gate ended less than its cool-down ago",
    Reason.DAILY_LIMIT: "the plant had its daily number of retrainings",
    Reason.TOO_FEW_NEW_OUTCOMES: "too few outcomes have come since the last training to learn from and to compare on",
    Reason.CHAMPION_HOLDS: "the alert is about the model before; the one in force holds on the newest outcomes",
}
"""Each reason as a person says it."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks: a gate's alert, which may be over by now, or a person, whom the limits for alerts do not bind."""

    gate: str
    manual: bool
    firing: bool


@dataclass(frozen=True, slots=True)
class Past:
    """A retraining that was started: of which gate, when, and when it ended; None while it runs."""

    gate: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows of the gate.

    `new_outcomes` counts parts with an outcome that the gate's last training did not know. `champion_holds` says that
    the model in force is younger than the alert and that its intervals hold on the newest outcomes.
    """

    has_champion: bool
    new_outcomes: int
    champion_holds: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """What the plant allows; the limits are inclusive where they count rows, `daily_limit` counts the whole plant."""

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
    """What becomes of the request; `history` is what was started over the whole plant, in any order.

    A person's request skips what protects against storms and hasty alerts (whether an alert fires, whether it is
    enabled, cool-down, daily limit, a champion that holds); what cannot work cannot be ordered either.
    """
    reason = _first_obstacle(request, history, facts, policy, now)
    return Decision(ACTIONS[reason], reason)


def _first_obstacle(request: Request, history: Sequence[Past], facts: Facts, policy: Policy, now: datetime) -> Reason:
    automatic = not request.manual
    mine = [past.finished_at for past in history if past.gate == request.gate and past.finished_at is not None]
    questions = (
        (Reason.NOT_FIRING, automatic and not request.firing),
        (Reason.DISABLED, automatic and not policy.enabled),
        (Reason.NO_CHAMPION, not facts.has_champion),
        (Reason.ALREADY_RUNNING, any(past.finished_at is None for past in history)),
        (Reason.COOLING_DOWN, automatic and any(now - ended < policy.cooldown for ended in mine)),
        (Reason.DAILY_LIMIT, automatic and _last_day(history, now) >= policy.daily_limit),
        (Reason.TOO_FEW_NEW_OUTCOMES, facts.new_outcomes < policy.min_new_outcomes),
        (Reason.CHAMPION_HOLDS, automatic and facts.champion_holds),
    )
    return next((reason for reason, holds in questions if holds), Reason.START)


def _last_day(history: Sequence[Past], now: datetime) -> int:
    return sum(now - past.started_at < DAY for past in history)
