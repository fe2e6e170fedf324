"""When an alert makes a request to retrain, and what a started one needs next: from what stands on record alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.gate_models.challenge import Step, next_step, trained_at
from monitor.gate_models.requests import next_request_key
from monitor.model import RetrainingReason as Reason
from monitor.model import RetrainingState as State
from monitor.plant.watching import RetrainingConfig
from monitor.statuses import AlertCondition, AlertStatus, Announced
from monitor.store.models.retraining import RetrainingRequest
from monitor.store.models.versions import ModelInForce, Version
from monitor.store.watching.alerts import Alert

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)
IN_FORCE = ModelInForce("form", "m", "1", "d", EARLIER, 3, 1)
ALERT = Alert(
    7, "ModelDegraded", "form", "warning", "s", EARLIER, None, AlertCondition.BREACH, AlertStatus.FIRING, "ml", "", "",
    EARLIER, None, None, None, None, Announced.NOTHING, "form", None, None, "",
    Announced.NOTHING,
)  # fmt: skip


def request(**values: Any) -> RetrainingRequest:
    """A request that was started and nothing else, but for `values`."""
    started = RetrainingRequest(
        1, "form", "ModelDegraded:form:7:1", "ModelDegraded", EARLIER, State.TRAINING, Reason.START, EARLIER, EARLIER,
        None, 10, 3, "digest", "1", "", None, None, 0,
    )  # fmt: skip
    return started._replace(**values)


COMPARED = {"challenger": "2", "comparison": {"outcome": "better"}}
STEPS = {
    "a request that was started is trained for": ({}, IN_FORCE, Step.TRAIN),
    "a challenger is compared": ({"challenger": "2", "ready_at": EARLIER}, IN_FORCE, Step.COMPARE),
    "a better one that is ready is put in force": ({**COMPARED, "ready_at": NOW}, IN_FORCE, Step.PROMOTE),
    "one that is not ready yet waits": ({**COMPARED, "ready_at": LATER}, IN_FORCE, Step.WAIT),
    "one whose champion was replaced is given up": ({}, IN_FORCE._replace(changes=4), Step.GIVE_UP),
    "also when it was compared": ({**COMPARED, "ready_at": NOW}, IN_FORCE._replace(changes=4), Step.GIVE_UP),
    "one whose champion is gone is given up": ({}, None, Step.GIVE_UP),
    "one that has ended needs nothing": ({"finished_at": EARLIER}, IN_FORCE, Step.WAIT),
}


@pytest.mark.parametrize(("values", "current", "step"), STEPS.values(), ids=STEPS)
def test_the_next_step(values: dict[str, Any], current: ModelInForce | None, step: Step) -> None:
    assert next_step(request(**values), current, NOW) is step


RULES = RetrainingConfig(cooldown=timedelta(hours=2))
LONG_AGO = NOW - timedelta(hours=2)
KEYS = {
    "an alert asks once": ([], "ModelDegraded:form:7:1"),
    "not again while its request is open": ([request()], None),
    "not again within the cool-down": ([request(finished_at=LONG_AGO + timedelta(seconds=1))], None),
    "again when that is over": ([request(finished_at=LONG_AGO)], "ModelDegraded:form:7:2"),
    "not where alerts may not ask": ([request(finished_at=LONG_AGO, reason=Reason.DISABLED)], None),
    "requests of other episodes do not count": ([request(key="ModelDegraded:form:77:1")], "ModelDegraded:form:7:1"),
    "nor those of a person": ([request(key="manual:form:7")], "ModelDegraded:form:7:1"),
}


@pytest.mark.parametrize(("made", "key"), KEYS.values(), ids=KEYS)
def test_the_key_of_the_next_request(made: list[RetrainingRequest], key: str | None) -> None:
    assert next_request_key(ALERT, made, RULES, NOW) == key


def test_a_version_that_is_not_on_record_counts_from_when_it_was_put_in_force() -> None:
    known = Version("form", "m", "1", "d", LONG_AGO, LONG_AGO, "x", 40, {})
    assert trained_at([known], IN_FORCE) == LONG_AGO
    assert trained_at([known._replace(version="2"), known._replace(model="other")], IN_FORCE) == IN_FORCE.since
