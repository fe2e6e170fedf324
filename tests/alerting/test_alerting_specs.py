"""The alerts as data: of the catalogue, for whom, with a runbook; and what a plant file changes of them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting.alerts.in_force import KINDS, alerts_in_force, bounds_of, line_of
from alerting.alerts.specs_docs import duration, ends, selector, starts
from alerting.specs.roster import ALERTS, BY_NAME
from alerting.specs.spec import AlertSpec
from exporters.metrics import catalog
from exporters.metrics.shared.labels import SEVERITIES, TEAMS
from exporters.metrics.shared.metric import Kind
from monitor.plant.plant import Plant
from monitor.plant.watching import AlertOverride

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
OPERATORS = {"MachineOutOfSpec", "SensorDead", "SensorStuck", "ScrapSurge", "HoldRateHigh"}

each_alert = pytest.mark.parametrize("spec", ALERTS, ids=lambda spec: spec.name)


def changed(plant: Plant, **changes: Any) -> dict[str, AlertSpec]:
    """The specs of a plant that changes some of them."""
    overrides = {name: AlertOverride(**change) for name, change in changes.items()}
    alerts = plant.alerts.model_copy(update={"change": overrides})
    return {spec.name: spec for spec in alerts_in_force(plant.model_copy(update={"alerts": alerts}))}


@each_alert
def test_its_value_is_a_gauge_of_the_catalogue_and_its_words_are_closed(spec: AlertSpec) -> None:
    metric = catalog.BY_NAME[spec.metric]
    assert metric.kind is not Kind.COUNTER
    assert {spec.by, *dict(spec.match)} <= set(metric.label_names)
    assert spec.severity in SEVERITIES
    assert spec.team in TEAMS
    assert spec.kind in KINDS


@each_alert
def test_its_numbers_make_sense_and_its_texts_are_sentences(spec: AlertSpec) -> None:
    assert spec.clear <= spec.limit
    assert min(spec.pending_for, spec.keep_firing) >= timedelta(0)
    assert re.fullmatch(r"[A-Z][A-Za-z]+", spec.name)
    assert "{subject}" in spec.summary
    assert bool(spec.absent) == (spec.absent_after is not None)
    for text in (spec.cause, spec.action):
        assert re.fullmatch(r"[A-Z].*\.", text)


def test_operators_are_told_only_of_what_they_can_do_something_about() -> None:
    assert {spec.name for spec in ALERTS if spec.team == "operators"} == OPERATORS
    assert sum(spec.severity == "critical" for spec in ALERTS) <= len(ALERTS) / 3


@each_alert
def test_its_runbook_says_what_the_spec_says(spec: AlertSpec) -> None:
    text = (RUNBOOKS / f"{spec.name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {spec.name}\n")
    assert f"\n\n{spec.cause}\n\n" in text
    rows = {
        "team": spec.team,
        "severity": spec.severity,
        "one alert per": spec.kind,
        "value": f"`{selector(spec)}`",
        "fires": starts(spec),
        "resolves": ends(spec),
        "first action": spec.action,
    }
    if spec.absent_after is not None:
        rows["absent"] = f"missing for {duration(spec.absent_after)}"
    assert dict(re.findall(r"^\| ([a-z ]+) \| (.+) \|$", text, re.MULTILINE)) == rows
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Meaning", "Impact", "Diagnosis", "Mitigation", "Tuning"]


@each_alert
def test_the_example_of_its_runbook_changes_nothing(spec: AlertSpec, good_plant: Plant) -> None:
    text = (RUNBOOKS / f"{spec.name}.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert changed(good_plant, **yaml.safe_load(example)["alerts"]["change"]) == BY_NAME


def test_there_is_no_runbook_of_an_alert_that_does_not_exist() -> None:
    assert sorted(page.stem for page in RUNBOOKS.iterdir()) == sorted(BY_NAME)


@pytest.mark.parametrize("page", sorted(RUNBOOKS.iterdir()), ids=lambda page: page.stem)
def test_a_runbook_names_only_metrics_that_exist(page: Path) -> None:
    named = set(re.findall(r"gatewatch_[a-z_]+", page.read_text(encoding="utf-8")))
    assert named <= {metric.name for metric in catalog.METRICS}


def test_a_plant_changes_what_it_names_and_nothing_else(good_plant: Plant) -> None:
    specs = changed(good_plant, DataDrift={"limit": 2.0, "pending_for": "5m"}, SensorDead={"absent": False})
    drift = specs["DataDrift"]
    assert (drift.limit, drift.pending_for, drift.keep_firing) == (2.0, timedelta(minutes=5), timedelta(hours=2))
    assert drift.clear == pytest.approx(1.8), "the clear level moves with the limit"
    assert specs["SensorDead"].absent_after is None
    others = set(BY_NAME) - {"DataDrift", "SensorDead"}
    assert {name: specs[name] for name in others} == {name: BY_NAME[name] for name in others}


def test_metrics_are_told_who_is_expected_and_nothing_of_what_is_off(good_plant: Plant) -> None:
    alerts = good_plant.alerts.model_copy(update={"change": {"ImageDrift": AlertOverride(enabled=False)}})
    bounds = {bound.name: bound for bound in bounds_of(good_plant.model_copy(update={"alerts": alerts}))}
    assert set(bounds) == set(BY_NAME) - {"ImageDrift"}
    assert bounds["SensorDead"].expected == ("m1", "m2"), "a machine without sensors has no values"
    assert bounds["ModelDegraded"].expected == ("shape",)
    assert bounds["HoldRateHigh"].expected == ()


@pytest.mark.parametrize(
    ("kind", "subject", "line"),
    [
        pytest.param("machine", "m1", "l1", id="a machine's step has a line"),
        pytest.param("gate", "shape", "l2", id="a gate's step has a line"),
        pytest.param("step", "form", "l1", id="a step has a line"),
        pytest.param("machine", "gone", "", id="a machine that is gone has none"),
        pytest.param("source", "form", "", id="a source has none, though a step is called so"),
    ],
)
def test_line_of(kind: str, subject: str, line: str, good_plant: Plant) -> None:
    assert line_of(good_plant, kind, subject) == line
