"""What the benchmarks of detectors make of data sets and simulated plants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.detect import data, hydraulics, measures, plant, simulated
from monitor.simulator.machines import SENSORS


@pytest.mark.parametrize(
    ("running", "recipes", "passed_over"),
    [
        ("rrrrr", "aaaaa", "....."),
        ("srrrr", "aaaaa", ".xx.."),
        ("rrsrrr", "aaaaaa", "...xx."),
        ("rrrrrr", "aaabbb", "...xx."),
        ("srsrrr", "aaaaaa", ".x.xx."),
        ("ssss", "aaaa", "...."),
    ],
)
def test_rows_after_a_start_or_a_changeover_are_passed_over(running: str, recipes: str, passed_over: str) -> None:
    runs = np.array([letter == "r" for letter in running])
    found = plant.settling(runs, np.array(list(recipes), dtype=object), rows=2)
    assert "".join("x" if flag else "." for flag in found) == passed_over


@pytest.mark.slow
def test_a_healthy_plant_has_a_stream_for_each_machine_and_recipe_and_wear_changes_one_machine() -> None:
    sound, (worn, truth) = plant.healthy(7, days=3.5), plant.worn(7, days=3.5)
    assert len({(stream.machine, stream.recipe) for stream in sound}) == len(sound)
    assert all(np.all(np.isfinite(s.hours)) and len(s.hours) == len(s.values) for s in sound)
    same = {s.recipe: s for s in sound if s.machine == truth.machine}
    assert {s.recipe for s in worn} == set(same)
    for stream in worn:
        differs = np.nan_to_num(stream.values - same[stream.recipe].values).any(axis=1)
        assert differs.any()
        assert stream.hours[differs].min() >= truth.begins
    assert truth.begins < truth.passes


def test_a_press_goes_from_the_best_level_of_its_component_to_the_worst_and_keeps_every_cycle() -> None:
    profile = np.array(
        [[c, v, p, a, 0] for c in (3, 20, 100) for v in (73, 100) for p in (0, 1) for a in (90, 130)] * 9
    )
    cycles = np.arange(len(profile), dtype=float)[:, None]
    for press in hydraulics.presses(cycles, profile, seed=1):
        column, levels = hydraulics.LEVELS[press.name]
        order = profile[press.values[:, 0].astype(int), column]
        assert sorted(press.values[:, 0]) == cycles[:, 0].tolist()
        places = [levels.index(level) for level in order]
        assert places == sorted(places)
        assert (order[: press.worse] == levels[0]).all()
        assert order[press.worse] != levels[0]
        assert press.reference == press.worse - 50 or press.worse < 50


class Threshold:
    """Calls a row anomalous whose first value is above 1, a stream changed where that begins."""

    page_limit = 2.0

    def fit(self, reference: np.ndarray) -> Threshold:
        return self

    def score(self, rows: np.ndarray) -> np.ndarray:
        return rows[:, 0]


def steps(reference: np.ndarray, rows: np.ndarray) -> list[int]:
    return np.flatnonzero(np.diff(rows[:, 0] > 1, prepend=False)).tolist()


def left(reference: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Right but for the last row, nothing before row 100 of the rows."""
    true = np.arange(len(rows) - 1, -1, -1, dtype=float)
    intervals = np.stack([true - 1, true + 1], axis=1)
    intervals[:100] = np.nan
    intervals[-1] += 5
    return intervals


def _run(values: np.ndarray) -> data.Run:
    at = np.arange(len(values), dtype=float)
    changed = np.diff(values, prepend=0.0) != 0
    return data.Run("made", values[:, None], at, values > 1, changed)


def test_a_detector_that_is_right_in_every_row_has_the_best_scores() -> None:
    runs = [_run(np.repeat([0.0, 3.0, 0.0], [500, 100, 100]))]
    rows, changes = measures.skab_outliers(Threshold(), runs), measures.skab_changes(steps, runs)
    assert (rows["f1"], rows["false_alarm_rate"], rows["missed_rate"]) == (1.0, 0.0, 0.0)
    assert (changes["score"], changes["found"], changes["of"], changes["false"]) == (100.0, 2, 2, 0)
    assert changes["every_60_rows"]["false"] > 0


@pytest.mark.parametrize(("cycles", "learnt"), [(128, 60), (200, 60), (250, 75), (333, 99), (400, 100)])
def test_the_reference_of_an_engine_is_the_first_30_percent_within_bounds(cycles: int, learnt: int) -> None:
    assert measures.reference_cycles(cycles) == learnt


def test_the_lead_of_an_engine_counts_from_the_fifth_flagged_cycle() -> None:
    life = np.zeros((200, 1))
    life[150:] = 1.5
    life[190:] = 2.5
    found = measures.engines(Threshold(), [life, np.zeros((200, 1))], left)
    assert (found["flag"]["noticed"], found["flag"]["median_lead"]) == (1, 45)
    assert (found["page"]["noticed"], found["page"]["median_lead"]) == (1, 5)
    assert found["time_left"] == {"lives": 2, "stated": 80, "held": 78 / 80, "median_width": 2.0}


def test_the_windows_of_nab_are_rows(tmp_path: Path) -> None:
    folder = tmp_path / "nab"
    (folder / "data" / "real").mkdir(parents=True)
    (folder / "labels").mkdir()
    lines = [f"2014-01-01 00:{minute:02d}:00,{float(minute)}" for minute in range(60)]
    (folder / "data" / "real" / "one.csv").write_text("\n".join(["timestamp,value", *lines]) + "\n")
    window = '["2014-01-01 00:10:00.000000", "2014-01-01 00:19:30.000000"]'
    (folder / "labels" / "combined_windows.json").write_text('{"real/one.csv": [' + window + "]}")
    (series,) = data.nab(tmp_path)
    assert (series.windows, len(series.values)) == (((10, 19),), 60)


class Limit:
    """Scores the mean of the last 40 values of one sensor by the upper operating limit of mill-2."""

    page_limit = 1.02

    def fit(self, reference: np.ndarray) -> Limit:
        return self

    def score(self, rows: np.ndarray) -> np.ndarray:
        vibration = np.nan_to_num(rows[:, SENSORS.index("vibration_x")])
        return np.convolve(vibration, np.full(40, 1 / 40))[: len(rows)] / 2.648


@pytest.mark.slow
def test_a_limit_of_the_level_finds_wear_when_the_level_passes_it() -> None:
    found = simulated.wear(Limit(), [7], days=3.5)
    assert (found["flag"]["found"], found["page"]["found"]) == (1, 1)
    assert -4 < found["page"]["least"] < found["flag"]["least"] < 5


@pytest.mark.slow
def test_breaches_of_healthy_plants_are_counted_a_plant_day_and_a_machine_and_month() -> None:
    found = simulated.healthy(Threshold(), [7], days=2.0)  # forces are always above 1, and vary above 2
    flagged = found["flag"]
    streams = plant.healthy(7, days=2.0)
    assert flagged["false_breaches"] == sum(len(stream.values) > simulated.WARM_UP + 5 for stream in streams)
    assert flagged["a_plant_day"] == flagged["false_breaches"] / 2
    assert flagged["a_machine_and_month"] == pytest.approx(flagged["a_plant_day"] / 6 * 30.44, abs=0.01)
