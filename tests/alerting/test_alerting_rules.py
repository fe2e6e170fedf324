"""The generated rules: current, accepted by Prometheus' tools; each alert silent, firing, held, quiet, absent."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from promtool_kit import STEP, WHERE, Series, labels, limits_of, promtool_says_the_same, run_promtool, series_of, tool

from alerting.alerts import servers
from alerting.alerts.in_force import alerts_in_force, team_of
from alerting.alerts.rules import rule_file
from alerting.specs.roster import ALERTS, BY_NAME
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
    for rule in (rule for rule in group["rules"] if "alert" in rule):
        assert rule["labels"] == {
            "severity": spec.severity,
            "team": team_of(spec, "{{ $labels.subject }}"),
            "condition": rule["labels"]["condition"]
        }  # fmt: skip
        assert "{{ $labels.subject }}" in rule["annotations"]["summary"]
        assert spec.action in rule["annotations"]["description"]
        assert rule["annotations"]["runbook_url"] == f"https://wiki/{spec.name}.md"


@each_alert
def test_a_breach_is_kept_firing_and_an_absence_is_not(spec: AlertSpec) -> None:
    lasting = replace(spec, pending_for=STEP, keep_firing=2 * STEP, absent_after=3 * STEP)
    (group,) = yaml.safe_load(rule_file([lasting]))["groups"]
    breach, recorded, absent, _ = group["rules"]
    assert (breach["for"], absent["for"]) == ("1m", "3m")
    assert "[2m14999ms]" in breach["expr"]
    assert recorded["labels"] == {"alert": spec.name}, "what it is kept by, which a restart of Prometheus leaves"
    assert not any("keep_firing_for" in rule for rule in group["rules"])


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


def _places(spec: AlertSpec, subject: str, steps: int) -> tuple[Series, dict[str, str]]:
    """Series that tell where a subject is, and the annotations that they make."""
    step, on = (subject if spec.kind == "step" else "form"), [1.0] * steps
    url = "http://gatewatch:9464"
    series: Series = {("gatewatch_plant_info", labels(site="north", url=url)): on}
    annotations = {"site": "north", "page_url": f"{url}/subjects/{subject}"}
    if spec.kind in ("machine", "gate", "step"):
        about = {"subject": "other", "kind": "gate"} if spec.kind == "step" else {"subject": subject, "kind": spec.kind}
        series[("gatewatch_subject_info", labels(**about, step=step, line="l1"))] = on
        annotations |= {"step": step, "line": "l1"}
    return series, annotations


@pytest.mark.process
@pytest.mark.parametrize("known", [True, False], ids=["places are known", "no series tells places"])
@each_alert
def test_the_texts_name_the_subject_the_value_and_where_it_is(spec: AlertSpec, known: bool, tmp_path: Path) -> None:
    step = _step(spec.pending_for)
    steps, above = round(spec.pending_for / step) + 1, spec.limit + (1 if spec.measured else 0.5)
    series, places = _places(spec, "it", steps)
    has_sensors = spec.kind == "machine" and spec.metric.startswith("gatewatch_finding_")
    more = {"feature": "heat"} if known and has_sensors else {}
    alert = {
        "exp_labels": {"severity": spec.severity, "team": team_of(spec, "it"), "condition": "breach", "subject": "it",
                       **WHERE},
        "exp_annotations": {
            "summary": spec.summary.format(subject="it"), "description": f"{spec.cause} {spec.action}",
            "value": f"{above:g}", "runbook_url": f"docs/runbooks/{spec.name}.md",
            **({name: text if known or text == "it" else "" for name, text in places.items()}),
            **({"sensors": more.get("feature", "")} if has_sensors else {}),
        },
    }  # fmt: skip
    tests = [{"eval_time": f"{steps - 1}m", "alertname": spec.name, "exp_alerts": [alert]}]
    series = series_of(spec, "it", [above] * steps, **more) | limits_of([spec], steps) | (series if known else {})
    run_promtool([spec], series, {"alert_rule_test": tests}, tmp_path, STEP / step)


@pytest.mark.process
def test_a_subject_that_looks_like_a_query_is_only_a_name(tmp_path: Path) -> None:
    spec, written = BY_NAME["UnknownMachineOrStep"], 'a\\"} or {{ . }}`'
    subject = written.replace("\\", "")
    series, _ = _places(spec, written, 1)
    annotations = {
        "summary": spec.summary.format(subject=subject), "description": f"{spec.cause} {spec.action}", "value": "2",
        "runbook_url": f"docs/runbooks/{spec.name}.md", "site": "north",
        "page_url": f"http://gatewatch:9464/subjects/{subject}",
    }  # fmt: skip
    where = {"severity": spec.severity, "team": spec.team, "condition": "breach", "subject": subject, **WHERE}
    tests = [
        {
            "eval_time": "0m",
            "alertname": spec.name,
            "exp_alerts": [{"exp_labels": where, "exp_annotations": annotations}],
        }
    ]
    series |= series_of(spec, written, [2.0]) | limits_of([spec], 1)
    run_promtool([spec], series, {"alert_rule_test": tests}, tmp_path)


def test_an_alert_that_the_plant_turns_off_has_no_limit_and_no_rule(good_plant: Plant) -> None:
    changed = good_plant.alerts.model_copy(update={"change": {"DataDrift": AlertOverride(enabled=False)}})
    specs = alerts_in_force(good_plant.model_copy(update={"alerts": changed}))
    assert "alert: DataDrift" not in rule_file(specs)
    assert "alert: ImageDrift" in rule_file(specs)
