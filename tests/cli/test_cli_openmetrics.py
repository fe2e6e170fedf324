"""`gatewatch replay --openmetrics`: what /metrics showed at each time, once, and whole however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cli_kit import Said, gatewatch, start
from plant_kit import START
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
from waits import until

pytestmark = pytest.mark.process

HOUR = timedelta(hours=1)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], list[tuple[float, float]]]


def arguments(plant: Path, file: Path, hours: float = 1.0) -> list[str | Path]:
    end = START + hours * HOUR
    return ["replay", plant, "--from", START.isoformat(), "--to", end.isoformat(), "--openmetrics", file]


def samples_of(file: Path) -> Samples:
    found: Samples = {}
    for family in parse(file.read_text(encoding="utf-8")):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            found.setdefault(key, []).append((float(sample.timestamp), sample.value))
    return found


def series(found: Samples, name: str, **labels: str) -> list[tuple[float, float]]:
    (samples,) = (v for (n, given), v in found.items() if n == name and labels.items() <= dict(given).items())
    return samples


@pytest.fixture(scope="module")
def replayed(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Said]:
    """The plant file and the history of its first hour, at every 20 minutes although the jobs run at every 30."""
    plant = Path(shutil.copytree(fresh, tmp_path_factory.mktemp("openmetrics") / "plant")) / "plant.yaml"
    file = plant.parent / "history.om"
    return plant, file, gatewatch(*arguments(plant, file), "--openmetrics-every", "20m")


def test_the_samples_have_the_times_asked_for(replayed: tuple[Path, Path, Said]) -> None:
    _, file, said = replayed
    assert said.code == 0, said.err
    found = samples_of(file)
    wanted = [(START + timedelta(minutes=m)).timestamp() for m in (20, 40, 60)]
    assert [at for at, _ in series(found, "gatewatch_build_info")] == wanted
    assert series(found, "gatewatch_snapshot_timestamp_seconds") == [(at, at) for at in wanted]
    assert f"{file}: {sum(map(len, found.values()))} samples of {len(found)} series" in said.err


def test_a_sample_shows_what_was_done_by_then_and_no_more(replayed: tuple[Path, Path, Said]) -> None:
    _, file, _ = replayed
    found = samples_of(file)
    # Slots at 30 and 60 minutes: none, one and both of them lie before the three samples.
    runs = series(found, "gatewatch_job_runs_total", job_name="pull:historian", result="success")
    assert [value for _, value in runs] == [0, 1, 2]


def test_the_samples_bear_the_labels_of_a_scrape(replayed: tuple[Path, Path, Said]) -> None:
    found = samples_of(replayed[1])
    assert {("job", "gatewatch"), ("instance", "127.0.0.1:9464")} <= set.intersection(*(set(k) for _, k in found))


def test_a_past_that_was_served_before_is_not_made_up(replayed: tuple[Path, Path, Said]) -> None:
    plant, _, _ = replayed
    again = gatewatch(*arguments(plant, plant.parent / "again.om"))
    assert again.code == 2
    assert "has already run" in again.err
    assert not list(plant.parent.glob("again.om*"))


def test_only_what_is_new_is_taken(replayed: tuple[Path, Path, Said]) -> None:
    plant, _, _ = replayed
    file = plant.parent / "further.om"
    said = gatewatch(*arguments(plant, file, 1.5), "--openmetrics-instance", "elsewhere:1")
    assert said.code == 0, said.err
    wanted = [(START + timedelta(minutes=m)).timestamp() for m in (75, 90)]
    assert [at for at, _ in series(samples_of(file), "gatewatch_build_info", instance="elsewhere:1")] == wanted


@pytest.mark.parametrize("bad", ["0s", "soon", "15"], ids=["no time", "no duration", "no unit"])
def test_a_bad_interval_is_refused(bad: str, plant: Path) -> None:
    said = gatewatch(*arguments(plant, plant.parent / "history.om"), "--openmetrics-every", bad)
    assert said.code == 2
    assert "--openmetrics-every" in said.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["a polite signal", "a kill"])
def test_ended_halfway_the_file_is_whole_or_not_there(number: signal.Signals, plant: Path) -> None:
    file = plant.parent / "history.om"
    under_way = start(*arguments(plant, file, 2.0), "--openmetrics-every", "1s")
    scratch = file.with_name("history.om.part.db")
    # A second of simulated time a sample: far from the end when the first ones are there.
    until(lambda: scratch.exists() and scratch.stat().st_size >= 200_000, "the first samples")
    os.kill(under_way.pid, number)
    said = under_way.end()
    if number is signal.SIGKILL:
        assert said.code == -signal.SIGKILL
        assert not file.exists()
    else:
        assert said.code == 3
        assert "resumes there" in said.err
        taken = [at for at, _ in series(samples_of(file), "gatewatch_build_info")]
        assert taken
        assert taken[-1] < (START + 2 * HOUR).timestamp()
        with closing(sqlite3.connect(plant.parent / "gatewatch.db")) as store:
            ((newest,),) = store.execute("SELECT max(last_slot) FROM job").fetchall()
        ran = 0.0 if newest is None else datetime.fromisoformat(newest + "+00:00").timestamp()
        assert ran <= taken[-1], "no slot ran before its samples were taken: they would be lost"
