"""A plant with a pass/fail test and a surface of three classes, replayed: trained, decided, judged, retrained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from class_plant import CLASSES, START, make_plant
from cli_kit import gatewatch
from plant_kit import ready_to_train, run_replay
from warm_kit import fork_training, warm_up

from alerting.alerts import in_force
from exporters.metrics.families.gates import series
from exporters.metrics.shared.metric import Bounds, Scrape
from monitor.gate_models.rederive import recompute_decisions, stored_plants
from monitor.plant.file.load import load
from monitor.reports.part.text import as_text
from monitor.reports.passport import passport
from monitor.runtime.app import App, make_registry
from monitor.scheduling.runner import SlotResult
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.schema import open_existing
from monitor.store.metrics import metrics_snapshot
from monitor.store.models import retraining
from monitor.store.report.gates import gates

pytestmark = pytest.mark.process
PARTS = 660
FEW_LOOKS = ("alerts.every=10m", "notify.every=10m")
ASKED_AT = START + timedelta(hours=9)
D, O = t.decision.c, t.outcome.c  # noqa: E741 - as elsewhere in queries


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plant after eleven hours; somebody asked for a retraining of the leak gate two hours before."""
    plant = ready_to_train(make_plant(tmp_path_factory.mktemp("classes") / "plant", PARTS))
    warm_up()
    asked: list[datetime] = []

    def ask(app: App, at: datetime, name: str, slot: SlotResult) -> bool:
        if at >= ASKED_AT and not asked:
            asked.append(at)
            with app.store.write() as connection:
                retraining.add_request(connection, "leak", retraining.MANUAL, "manual:leak:1", at)
        return False

    with pytest.MonkeyPatch.context() as patch:
        fork_training(patch)
        failed = run_replay(plant, PARTS / 60, FEW_LOOKS, START, ask)
    assert [slot.error for slot in failed] == []
    return plant


@pytest.fixture(scope="module")
def store(plant: Path) -> Iterator[Store]:
    store = open_existing(load(plant).plant.store.url)
    yield store
    store.close()


def rows(store: Store, query: sa.Select[Any]) -> Sequence[Any]:
    with store.read() as connection:
        return connection.execute(query).all()


@pytest.mark.parametrize(("gate", "classes"), [("leak", 2), ("surface", len(CLASSES))])
def test_a_trained_model_decides_by_the_probability_of_a_meaning(gate: str, classes: int, store: Store) -> None:
    decided = rows(store, sa.select(t.decision).where(D.gate == gate, D.predicted.is_not(None)))
    certainty = {"leak": 0.9, "surface": 0.8}[gate]
    assert len(decided) > 200
    for row in decided:
        assert len(row.probabilities) == classes
        assert sum(row.probabilities) == pytest.approx(1)
        assert row.predicted == row.lower == row.upper == pytest.approx(1 - row.probabilities[0])
        if row.verdict == "continue":
            assert row.probabilities[0] >= certainty
        if row.reason == "uncertain":
            assert max(row.probabilities) < certainty
    verdicts = {row.verdict for row in decided}
    assert verdicts == ({"continue", "scrap", "hold"} if gate == "leak" else {"continue", "correct", "scrap", "hold"})


def test_what_it_recommends_is_mostly_right(store: Store) -> None:
    """At least as often as the probability that it wants, while the process is as it was learnt."""
    query = sa.select(D.verdict, O.value).where(
        O.serial == D.serial, O.characteristic == "surface", D.gate == "surface", D.reason != "uncertain",
        D.predicted.is_not(None),
    )  # fmt: skip
    right = [{0.0: "continue", 1.0: "correct", 4.0: "scrap"}[value] == verdict for verdict, value in rows(store, query)]
    assert len(right) > 100
    assert sum(right) >= 0.8 * len(right)


def test_the_mes_is_told_the_probability_of_not_going_on(plant: Path, store: Store) -> None:
    payloads = [row.payload for row in rows(store, sa.select(t.outbox.c.payload).where(t.outbox.c.channel == "mes"))]
    told = [p for p in payloads if p["reason"] == "in_spec"]
    assert told
    assert all(0 <= p["predicted"] <= 1 - p["confidence"] + 1e-9 for p in told)


def test_an_outcome_of_no_class_is_refused_and_not_learnt(store: Store) -> None:
    refused = rows(store, sa.select(t.quarantine.c.reason, t.quarantine.c.source))
    assert {tuple(row) for row in refused} == {("unknown_class", "inspection")}
    assert {row.value for row in rows(store, sa.select(O.value).where(O.characteristic == "surface"))} == {
        0.0,
        1.0,
        4.0,
    }


