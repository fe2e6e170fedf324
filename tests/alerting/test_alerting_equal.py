"""The embedded evaluator and Prometheus' own engine on the same series: the same alerts at every interval."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import alert_scripts
import pytest
import sqlalchemy as sa
from promtool_kit import STEP, T0, Series, Told, embedded, limits_of, promtool_says_the_same, sampled, series_of, told

from alerting.alerts import webhook
from alerting.alerts.evaluator import AlertState, Change, Key, evaluate
from alerting.alerts.in_force import subjects
from alerting.specs.roster import BY_NAME
from alerting.specs.spec import AlertSpec
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.watching import alerts as alerting

pytestmark = pytest.mark.process
IN_SOAK = [pytest.param(seed, marks=pytest.mark.soak) for seed in (1001, 1002)]


@pytest.mark.parametrize("seed", [1000, *IN_SOAK])
def test_thirty_scripted_series_give_the_same_alerts_at_every_interval(
    seed: int, good_plant: Plant, tmp_path: Path
) -> None:
    specs = alert_scripts.specs(good_plant)
    series = alert_scripts.scripted(specs, seed)
    said = list(embedded(specs, series, alert_scripts.STEPS))
    fired = [{key for key, state in at.items() if state == "firing"} for at in said]
    begun = sum(len(now - before) for before, now in pairwise(fired))
    print(f"{len(specs) * len(alert_scripts.SHAPES)} series, {len(said)} intervals, {begun} episodes: all the same")
    assert begun > 60
    promtool_says_the_same(specs, series, said, tmp_path)


@pytest.mark.parametrize("seed", [1000, *IN_SOAK[:1]])
def test_also_where_nothing_could_be_scraped_for_a_while(seed: int, good_plant: Plant, tmp_path: Path) -> None:
    specs = alert_scripts.specs(good_plant)
    series = alert_scripts.with_blackouts(alert_scripts.scripted(specs, seed), seed)
    promtool_says_the_same(specs, series, list(embedded(specs, series, alert_scripts.STEPS)), tmp_path)


def test_a_difference_is_noticed(good_plant: Plant, tmp_path: Path) -> None:
    specs = alert_scripts.specs(good_plant)
    series = alert_scripts.scripted(specs, 1000)
    said = list(embedded(specs, series, alert_scripts.STEPS))
    at = next(n for n, found in enumerate(said) if found)
    said[at] = dict(list(said[at].items())[1:])
    with pytest.raises(AssertionError, match="FAILED"):
        promtool_says_the_same(specs, series, said, tmp_path)


def _through_the_table(specs: Sequence[AlertSpec], series: Series, plant: Plant) -> Iterator[Told]:
    """As the embedded evaluator, with nothing remembered but rows: a restart between any two evaluations."""
    engine = sa.create_engine("sqlite://")
    t.metadata.create_all(engine, [t.alert, t.tally, t.board, t.job, t.decision, t.model_in_force])
    by_name = {spec.name: spec for spec in specs}
    for n in range(alert_scripts.STEPS):
        with engine.begin() as connection:
            states = alerting.open_states(connection)
            _, changes = evaluate(specs, sampled(series, n), states, T0 + n * STEP)
            for _ in range(2):  # what is told twice changes nothing
                alerting.save_changes(connection, changes, by_name, plant, T0 + n * STEP, "embedded")
            yield told(alerting.open_states(connection))
    engine.dispose()


def test_a_kept_alert_still_says_what_it_was_about(good_plant: Plant) -> None:
    drift = replace(BY_NAME["DataDrift"], pending_for=timedelta(0), keep_firing=2 * STEP)
    series = series_of(drift, "form", [2.0, 0.0, 0.0, 0.0]) | limits_of([drift], 4)
    engine = sa.create_engine("sqlite://")
    t.metadata.create_all(engine, [t.alert, t.tally, t.board])
    finding = {
        "detector": "drift", "method": "worst_ratio", "subject": "form", "feature": "", "at": T0, "value": 2.0,
        "limit": 1.0, "causes": ["hardness", "roughness"], "step": "form",
    }  # fmt: skip
    told_of = []
    with engine.begin() as connection:
        connection.execute(t.board.insert(), [{**finding, "status": "breach"}])
        for n in range(4):
            _, changes = evaluate([drift], sampled(series, n), alerting.open_states(connection), T0 + n * STEP)
            alerting.save_changes(connection, changes, {drift.name: drift}, good_plant, T0 + n * STEP, "embedded")
            connection.execute(t.board.update().values(status="ok", causes=[]))
            row = connection.execute(sa.select(t.alert)).one()
            told_of.append((row.summary.partition(": ")[2], row.state, row.value, row.line))
    engine.dispose()
    assert told_of == [
        ("hardness, roughness; the worst is 2 times its limit", state, 2.0, "l1")
        for state in ("firing", "firing", "firing", "resolved")
    ]


@pytest.mark.parametrize("name", ["MachineOutOfSpec", "DataDrift", "HoldRateHigh", "SourceStale", "JobFailing"])
def test_an_episode_says_the_same_whoever_evaluates(name: str, good_plant: Plant) -> None:
    """Sensors, step, line and value of an alert come from the store, not from what a post says of them."""
    spec = BY_NAME[name]
    (subject, *_) = sorted({*subjects(good_plant, ["pull"])[spec.kind]})
    key, state = Key(name, "breach", subject), AlertState(T0, T0, None, 1.5, spec.limit)
    post = {
        "status": "firing", "labels": {"alertname": name, "condition": "breach", "subject": subject},
        "startsAt": T0.isoformat(), "annotations": {"value": "1.5", "step": "elsewhere", "sensors": "another"},
    }  # fmt: skip
    posted = webhook.parse(json.dumps({"version": "4", "alerts": [post]}).encode(), {name: spec}, T0, 1).alerts
    found = [timed.change for timed in webhook.changes(posted, {}, {}, {name: spec.limit})]
    rows = []
    for changes, origin in (([Change(key, None, state)], "embedded"), (found, "prometheus")):
        engine = sa.create_engine("sqlite://")
        t.metadata.create_all(engine, [t.alert, t.tally, t.board, t.job, t.decision, t.model_in_force])
        breach = {
            "detector": "limits", "method": "limit", "subject": subject, "feature": "heat", "at": T0, "value": 75.0,
            "limit": 60.0, "causes": ["heat"], "step": "form", "status": "breach",
        }  # fmt: skip
        with engine.begin() as connection:
            connection.execute(t.board.insert(), [breach])
            alerting.save_changes(connection, changes, {name: spec}, good_plant, T0, origin)
            rows.append(connection.execute(sa.select(t.alert)).one()._asdict() | {"origin": ""})
        engine.dispose()
    assert rows[0] == rows[1]
    assert rows[0]["details"] or name in ("DataDrift", "JobFailing", "SourceStale")
    assert (rows[0]["step"] == "") == (spec.kind in ("source", "job"))


def test_what_is_remembered_in_rows_is_all_there_is(good_plant: Plant) -> None:
    specs = alert_scripts.specs(good_plant)
    series = alert_scripts.scripted(specs, 1000)
    said = list(embedded(specs, series, alert_scripts.STEPS))
    assert list(_through_the_table(specs, series, good_plant)) == said
