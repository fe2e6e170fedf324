"""Requests to retrain: when an alert makes one, and what is known when it is decided upon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.retraining import DAY, Action, Decision, Facts, Past, Policy, Request, decide_retraining
from monitor.gate_models.challenge import trained_at
from monitor.model import RetrainingReason as Reason
from monitor.plant.gates import GateConfig
from monitor.plant.watching import RetrainingConfig
from monitor.store.database.database import Connection
from monitor.store.models import retraining as requests
from monitor.store.models import versions
from monitor.store.models.retraining import RetrainingRequest
from monitor.store.rows.outcomes import count_new_outcomes
from monitor.store.watching.alerts import Alert, firing_breaches

CAUSES = ("ModelDegraded", "ModelWithoutSkill")
"""Alerts whose subject is a gate that a better model could heal."""


def next_key(alert: Alert, of_gate: Sequence[RetrainingRequest], rules: RetrainingConfig, now: datetime) -> str | None:
    """The key of the request that this firing alert should make now, if any, after those `of_gate`.

    One an episode, and after each that ended another one when the cool-down is over and the alert still fires.
    """
    episode = _episode(alert)
    mine = [request for request in of_gate if request.key.startswith(episode)]
    if mine:
        last = mine[-1]
        if last.finished_at is None or now - last.finished_at < rules.cooldown or last.reason == Reason.DISABLED:
            return None
    return f"{episode}{len(mine) + 1}"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a request: who asks, what was started before, and what the gate's trainings did not know.

    `doubtful` says that the model in force came after the alert, so that it may not be the one the alert is about.
    """

    request: Request
    history: Sequence[Past]
    has_champion: bool
    new_outcomes: int
    doubtful: bool


def situation(connection: Connection, request: RetrainingRequest, gate: GateConfig, now: datetime) -> Situation:
    """Read what `decide` needs."""
    alert = next((a for a in firing_breaches(connection, CAUSES) if request.key.startswith(_episode(a))), None)
    started = requests.started_since(connection, now - max(DAY, gate.retraining.cooldown))
    current = versions.model_in_force(connection, request.gate)
    new = 0
    if current is not None:
        # Until when the gate's trainings, the champion's or a later challenger's, knew the outcomes.
        trained = [r.began for r in requests.list_requests(connection, request.gate) if r.data_digest]
        known = max([trained_at(versions.list_versions(connection, request.gate), current), *trained])
        new = count_new_outcomes(connection, gate.characteristic, known, now)
    return Situation(
        Request(request.gate, request.cause == requests.MANUAL, alert is not None),
        [Past(past.gate, past.began, past.finished_at) for past in started],
        current is not None,
        new,
        current is not None and alert is not None and current.since > alert.since,
    )


def decide(known: Situation, rules: RetrainingConfig, champion_holds: Callable[[], bool], now: datetime) -> Decision:
    """Whether the request starts, waits or is refused.

    Whether the champion holds takes its predictions: it is asked last, and only where the situation is `doubtful`.
    """
    policy = Policy(
        rules.enabled, rules.cooldown, rules.daily_limit, max(rules.min_new_outcomes, rules.holdout_rows)
    )  # fmt: skip
    facts = Facts(known.has_champion, known.new_outcomes, champion_holds=False)
    decision = decide_retraining(known.request, known.history, facts, policy, now)
    if decision.action is Action.START and known.doubtful and champion_holds():
        facts = Facts(known.has_champion, known.new_outcomes, champion_holds=True)
        return decide_retraining(known.request, known.history, facts, policy, now)
    return decision


def _episode(alert: Alert) -> str:
    return f"{alert.name}:{alert.subject}:{alert.id}:"
