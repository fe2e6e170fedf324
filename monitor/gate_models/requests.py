"""Retraining requests: when an alert makes one, and the facts on which it is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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

CAUSES = ("ModelDegraded", "ModelWithoutSkill", "GateOutOfService", "HoldRateHigh")
"""Alerts about gates that a better model could resolve."""

_OUTGROWN = 2
"""So many times as many outcomes as a model was trained on: a challenger has three times as many to learn from."""


def next_request_key(
    alert: Alert, of_gate: Sequence[RetrainingRequest], rules: RetrainingConfig, now: datetime
) -> str | None:
    """The key of the request that this firing alert should make now, if any; `of_gate` are the gate's requests so far.

    One per episode, and another one when the cooldown after the last is over and the alert still fires.
    """
    episode = _episode(alert)
    previous = [request for request in of_gate if request.key.startswith(episode)]
    if previous:
        last = previous[-1]
        if last.finished_at is None or now - last.finished_at < rules.cooldown or last.reason == Reason.DISABLED:
            return None
    return f"{episode}{len(previous) + 1}"


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The facts on which a request is decided; `new_outcomes` are those since the gate's last training.

    `model_is_newer`: the model in force is newer than the alert, so the alert may be about the previous one.
    `trained_rows`: how many parts it was trained on.
    """

    request: Request
    history: Sequence[Past]
    has_champion: bool
    new_outcomes: int
    model_is_newer: bool
    trained_rows: int

    @property
    def may_wait(self) -> bool:
        """Whether it is left to the model in force to prove itself: a first one of few parts is soon outgrown."""
        return self.model_is_newer and self.new_outcomes < _OUTGROWN * self.trained_rows


def read_facts(connection: Connection, request: RetrainingRequest, gate: GateConfig, now: datetime) -> RequestFacts:
    """Read the facts of a request."""
    alert = next((a for a in firing_breaches(connection, CAUSES) if request.key.startswith(_episode(a))), None)
    started = requests.started_since(connection, now - max(DAY, gate.retraining.cooldown))
    current = versions.model_in_force(connection, request.gate)
    new = rows = 0
    if current is not None:
        # The gate's last training, be it of the champion or of a later challenger.
        trained = [r.start_time for r in requests.list_requests(connection, request.gate) if r.data_digest]
        known = versions.list_versions(connection, request.gate)
        last = max([trained_at(known, current), *trained])
        rows = next((v.rows for v in known if (v.model, v.version) == (current.model, current.version)), 0)
        new = count_new_outcomes(connection, gate.characteristic, last, now)
    return RequestFacts(
        Request(request.gate, request.cause == requests.MANUAL, alert is not None),
        [Past(past.gate, past.start_time, past.finished_at) for past in started],
        current is not None,
        new,
        current is not None and alert is not None and current.since > alert.since,
        rows,
    )


def decide(facts: RequestFacts, rules: RetrainingConfig, champion_holds: Callable[[], bool], now: datetime) -> Decision:
    """Whether the request starts, waits or is refused.

    `champion_holds` needs predictions, so it is called last, and only if the model in force is newer than the alert and
    it has not been outgrown by the outcomes since.
    """
    policy = Policy(
        rules.enabled, rules.cooldown, rules.daily_limit, max(rules.min_new_outcomes, rules.holdout_rows)
    )  # fmt: skip
    champion = Facts(facts.has_champion, facts.new_outcomes, champion_holds=False)
    decision = decide_retraining(facts.request, facts.history, champion, policy, now)
    if decision.action is Action.START and facts.may_wait and champion_holds():
        champion = replace(champion, champion_holds=True)
        return decide_retraining(facts.request, facts.history, champion, policy, now)
    return decision


def _episode(alert: Alert) -> str:
    return f"{alert.name}:{alert.subject}:{alert.id}:"