def test_performance_is_judged_by_log_loss_over_the_known_rates(store: Store) -> None:
    board = t.board.c
    query = sa.select(t.board).where(board.detector == "performance", board.feature == "")
    found = {(row.subject, row.method): row for row in rows(store, query)}
    methods = {"log_loss", "bias", "miscoverage", "skill", "worst_ratio"}
    assert set(found) == {(gate, method) for gate in ("leak", "surface") for method in methods}
    surface = {method: found["surface", method] for method in methods}
    assert 0 < surface["log_loss"].value < 0.7
    assert surface["skill"].value > 0.2
    assert {surface[method].status for method in methods} == {"ok"}
    assert all(surface[method].limit is not None for method in methods)


def test_the_request_to_retrain_is_compared_and_ends(store: Store) -> None:
    (request,) = rows(store, sa.select(t.retraining).where(t.retraining.c.key == "manual:leak:1"))
    assert request.finished_at is not None
    assert request.state in ("promoted", "refused")
    assert request.reason in ("better", "not_better", "intervals_fail", "worse_in_a_slice")
    comparison = request.comparison
    assert comparison["rows"] >= 55
    assert comparison["overall"]["champion"] > 0
    assert 0 < comparison["challenger_coverage"] <= 1


def test_a_part_is_told_by_its_classes(plant: Path, store: Store) -> None:
    query = sa.select(D.serial).where(D.gate == "surface", D.reason == "out_of_spec").limit(1)
    serial = rows(store, query)[0].serial
    names = load(plant).plant.class_names()
    with store.read() as connection:
        known, unnamed = passport(connection, serial, names), passport(connection, serial)
    assert known is not None
    assert unnamed is not None
    text = as_text(known)
    assert "scrap (out_of_spec), surface not good with probability 0." in text or "probability 1 (" in text
    assert "(none 0" in text
    assert re.search(r"surface found (none|scratch|crack) \([014]\)", text)
    assert re.search(r"leak found (passed|failed) \([01]\)", text)
    assert "(class 1 0" in as_text(unnamed)
    assert "surface measured" in as_text(unnamed)


def test_the_report_lays_recommendations_beside_what_the_classes_mean(plant: Path, store: Store) -> None:
    loaded = load(plant).plant
    with store.read() as connection:
        leak, surface = gates(connection, loaded, START, START + timedelta(hours=11), ())
    assert surface.classes == (("none", "continue"), ("scratch", "correct"), ("crack", "scrap"))
    by_verdict = {row.verdict: row for row in surface.verdicts}
    assert by_verdict["continue"].in_spec > 0.8 * (by_verdict["continue"].parts - by_verdict["continue"].waiting)
    assert by_verdict["hold"].reworkable + by_verdict["hold"].scrap > 0
    assert {row.reworkable for row in leak.verdicts} == {0}
    assert sum(row.covered for row in surface.realised) > 0.8 * sum(row.parts for row in surface.realised) > 0
    assert all(-1 <= row.lowest <= row.bias <= row.highest <= 1 for row in surface.realised)


def test_versions_are_listed_by_how_well_they_tell_parts_apart(plant: Path) -> None:
    said = gatewatch("model", "list", "-p", str(plant), cwd=plant.parent)
    assert said.code == 0, said.err
    assert re.search(r"surface version 1  in_force .* skill 0\.\d\d  AUROC 0\.\d\d  ", said.out)
    assert "nan" not in said.out


def test_no_interval_has_a_width(plant: Path, store: Store) -> None:
    bounds = Bounds(load(plant).plant, {}, in_force.bounds_of(load(plant).plant), "0")
    with store.read() as connection:
        snapshot = metrics_snapshot(connection, START + timedelta(hours=11))
    names = {name for name, _, _ in series(Scrape(snapshot, bounds))}
    assert "gatewatch_gate_hold_ratio" in names
    assert "gatewatch_gate_interval_width" not in names


def test_every_decision_is_recomputed(plant: Path, store: Store) -> None:
    registry, plants = make_registry(load(plant).plant), stored_plants(store, plant.parent)
    again = list(recompute_decisions(store, plants.__getitem__, registry))
    assert len(again) == len(rows(store, sa.select(D.arrival)))
    assert [one for one in again if not one.matches] == []


def test_another_probability_in_the_store_is_noticed(plant: Path, store: Store) -> None:
    chosen = rows(store, sa.select(D.arrival, D.probabilities).where(D.reason == "in_spec").limit(1))[0]
    changed = [chosen.probabilities[0] - 0.001, chosen.probabilities[1] + 0.001, *chosen.probabilities[2:]]
    with store.write() as connection:
        connection.execute(t.decision.update().where(D.arrival == chosen.arrival).values(probabilities=changed))
    try:
        registry, plants = make_registry(load(plant).plant), stored_plants(store, plant.parent)
        wrong = [one for one in recompute_decisions(store, plants.__getitem__, registry) if not one.matches]
        assert len(wrong) == 1
    finally:
        with store.write() as connection:
            restored = t.decision.update().where(D.arrival == chosen.arrival)
            connection.execute(restored.values(probabilities=chosen.probabilities))
