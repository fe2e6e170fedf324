"""The committed dashboards are current, use the catalogue alone, and are whole in all that Grafana would only show.

Among others the rules of Grafana's dashboard-linter that concern these dashboards.
"""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from dashboard_samples import GENERATED, ROOT, asked, boards, panels, panels_of, variables
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerting.specs.roster import ALERTS
from dashboards import files
from dashboards.blocks.marks import TAG, Mark, MarkKind, tags_of
from dashboards.blocks.queries import LABELS, by, series
from exporters.metrics.catalog import BY_NAME

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_FUNCTIONS = {
    "sum",
    "max",
    "min",
    "count",
    "topk",
    "increase",
    "rate",
    "time",
    "histogram_quantile",
    "max_over_time",
    "end",
}
_WORDS = {"by", "or", "and", "on", "bool", "d", "h", "m"}
_PROCESS = {"process_resident_memory_bytes": {"instance"}, "process_cpu_seconds_total": {"instance"}}


def test_what_is_committed_is_what_the_code_makes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in GENERATED.iterdir()}
    assert committed == files.texts(), "run make generate"


def test_the_files_are_written_where_they_are_asked_for(tmp_path: Any) -> None:
    written = files.write(tmp_path / "new" / "folder")
    assert {path.name: path.read_text(encoding="utf-8") for path in written} == files.texts()


each_board = pytest.mark.parametrize("board", boards().values(), ids=list(boards()))


def test_there_are_eight_and_each_is_found_from_each() -> None:
    assert [board["title"] for board in boards().values()] == [
        "Alarm quality", "Drift", "Gate and model", "Machine", "Plant now", "Stack", "Step", "Value and trend",
    ]  # fmt: skip
    for board in boards().values():
        others = board["links"][0]
        assert (others["type"], others["tags"]) == ("dashboards", board["tags"])
        assert others["keepTime"]
        assert others["includeVars"]
        assert [variable["name"] for variable in board["templating"]["list"]] == [*variables()]


@each_board
def test_the_sdk_reads_it_back_and_says_the_same(board: dict[str, Any]) -> None:
    assert json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder)) == board


def outside_of_strings(expr: str) -> str:
    return _STRING.sub('""', expr)


