"""The catalogue: names, units, labels and the keys of the tally; the page made of it is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from exporters_samples import bounds

from exporters.metrics.catalog import BY_NAME, METRICS
from exporters.metrics.catalog_docs import markdown
from exporters.metrics.shared.metric import Kind, Metric

ROOT = Path(__file__).parents[2]
RESERVED = {"job", "instance", "le", "quantile", "alertname", "serial", "lot", "person", "order"}
BASE_UNITS = {"", "seconds", "bytes", "ratio", "rows", "slots"}

each_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)


@each_metric
def test_a_metric_is_named_as_prometheus_asks(metric: Metric) -> None:
    assert re.fullmatch(r"gatewatch_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert metric.name.endswith("_info") == (metric.kind is Kind.INFO)
    assert metric.unit in BASE_UNITS
    assert metric.family.endswith(metric.unit)
    assert metric.unit == "seconds" or not metric.name.endswith("_seconds")


@each_metric
def test_a_metric_has_help_and_bounded_labels(metric: Metric) -> None:
    assert re.fullmatch(r"[A-Z0-9].*\.", metric.help)
    assert len(set(metric.label_names)) == len(metric.labels)
    assert not RESERVED & set(metric.label_names)
    for label in metric.labels:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", label.name)
        assert label.source


def test_names_are_declared_once() -> None:
    assert len(BY_NAME) == sum(len(m.parts) for m in METRICS)
    assert len({m.family for m in METRICS}) == len(METRICS)


def test_every_counter_without_a_cause_yet_starts_at_all_known_combinations() -> None:
    starts = list(BY_NAME["gatewatch_gate_decisions_total"].start(bounds()))
    assert len(starts) == 6 + 10
    assert ("shape", "hold", "no_model") in starts
    assert ("shape", "continue", "no_model") not in starts
    assert ("mes", "seen") in list(BY_NAME["gatewatch_source_rows_total"].start(bounds()))
    assert list(BY_NAME["gatewatch_store_size_bytes"].start(bounds())) == []


def test_the_page_of_the_metrics_is_current() -> None:
    committed = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    assert committed == markdown(), "run: python -m exporters.metrics.catalog_docs > docs/reference/metrics.md"


@each_metric
def test_the_page_names_every_metric_and_label(metric: Metric) -> None:
    section = markdown().partition(f"## `{metric.name}`")[2].partition("## ")[0]
    assert metric.help in section
    assert all(f"`{name}`" in section for name in metric.label_names)
