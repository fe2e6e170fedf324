"""Retraining as a job: what an alert starts, what becomes of a challenger, and that nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from retraining_kit import CHANGES, LIVE, Changed
from spine_kit import Spine, after

from monitor.errors import FencedError, ModelError, ModelReason, ShutdownError
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.models import retraining as store_requests

NOW = LIVE + 15
ENDS = "gatewatch_retraining_requests_total"


@pytest.fixture
def spine(store: Store, tmp_path: Path) -> Iterator[Spine]:
    made = Spine(tmp_path, store, CHANGES)
    yield made
    made.close()


@pytest.fixture
def plant(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> Changed:
    """A champion, eighty parts of which the newest forty lie 8 above it, and nothing asked for yet."""
    made = Changed(spine, monkeypatch)
    made.degraded()
    return made


def test_without_an_alert_nothing_is_asked_for(plant: Changed) -> None:
    assert plant.run(NOW) == 0
    assert plant.requests == []


def test_a_firing_alert_trains_a_challenger_that_replaces_the_champion_when_it_is_ready(plant: Changed) -> None:
    number = plant.alert(NOW)
    assert plant.run(NOW) == 50
    key = f"ModelDegraded:form:{number}:1"
    assert plant.requests == [(key, "training", "better")]
    assert plant.in_force == ("1", 1)
    plant.run(NOW + 19)
    assert plant.in_force == ("1", 1)
    plant.run(NOW + 20)
    assert plant.in_force == ("2", 2)
    assert plant.requests == [(key, "promoted", "better")]
    (row,) = plant.spine.all(t.retraining)
    assert (row.cause, row.champion, row.challenger) == ("ModelDegraded", "1", "2")
    assert (row.requested_at, row.started_at, row.finished_at) == (after(NOW), after(NOW), after(NOW + 20))
    assert row.comparison["overall"]["low"] > 0
    assert row.comparison["rows"] == 30
    assert plant.spine.all(t.model_version, "version", "status") == [("1", "retired"), ("2", "in_force")]
    assert plant.spine.tally(ENDS, gate="form", state="promoted", reason="better") == 1


def test_the_newest_parts_are_left_out_of_the_training(plant: Changed) -> None:
    plant.alert(NOW)
    plant.run(NOW)
    (learn,) = plant.trained
    assert (learn.serials[0], learn.serials[-1]) == ("P0000", "P0049")
    (row,) = plant.spine.all(t.retraining)
    assert (row.comparison["first"], row.comparison["last"]) == ("P0050", "P0079")


@pytest.mark.slow
def test_mlflow_is_told_everything(plant: Changed) -> None:
    plant.alert(NOW)
    for minute in (NOW, NOW + 20):
        plant.run(minute)
    tags = plant.mlflow.registered["2"]
    assert (tags["parent_version"], tags["cause"], tags["gate"]) == ("1", "ModelDegraded", "form")
    assert {"data_digest", "request", "digest"} <= set(tags)
    assert (plant.mlflow.challengers, plant.mlflow.champions) == (["2"], ["2"])
    approved, metrics, told = plant.mlflow.judged["2"]
    assert (approved, told["comparison"]) == (True, "better")
    assert metrics["comparison_gain"] > 0
    assert metrics["comparison_low"] < metrics["comparison_gain"] < metrics["comparison_high"]


def test_a_challenger_that_is_not_better_is_refused_and_stays_on_record(plant: Changed) -> None:
    plant.level = 0.0
    plant.alert(NOW)
    plant.run(NOW)
    assert [row[1:] for row in plant.requests] == [("refused", "not_better")]
    assert plant.in_force == ("1", 1)
    assert plant.spine.all(t.model_version, "version", "status") == [("1", "in_force"), ("2", "refused")]
    assert plant.mlflow.judged["2"][0] is False
    assert plant.spine.tally(ENDS, gate="form", state="refused", reason="not_better") == 1


@pytest.mark.slow
def test_after_a_refusal_the_alert_asks_again_when_the_cool_down_is_over(plant: Changed) -> None:
    plant.level = 0.0
    number = plant.alert(NOW)
    plant.run(NOW)
    plant.parts(40, 8.0, NOW + 60)
    plant.run(NOW + 119)
    assert len(plant.requests) == 1
    plant.level = 8.0
    plant.run(NOW + 120)
    plant.run(NOW + 140)
    assert [row[0] for row in plant.requests] == [f"ModelDegraded:form:{number}:{n}" for n in (1, 2)]
    assert plant.requests[1][1:] == ("promoted", "better")


@pytest.mark.slow
def test_a_further_request_waits_for_outcomes_that_the_last_training_did_not_know(plant: Changed) -> None:
    plant.level = 0.0
    plant.alert(NOW)
    plant.run(NOW)
    plant.run(NOW + 120)
    assert plant.requests[1][1:] == ("queued", "too_few_new_outcomes")
    plant.parts(40, 8.0, NOW + 125)
    plant.level = 8.0
    plant.run(NOW + 135)
    assert plant.requests[1][1:] == ("training", "better")


def test_a_queued_request_is_refused_when_its_alert_is_over(plant: Changed) -> None:
    plant.level = 0.0
    plant.alert(NOW)
    plant.run(NOW)
    plant.run(NOW + 120)
    plant.quiet(NOW + 121)
    plant.run(NOW + 125)
    assert plant.requests[1][1:] == ("refused", "not_firing")


@pytest.fixture
def renewed(plant: Changed) -> Changed:
    """A newer model that holds, and a request of the alert about the one before it."""
    plant.alert(NOW)
    for minute in (NOW, NOW + 20):
        plant.run(minute)
    plant.parts(60, 8.0, NOW + 100)
    plant.run(NOW + 145)
    assert plant.requests[1][1:] == ("queued", "champion_holds")
    return plant


@pytest.mark.slow
def test_an_alert_about_the_model_before_does_not_replace_one_that_holds(renewed: Changed) -> None:
    assert len(renewed.trained) == 1


def test_a_model_of_few_parts_is_left_to_prove_itself_only_until_it_is_outgrown(renewed: Changed) -> None:
    renewed.parts(400, 8.0, NOW + 150)
    renewed.run(NOW + 600)
    assert len(renewed.trained) == 2


def test_two_alerts_on_one_gate_train_one_challenger(plant: Changed) -> None:
    plant.alert(NOW)
    plant.alert(NOW, "ModelWithoutSkill")
    plant.run(NOW)
    assert [row[1:] for row in plant.requests] == [("training", "better"), ("queued", "already_running")]
    assert len(plant.trained) == 1


def test_what_the_plant_file_switches_off_is_refused_once_an_episode(plant: Changed) -> None:
    rules = plant.spine.plant.gates["form"].retraining
    object.__setattr__(rules, "enabled", False)
    plant.alert(NOW)
    for minute in (NOW, NOW + 1, NOW + 500):
        plant.run(minute)
    assert [row[1:] for row in plant.requests] == [("refused", "disabled")]


def test_parts_of_one_lot_are_no_evidence(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Changed(spine, monkeypatch)
    plant.champion()
    plant.parts(80, 8.0, lots=1)
    plant.alert(NOW)
    plant.run(NOW)
    assert [row[1:] for row in plant.requests] == [("refused", "too_few_lots")]


def test_with_mlflow_down_a_request_waits_and_goes_on_later(plant: Changed) -> None:
    plant.alert(NOW)
    plant.mlflow.down = True
    with pytest.raises(ModelError, match="does not answer"):
        plant.run(NOW)
    assert plant.requests[0][1] == "training"
    plant.mlflow.down = False
    plant.run(NOW + 15)
    plant.mlflow.down = True
    plant.run(NOW + 20)
    assert plant.in_force == ("2", 2)
    assert "2" not in plant.mlflow.judged
    plant.mlflow.down = False
    plant.run(NOW + 30)
    assert plant.mlflow.judged["2"][0] is True
    assert plant.spine.all(t.retraining, "mirrored") == [1]


@pytest.mark.slow
def test_a_training_that_was_given_up_is_repeated_on_the_same_snapshot(plant: Changed) -> None:
    plant.alert(NOW)

    def ends() -> None:
        raise ShutdownError("the process ends")

    plant.while_training = ends
    with pytest.raises(ShutdownError):
        plant.run(NOW)
    plant.while_training = lambda: None
    plant.parts(40, 0.0, NOW + 1)
    plant.run(NOW + 15)
    assert plant.trained[0].serials == plant.trained[1].serials
    assert plant.trained[0].target.tolist() == plant.trained[1].target.tolist()
    assert len(plant.requests) == 1
    plant.run(NOW + 20)
    assert plant.in_force == ("2", 2)


FAILURES = {
    "too few rows to train is a refusal": (ModelReason.TOO_FEW_ROWS, ("refused", "too_few_rows")),
    "a training without a result has failed": (ModelReason.CORRUPT, ("failed", "training_failed")),
}


@pytest.mark.parametrize(("reason", "end"), FAILURES.values(), ids=FAILURES)
def test_a_training_that_cannot_work_ends_the_request(
    plant: Changed, reason: ModelReason, end: tuple[str, str]
) -> None:
    def fails() -> None:
        raise ModelError("it does not", reason)

    plant.while_training = fails
    plant.alert(NOW)
    plant.run(NOW)
    assert [row[1:] for row in plant.requests] == [end]
    assert plant.spine.all(t.model_version, "version") == ["1"]


def test_another_process_that_took_over_leaves_nothing_of_this_one(plant: Changed) -> None:
    plant.alert(NOW)

    def taken_over() -> None:
        with plant.spine.store.write() as connection:
            connection.execute(t.lease.update().values(holder="another", fence=t.lease.c.fence + 1))

    plant.while_training = taken_over
    with pytest.raises(FencedError):
        plant.run(NOW)
    assert plant.spine.all(t.model_version, "version") == ["1"]


def test_a_champion_that_changed_meanwhile_is_not_overwritten(plant: Changed) -> None:
    plant.alert(NOW)
    plant.run(NOW)
    with plant.spine.store.write() as connection:
        connection.execute(t.model_in_force.update().values(changes=7))
    plant.run(NOW + 20)
    assert plant.requests[0][1:] == ("refused", "champion_changed")
    assert plant.in_force == ("1", 7)


@pytest.mark.slow
def test_a_gate_that_left_the_plant_file_blocks_no_other(plant: Changed) -> None:
    with plant.spine.store.write() as connection:
        store_requests.add_request(connection, "gone", "ModelDegraded", "ModelDegraded:gone:9:1", after(NOW))
    plant.alert(NOW)
    plant.run(NOW)
    assert [row[1:] for row in plant.requests] == [("failed", "gate_removed"), ("training", "better")]


@pytest.mark.slow
def test_a_person_is_told_the_reason_and_needs_no_alert(plant: Changed) -> None:
    from monitor.scheduling.job import Run
    from monitor.store.database.leases import acquire

    lease = acquire(plant.spine.store, "retraining", "test", 60)
    assert lease is not None
    run = Run(after(NOW), after(NOW), lease, lambda: None, lambda: False)
    asked = plant.job.request(run, "form")
    assert (asked.state, asked.reason, asked.cause) == ("training", "better", "manual")
    again = plant.job.request(Run(after(NOW + 1), after(NOW + 1), lease, lambda: None, lambda: False), "form")
    assert (again.state, again.reason) == ("queued", "already_running")


def test_a_rollback_cools_down_what_alerts_ask_for(plant: Changed) -> None:
    with plant.spine.store.write() as connection:
        store_requests.record_rollback(connection, "form", "2", "1", after(NOW))
    plant.alert(NOW + 1)
    plant.run(NOW + 1)
    assert plant.requests[1][1:] == ("queued", "cooling_down")
    plant.run(NOW + 120)
    assert plant.requests[1][1:] == ("training", "better")


def test_the_champion_trained_once_more_stays_as_it_is(plant: Changed) -> None:
    """The parts since it was trained are all held out, so the same package comes out and keeps its version."""
    plant.level = 0.0
    # The registry knows packages by their folders, which the kit names after their digests.
    plant.mlflow.registered["1"] = {"digest": "level 0.0"}
    plant.alert(NOW)
    plant.run(NOW)
    assert [request[1:] for request in plant.requests] == [("refused", "not_better")]
    assert plant.spine.all(t.model_version, "version", "status") == [("1", "in_force")]
    assert (plant.mlflow.challengers, plant.mlflow.judged, plant.in_force) == ([], {}, ("1", 1))
