"""The whole text of a scrape against a golden file, and what must not break it."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from exporters_samples import NOW, before, bounds, finding, plant, snapshot, tally
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from alerting.alerts.in_force import bounds_of
from exporters.metrics.catalog import METRICS
from exporters.metrics.collector import exposition
from exporters.metrics.families.findings import fresh_findings
from exporters.metrics.families.jobs import overdue
from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import HoldRow, JobRow, MetricsSnapshot, StandingRow
from monitor.model import MachineState

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics" / "metrics.txt"
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def series(shot: MetricsSnapshot, given: Bounds | None = None) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = exposition(shot, given or bounds())[0].decode()
    return {(s.name, frozenset(s.labels.items())): s.value for family in parse(text) for s in family.samples}


def value(shot: MetricsSnapshot, name: str, /, **labels: str) -> float | None:
    return series(shot).get((name, frozenset(labels.items())))


def test_the_whole_text_is_as_committed() -> None:
    text, content_type = exposition(snapshot(), bounds())
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_bytes(text)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert text.decode() == GOLDEN.read_text(), "if meant: UPDATE_GOLDEN=1 pytest, then look at the difference"


def test_openmetrics_is_given_where_it_is_asked_for_and_says_the_same() -> None:
    text, content_type = exposition(snapshot(), bounds(), OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    told = {(s.name, frozenset(s.labels.items())): s.value for f in parse_openmetrics(text.decode()) for s in f.samples}
    assert told == series(snapshot())


@pytest.mark.process
def test_promtool_finds_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on PATH")
    text = exposition(snapshot(), bounds())[0]
    said = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, b"")


def test_every_metric_of_the_catalogue_is_told_and_no_other() -> None:
    told = {line.split()[2] for line in exposition(snapshot(), bounds())[0].decode().splitlines() if "# TYPE" in line}
    assert told == {metric.name for metric in METRICS}
    assert not any(name.endswith("_created") for name in told)


def test_an_empty_store_tells_counters_at_zero_and_no_model() -> None:
    empty = MetricsSnapshot(at=NOW)
    assert value(empty, "gatewatch_gate_decisions_total", gate="shape", verdict="hold", reason="no_model") == 0
    assert value(empty, "gatewatch_job_runs_total", job_name="prune", result="failure") == 0
    assert value(empty, "gatewatch_outbox_pending", channel="mes") == 0
    assert not any(name == "gatewatch_gate_model_info" for name, _ in series(empty))


@pytest.mark.parametrize(
    ("changes", "channels"),
    [
        ({"write_back": None}, ["notify:log"]),
        ({}, ["mes", "notify:log"]),
        (
            {"notify": {"urls_file": "urls"}},
            ["mes", "notify:engineers", "notify:log", "notify:ml", "notify:operators", "notify:platform"],
        ),
    ],
    ids=["no write-back means no channel to a MES", "the log always has one", "each team has one where URLs are given"],
)
def test_the_channels_are_those_that_the_plant_file_uses(changes: dict[str, Any], channels: list[str]) -> None:
    told = series(MetricsSnapshot(at=NOW), bounds(plant=plant(**changes)))
    assert sorted(dict(labels)["channel"] for name, labels in told if name == "gatewatch_outbox_pending") == channels


def test_a_status_is_one_of_four() -> None:
    labels = {"detector": "limits", "method": "high", "subject": "F1", "feature": "temperature", "step": ""}
    told = {s: value(snapshot(), "gatewatch_finding_status", status=s, **labels) for s in ("ok", "breach", "no_data")}
    assert told == {"ok": 0, "breach": 1, "no_data": 0}


def test_a_finding_that_changed_once_starts_its_other_statuses_at_zero() -> None:
    labels = {"detector": "limits", "method": "high", "subject": "F1"}
    assert value(snapshot(), "gatewatch_findings_total", status="breach", **labels) == 5
    assert value(snapshot(), "gatewatch_findings_total", status="ok", **labels) == 0


@pytest.mark.parametrize(
    ("subject", "age", "expiry", "kept"),
    [
        ("F1", timedelta(minutes=5), None, True),
        ("F1", timedelta(minutes=5, seconds=1), None, False),
        ("mes", timedelta(hours=4), None, True),
        ("mes", timedelta(hours=5), None, False),
        ("F1", timedelta(minutes=5), timedelta(minutes=4), False),
    ],
    ids=[
        "four intervals and the lateness of its readings are waited for",
        "then a machine's finding disappears",
        "a source is counted at every reconciliation, so its finding may be hours old",
        "then it disappears as well",
        "the expiry can be given",
    ],
)
def test_findings_grow_old(subject: str, age: timedelta, expiry: timedelta | None, kept: bool) -> None:
    shot = snapshot(board=(finding(subject=subject, at=NOW - age),))
    assert bool(fresh_findings(shot, plant(), expiry)) is kept
    if expiry is None:
        assert value(shot, "gatewatch_findings_expired") == float(not kept)


RUNS, STANDS = MachineState.RUN, MachineState.DOWN
OWES: dict[str, tuple[StandingRow | None, str, bool]] = {
    "a machine that runs owes a value": (StandingRow(RUNS, before(hours=3)), "running", True),
    "a machine without a reported state owes one": (None, "running", True),
    "a machine that stands owes none": (StandingRow(STANDS, before(hours=3)), "running", False),
    "a machine that stands and always speaks owes one": (StandingRow(STANDS, before(hours=3)), "always", True),
    "a machine that never ran owes none": (StandingRow(STANDS, None), "running", False),
    "a machine that ran without a sample owes one although it stands": (
        StandingRow(STANDS, before(seconds=20)), "running", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("reported", "speaks", "owes"), OWES.values(), ids=OWES)
def test_who_owes_a_value(reported: StandingRow | None, speaks: str, owes: bool) -> None:
    machines = {"F1": {"step": "forging", "sensors": {"temperature": {}}, "speaks_when": speaks}}
    given = plant(machines=machines)
    alerts = tuple(bound for bound in bounds_of(given) if bound.name == "SensorDead")
    shot = snapshot(standing={} if reported is None else {"F1": reported})
    told = series(shot, bounds(plant=given, alerts=alerts))
    labels = frozenset({"alert": "SensorDead", "subject": "F1"}.items())
    assert (("gatewatch_alert_expected", labels) in told) is owes


STATES = {"kind": "machine_states", "url": "sqlite:///mes.db", "table": "states", "machine": "m", "state": "s",
          "at": {"column": "at", "zone": "UTC"}}  # fmt: skip
NOTHING_COMPARED = finding(detector="anomaly", method="unwatched", feature="", status="cannot_judge", value=3100.0)
UNWATCHED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "one of which no row ever came": ({"board": ()}, ["no_rows"]),
    "one that has spoken": ({"board": (finding(at=before(days=9)),)}, []),
    "one that is compared with nothing": ({"board": (NOTHING_COMPARED,)}, ["no_baseline"]),
    "one that learns": ({"board": (NOTHING_COMPARED._replace(status="ok", value=900.0),)}, []),
    "one whose state nobody reports": ({"board": (finding(),), "states": True}, ["standing_unknown"]),
    "one whose state is known": (
        {"board": (finding(),), "states": True, "standing": {"F1": StandingRow(STANDS, None)}}, [],
    ),
    "both": ({"board": (NOTHING_COMPARED,), "states": True}, ["no_baseline", "standing_unknown"]),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "reasons"), UNWATCHED.values(), ids=UNWATCHED)
def test_a_machine_that_nothing_watches(changes: dict[str, Any], reasons: list[str]) -> None:
    sources = {**plant().model_dump()["sources"], **({"states": STATES} if changes.pop("states", False) else {})}
    given = bounds(plant=plant(sources=sources))
    told = series(snapshot(**changes), given)
    found = {dict(labels)["reason"]: value for (name, labels), value in told.items()
             if name == "gatewatch_machine_unwatched" and dict(labels)["machine"] == "F1"}  # fmt: skip
    assert set(found) == {"no_rows", "no_baseline", "standing_unknown"}
    assert sorted(reason for reason, value in found.items() if value) == reasons


def test_a_machine_that_never_spoke_owes_no_value_but_is_unwatched() -> None:
    alerts = tuple(bound for bound in bounds_of(plant()) if bound.name == "SensorDead")
    told = series(snapshot(board=()), bounds(alerts=alerts))
    assert not any(name == "gatewatch_alert_expected" for name, _ in told)


def job(last_slot: Any) -> JobRow:
    return JobRow("prune", 1, 0, 0, 0, last_slot, last_slot, 0.1, None, None)


@pytest.mark.parametrize(
    ("changes", "late"),
    [
        ({"jobs": (job(before(hours=24, minutes=10)),)}, False),
        ({"jobs": (job(before(hours=24, minutes=10, seconds=1)),)}, True),
        ({"jobs": (), "store_since": before(hours=23)}, False),
        ({"jobs": (), "store_since": before(hours=25)}, True),
        ({"jobs": (), "store_since": None}, False),
    ],
    ids=[
        "within interval and deadline it is not",
        "after them it is",
        "a job that never ran is given its first interval",
        "a job that never ran is overdue after it",
        "before the first plant file nothing is",
    ],
)
def test_a_job_is_overdue(changes: dict[str, Any], late: bool) -> None:
    assert overdue(snapshot(**changes), bounds(), "prune") is late


def test_a_job_of_unknown_interval_is_never_overdue() -> None:
    assert overdue(snapshot(), bounds(), "write_back") is False


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf], ids=["NaN", "infinity", "minus infinity"])
def test_a_value_that_is_no_number_loses_its_series_only(bad: float) -> None:
    decisions = {"gate": "shape", "verdict": "continue", "reason": "in_spec"}
    shot = snapshot(board=(finding(value=bad),), tallies=(tally("gatewatch_gate_decisions_total", bad, **decisions),))
    assert value(shot, "gatewatch_gate_decisions_total", **decisions) is None
    assert value(shot, "gatewatch_snapshot_rejected_series") == 2
    assert value(shot, "gatewatch_job_rows_total", job_name="pull:historian") == 5400


def test_a_lone_surrogate_and_a_line_break_in_a_label_are_told_and_break_nothing() -> None:
    shot = snapshot(board=(finding(feature='\ud800"\n\\é'),))
    labels = {"detector": "limits", "method": "high", "subject": "F1", "feature": '\ufffd"\n\\é', "step": ""}
    assert value(shot, "gatewatch_finding_value", **labels) == 412.5


def test_a_tally_with_other_labels_than_declared_is_left_out_and_counted() -> None:
    shot = snapshot(tallies=(tally("gatewatch_source_rows_total", 1.0, source="mes", serial="B-7"),))
    assert b"B-7" not in exposition(shot, bounds())[0]
    assert value(shot, "gatewatch_snapshot_rejected_series") == 1


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters()), st.floats() | st.none(), st.sampled_from([OPENMETRICS, ""]))
@pytest.mark.slow
def test_whatever_a_finding_holds_the_scrape_parses(text: str, number: float | None, accept: str) -> None:
    shot = snapshot(board=(finding(feature=text, method=text, value=number, limit=number),))
    told = exposition(shot, bounds(), accept)[0].decode()
    families = list((parse_openmetrics if accept else parse)(told))
    assert len(families) == len(METRICS)


def test_holds_that_wait_are_counted_by_step_and_overdue_by_its_time() -> None:
    held = [HoldRow("forging", before(minutes=minutes)) for minutes in (10, 59, 60, 61, 600)]
    shot = replace(snapshot(), holds=(*held, HoldRow("a step of before", before(minutes=600))))
    forging = plant().steps["forging"].model_copy(update={"decide_by": timedelta(hours=1)})
    timed = replace(bounds(), plant=plant().model_copy(update={"steps": {**plant().steps, "forging": forging}}))
    assert value(shot, "gatewatch_holds_waiting", step="forging") == 5
    assert value(shot, "gatewatch_holds_overdue", step="forging") == 0
    counted = series(shot, timed)
    assert counted["gatewatch_holds_overdue", frozenset({("step", "forging")})] == 2
    assert not [labels for name, labels in counted if "holds" in name and ("step", "a step of before") in labels]


def test_estimates_before_outcomes_are_those_of_the_gates_that_have_not_expired() -> None:
    board = tuple(
        finding(detector="estimate", method=method, subject=gate, feature="", at=at, value=value)
        for gate, at in (("shape", before(hours=2)), ("gone", before(hours=2)))
        for method, value in (("estimated_error", 1.5), ("estimated_coverage", None), ("estimate_light", 2.0))
    )
    text = exposition(snapshot(board=board), bounds())[0].decode()
    assert [line for line in text.splitlines() if line.startswith("gatewatch_gate_estimate")] == [
        'gatewatch_gate_estimated_error{gate="shape"} 1.5', 'gatewatch_gate_estimate_light{gate="shape"} 2.0'
    ]  # fmt: skip
    old = tuple(row._replace(at=before(days=9)) for row in board)
    assert "gatewatch_gate_estimate_light{" not in exposition(snapshot(board=old), bounds())[0].decode()