def metrics_in(expr: str) -> set[str]:
    """The names outside of braces and label lists that are neither functions nor operators: they must be metrics."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on) \([^)]*\)", " ", outside_of_strings(expr))
    return set(re.findall(r"[a-zA-Z_]\w*", bare)) - _FUNCTIONS - _WORDS


def labels_in(expr: str) -> dict[str, set[str]]:
    """Each metric that is selected from, with the labels its selectors name; under '' the labels that are kept."""
    bare = outside_of_strings(expr)
    found: dict[str, set[str]] = {}
    for metric, inside in re.findall(r"(\w+)\{([^}]*)\}", bare):
        found.setdefault(metric, set()).update(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))
    kept = re.findall(r"\b(?:by|on) \(([^)]*)\)", bare)
    found[""] = {label.strip() for group in kept for label in group.split(",") if label.strip()}
    return found


EVERY = [(a.where, a.expr) for a in asked()] + [(f"variable {n}", s) for n, (s, _) in variables().items()]
each_query = pytest.mark.parametrize("expr", [e for _, e in EVERY], ids=[w for w, _ in EVERY])


@each_query
def test_a_query_uses_only_metrics_and_labels_of_the_catalogue(expr: str) -> None:
    assert metrics_in(expr)
    assert metrics_in(expr) <= {*BY_NAME, *_PROCESS}
    labels = labels_in(expr)
    assert labels.pop("") <= LABELS
    for metric, named in labels.items():
        assert named <= (_PROCESS.get(metric) or {*BY_NAME[metric].label_names, "job", "instance"})


@each_query
def test_a_query_looks_at_the_chosen_sites_only(expr: str) -> None:
    selected = re.findall(r"\w+\{([^}]*)\}", expr)
    assert all('instance=~"$instance"' in inside or 'site=~"$site"' in inside for inside in selected) or (
        expr == "gatewatch_plant_info"
    )


@each_query
def test_a_query_uses_only_variables_that_there_are(expr: str) -> None:
    assert set(re.findall(r"\$(\w+)", expr)) <= {*variables(), "__range"}


def test_a_variable_uses_only_those_before_it() -> None:
    known: set[str] = set()
    for name, (selector, label) in variables().items():
        assert set(re.findall(r"\$(\w+)", selector)) <= known
        assert label in LABELS
        known.add(name)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: series("gatewatch_no_such_metric"), "not in the catalogue"),
        (lambda: series("gatewatch_outbox_dead", serial="B-7"), "has no label 'serial'"),
        (lambda: by("sum", ("serial",), "x"), "not in the catalogue"),
    ],
    ids=["a metric", "a label of a metric", "a label that is kept"],
)
def test_what_the_catalogue_lacks_cannot_be_asked_for(make: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_a_matcher_is_quoted() -> None:
    assert series("gatewatch_outbox_dead", channel='a"b\\') == (
        'gatewatch_outbox_dead{instance=~"$instance", channel="a\\"b\\\\"}'
    )


@each_board
def test_ids_are_given_once_and_stay_in_order(board: dict[str, Any]) -> None:
    ids = [p["id"] for row in board["panels"] for p in (row, *row.get("panels", []))]
    assert ids == list(range(1, len(ids) + 1))
    assert board["uid"].startswith("gatewatch-")


@each_board
def test_panels_lie_side_by_side_on_the_grid(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


@each_board
def test_marks_are_off_and_only_where_they_concern_the_graph(board: dict[str, Any]) -> None:
    graphs = {panel["id"] for panel in panels_of(board) if panel["type"] == "timeseries"}
    for marks in board["annotations"]["list"]:
        assert marks["enable"] is False
        assert marks["filter"]["exclude"] is False
        assert set(marks["filter"]["ids"]) <= graphs


def test_what_was_posted_is_found_by_the_tags_it_is_posted_with() -> None:
    asked_for = {
        tuple(marks["target"]["tags"])
        for board in boards().values()
        for marks in board["annotations"]["list"]
        if "target" in marks
    }
    at = datetime(2026, 3, 2, tzinfo=UTC)
    for kind in MarkKind:
        tags = {*tags_of("north", Mark(kind, "F1", at, None, "x"))}
        shown = [one for one in asked_for if {tag.replace("$machine", "F1") for tag in one} <= tags]
        assert shown, kind
    assert all(one[0] == TAG for one in asked_for)


@each_board
def test_nothing_is_green_and_nothing_looks_well_without_data(board: dict[str, Any]) -> None:
    assert "green" not in json.dumps(board)
    for panel in panels_of(board):
        if panel["type"] in ("stat", "state-timeline", "table"):
            assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_what_to_do(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 80
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert [target["refId"] for target in panel["targets"]] == list("ABCDEFG"[: len(panel["targets"])])
    assert all(target["datasource"]["uid"] == "gatewatch-prometheus" for target in panel["targets"])
    if panel["type"] == "stat":
        assert panel["options"]["reduceOptions"]["calcs"] == ["lastNotNull"]


_NUMBERED = {
    "Age of what is shown",  # Prometheus drops what is five minutes old
    "Standing alerts", "Alerts of the last day", "Most in ten minutes",  # what EEMUA 191 asks for
    "Features over time, as shares of their limits",
}  # fmt: skip
"""Panels with a number of their own, and why."""


def test_a_limit_is_always_a_metric_and_never_a_number() -> None:
    for panel in panels():
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        values = [step["value"] for step in steps]
        counts = values in ([], [None], [None, 0.0], [None, 0.0, 1.0]) or panel["title"] in _NUMBERED
        assert counts, "a count of what is wrong: 0 or more; and shares of a limit"
    exported = re.compile("gatewatch_finding_limit|gatewatch_alert_limit|gatewatch_sensor_limit")
    assert not [a for a in asked() if a.legend.startswith("limit") and not exported.search(a.expr)]


def test_every_alert_that_is_named_exists() -> None:
    named = {alert for a in asked() for alert in re.findall(r'\balert!?="(\w+)"', a.expr)}
    assert named
    assert named <= {spec.name for spec in ALERTS}


def test_links_lead_to_pages_that_gatewatch_serves() -> None:
    urls = {link["url"] for board in boards().values() for link in board["links"] if link.get("url")}
    for panel in panels():
        urls |= {link["url"] for link in panel["fieldConfig"]["defaults"].get("links", [])}
        urls |= set(re.findall(r'"url": "([^"]*)"', json.dumps(panel["fieldConfig"]["overrides"])))
    pages = {url for url in urls if url.startswith("${gatewatch}")}
    assert pages == {
        "${gatewatch}/", "${gatewatch}/reports/", "${gatewatch}/runbooks/${__data.fields.alert}",
        "${gatewatch}/subjects/${__data.fields.subject}",
    }  # fmt: skip
    uids = {board["uid"] for board in boards().values()}
    assert {url.split("?")[0].removeprefix("/d/") for url in urls - pages} <= uids


def provisioned(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "dashboards" / "provisioning" / name).read_text(encoding="utf-8"))
    return found


def test_the_provisioned_data_source_is_the_one_the_panels_name() -> None:
    (source,) = provisioned("datasources/gatewatch.yaml")["datasources"]
    assert source["uid"] == "gatewatch-prometheus"
    assert source["type"] == "prometheus"


def test_the_provider_reads_a_folder_and_lets_nobody_edit_there() -> None:
    (provider,) = provisioned("dashboards/gatewatch.yaml")["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    assert provider["allowUiUpdates"] is False
