"""The generated rules: current, accepted by Prometheus' tools; each alert silent, firing, held, quiet, absent."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from promtool_kit import STEP, WHERE, limits_of, promtool_says_the_same, run_promtool, series_of, tool

from alerting.alerts import servers
from alerting.alerts.in_force import alerts_in_force
from alerting.alerts.rules import rule_file
from alerting.specs.roster import ALERTS
from alerting.specs.spec import AlertSpec
from monitor.plant.plant import Plant
from monitor.plant.watching import AlertOverride

GENERATED = Path(__file__).parents[2] / "alerting" / "generated"
MADE = {
    "alerts.rules.yml": rule_file, "prometheus.yml": servers.prometheus, "alertmanager.yml": servers.alertmanager,
}  # fmt: skip
CHECKS = {
    "alerts.rules.yml": ("promtool", "check", "rules"),
    "prometheus.yml": ("promtool", "check", "config"),
    "alertmanager.yml": ("amtool", "check-config"),
}

each_alert = pytest.mark.parametrize("spec", ALERTS, ids=lambda spec: spec.name)


@pytest.mark.parametrize("name", MADE)
def test_a_generated_file_is_current(name: str) -> None:
    assert (GENERATED / name).read_text(encoding="utf-8") == MADE[name](), "run make generate"


@pytest.mark.process
@pytest.mark.parametrize("name", CHECKS)
def test_a_generated_file_is_accepted_by_its_program(name: str) -> None:
    program, *words = CHECKS[name]
    done = subprocess.run([tool(program), *words, GENERATED / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@each_alert
def test_every_rule_says_who_how_bad_what_and_where_to_read(spec: AlertSpec) -> None:
    (group,) = yaml.safe_load(rule_file([spec], "https://wiki/"))["groups"]
    for rule in group["rules"]:
        assert rule["labels"] == {
            "severity": spec.severity, "team": spec.team, "condition": rule["labels"]["condition"]
        }  # fmt: skip
        assert "{{ $labels.subject }}" in rule["annotations"]["summary"]
        assert spec.action in rule["annotations"]["description"]
        assert rule["annotations"]["runbook_url"] == f"https://wiki/{spec.name}.md"


@each_alert
def test_a_breach_is_kept_firing_and_an_absence_is_not(spec: AlertSpec) -> None:
    lasting = replace(spec, pending_for=STEP, keep_firing=2 * STEP, absent_after=3 * STEP)
    (group,) = yaml.safe_load(rule_file([lasting]))["groups"]
    waits = {rule["labels"]["condition"]: (rule.get("for"), rule.get("keep_firing_for")) for rule in group["rules"]}
    assert waits == {"breach": ("1m", "2m"), "absent": ("3m", None)}


def _step(*waits: timedelta) -> timedelta:
    """What a step of promtool stands for: an hour where minutes would make thousands of steps."""
    return timedelta(hours=1) if max(waits) >= timedelta(days=1) else STEP


@pytest.mark.process
@each_alert
def test_it_is_silent_before_fires_is_held_and_goes_quiet(spec: AlertSpec, tmp_path: Path) -> None:
    step = _step(spec.pending_for, spec.keep_firing)
    wait, keep = round(spec.pending_for / step), round(spec.keep_firing / step)
    above, between, begin = spec.limit + 1.0, (spec.limit + spec.clear) / 2, 5
    back = begin + wait + 5
    held = back + (5 if between > spec.clear else 0)
    steps = held + keep + 5
    values = [spec.clear] * begin + [above] * (back - begin) + [between] * (held - back) + [spec.clear] * (steps - held)
    # A lower value of the same subject changes nothing, nor does another instance that is well.
    series = series_of(spec, "it", values) | series_of(spec, "it", [spec.clear - 1] * steps, feature="other")
    pending, firing = ({(spec.name, "breach", "it"): state} for state in ("pending", "firing"))
    said = [{}] * begin + [pending] * wait + [firing] * (held + keep - begin - wait) + [{}] * (steps - held - keep)
    promtool_says_the_same([spec], series | limits_of([spec], steps), said, tmp_path, STEP / step)


@pytest.mark.process
@pytest.mark.parametrize("spec", [s for s in ALERTS if s.absent_after], ids=lambda spec: spec.name)
def test_what_is_expected_and_not_there_is_an_alert_after_a_while(spec: AlertSpec, tmp_path: Path) -> None:
    assert spec.absent_after is not None
    step = _step(spec.absent_after)
    wait, gone = round(spec.absent_after / step), 5
    back = gone + wait + 5
    values = [spec.clear] * gone + [None] * (back - gone) + [spec.clear] * 3
    never = [None] * len(values)
    series = series_of(spec, "it", values) | series_of(spec, "nobody waits for it", never)
    pending, firing = ({(spec.name, "absent", "it"): state} for state in ("pending", "firing"))
    said = [{}] * gone + [pending] * wait + [firing] * (back - gone - wait) + [{}] * 3
    series |= limits_of([spec], len(values), {spec.name: ["it"]})
    promtool_says_the_same([spec], series, said, tmp_path, STEP / step)


@pytest.mark.process
@each_alert
def test_the_texts_name_the_subject_and_the_value(spec: AlertSpec, tmp_path: Path) -> None:
    step = _step(spec.pending_for)
    steps, above = round(spec.pending_for / step) + 1, spec.limit + 1
    alert = {
        "exp_labels": {"severity": spec.severity, "team": spec.team, "condition": "breach", "subject": "it", **WHERE},
        "exp_annotations": {
            "summary": spec.summary.format(subject="it"), "description": f"{spec.cause} {spec.action}",
            "value": f"{above:g}", "runbook_url": f"docs/runbooks/{spec.name}.md",
        },
    }  # fmt: skip
    tests = [{"eval_time": f"{steps - 1}m", "alertname": spec.name, "exp_alerts": [alert]}]
    series = series_of(spec, "it", [above] * steps) | limits_of([spec], steps)
    run_promtool([spec], series, {"alert_rule_test": tests}, tmp_path, STEP / step)


def test_an_alert_that_the_plant_turns_off_has_no_limit_and_no_rule(good_plant: Plant) -> None:
    changed = good_plant.alerts.model_copy(update={"change": {"DataDrift": AlertOverride(enabled=False)}})
    specs = alerts_in_force(good_plant.model_copy(update={"alerts": changed}))
    assert "alert: DataDrift" not in rule_file(specs)
    assert "alert: ImageDrift" in rule_file(specs)
