"""History as OpenMetrics text: whole or not there, in the order the format asks for, and taken by the real tools."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from exporters_samples import NOW, bounds, finding, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
from prometheus_kit import binary, prometheus

from exporters.metrics.collector import StoreCollector
from exporters.metrics.openmetrics import OpenMetricsFile
from monitor.errors import MonitorError

STEP = timedelta(minutes=5)
TARGET = {"job": "gatewatch", "instance": "north:9464"}


def families(number: int, **changes: Any) -> list[Any]:
    """What a scrape at the instant of that number shows; the store grows by a page each."""
    shot = snapshot(at=NOW + number * STEP, store_bytes=4096 * (number + 1), **changes)
    return list(StoreCollector(shot, bounds()).collect())


def written(file: Path, instants: int, **changes: Any) -> dict[tuple[str, frozenset[tuple[str, str]]], list[Any]]:
    """Write so many instants; every series as read back by the strict parser, with its times and values."""
    made = OpenMetricsFile(file, TARGET)
    for number in range(instants):
        made.add(NOW + number * STEP, families(number, **changes))
    made.write()
    made.close()
    found: dict[tuple[str, frozenset[tuple[str, str]]], list[Any]] = {}
    for family in parse(file.read_bytes().decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            found.setdefault(key, []).append((float(sample.timestamp), sample.value))
    assert sum(map(len, found.values())) == made.samples
    assert len(found) == made.series
    return found


@pytest.mark.slow
def test_every_series_has_all_its_times_in_order_and_the_labels_of_the_scrape(tmp_path: Path) -> None:
    found = written(tmp_path / "history.om", 3)
    times = [(NOW + number * STEP).timestamp() for number in range(3)]
    assert found["gatewatch_store_size_bytes", frozenset(TARGET.items())] == [
        (times[0], 4096.0), (times[1], 8192.0), (times[2], 12288.0)
    ]  # fmt: skip
    assert all(
        [at for at, _ in samples] == sorted(set(times) & {at for at, _ in samples}) for samples in found.values()
    )
    assert all(set(TARGET.items()) <= labels for _, labels in found)


def test_what_a_scrape_shows_is_what_is_written(tmp_path: Path) -> None:
    found = written(tmp_path / "history.om", 1)
    shown = {
        (sample.name, frozenset({**sample.labels, **TARGET}.items())): [(NOW.timestamp(), sample.value)]
        for family in families(0)
        for sample in family.samples
    }
    assert found == shown


def test_a_fraction_of_a_second_stays(tmp_path: Path) -> None:
    made = OpenMetricsFile(tmp_path / "history.om", {})
    made.add(NOW + timedelta(milliseconds=250), families(0))
    made.write()
    made.close()
    assert f" {NOW.timestamp() + 0.25:.3f}\n" in (tmp_path / "history.om").read_text()


def test_nothing_stands_there_before_all_of_it_does(tmp_path: Path) -> None:
    file = tmp_path / "history.om"
    file.write_text("of the day before\n")
    made = OpenMetricsFile(file, TARGET)
    made.add(NOW, families(0))
    assert file.read_text() == "of the day before\n"
    made.close()
    assert [path.name for path in tmp_path.iterdir()] == ["history.om"]


def test_what_a_killed_process_left_does_not_matter(tmp_path: Path) -> None:
    for name in ("history.om.part", "history.om.part.db"):
        (tmp_path / name).write_text("half")
    assert written(tmp_path / "history.om", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["history.om"]


def test_a_folder_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none/history"):
        OpenMetricsFile(tmp_path / "none" / "history.om", TARGET)


def test_a_scratch_file_that_fails_is_one_sentence(tmp_path: Path) -> None:
    made = OpenMetricsFile(tmp_path / "history.om", TARGET)
    made._db.execute("PRAGMA max_page_count = 3")
    many = (finding(feature=str(number)) for number in range(1000))
    with pytest.raises(MonitorError, match=r"history\.om\.part\.db: .*full; the history is not written"):
        made.add(NOW, families(0, board=tuple(many)))
    made.close()


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters()), st.floats(allow_nan=False, allow_infinity=False))
@pytest.mark.slow
def test_whatever_a_finding_holds_the_file_parses(tmp_path_factory: Any, text: str, number: float) -> None:
    file = tmp_path_factory.mktemp("history") / "history.om"
    found = written(file, 2, board=(finding(feature=text, value=number),))
    assert any(samples[0][1] == number for (name, _), samples in found.items() if name == "gatewatch_finding_value")


@pytest.mark.process
def test_prometheus_answers_with_what_was_written(tmp_path: Path) -> None:
    found = written(tmp_path / "history.om", 40)
    command = [
        binary("promtool"),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        tmp_path / "history.om",
        tmp_path / "data",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = NOW + 39 * STEP
    with prometheus(tmp_path, None, "--storage.tsdb.retention.time=100y") as server:
        # Raw samples: a range query would go on showing a series for five minutes after its end.
        stored = server.query('{job="gatewatch"}[4h]', last)
    told = {
        (labels["metric"].pop("__name__"), frozenset(labels["metric"].items())): labels["values"] for labels in stored
    }
    # A label without a value is none to Prometheus.
    named = {
        (name, frozenset(pair for pair in labels if pair[1])): samples for (name, labels), samples in found.items()
    }
    assert {key: [(at, float(value)) for at, value in values] for key, values in told.items()} == named
