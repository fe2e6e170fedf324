"""Plants compared by their results: what stands out is told, and what cannot be judged is said."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from engine_kit import simulated_lake
from plant_kit import START

from monitor.cli import cli
from monitor.engine.fleet.machines import LEAST, compare_machines, robust_z, summed
from monitor.engine.fleet.models import GateParts, compare_models, why_not
from monitor.engine.fleet.sites import Spans, model_figures, site_figures
from monitor.plant.file.load import load

pytestmark = pytest.mark.own_process

T0 = datetime(2026, 3, 2, tzinfo=UTC)


def windows(means: dict[str, float], sensor: str = "force") -> pa.Table:
    """Two windows of a machine at each site, of ten samples, one of them missing."""
    rows = [
        {"site": site, "machine": "forge-1", "sensor": sensor, "rows": 10, "missing": 1, "total": 9 * mean}
        for site, mean in means.items()
        for _ in range(2)
    ]
    return pa.Table.from_pylist(rows)


def test_a_machine_unlike_those_of_other_sites_stands_out() -> None:
    means = {f"s{i}": 100.0 + i for i in range(6)} | {"odd": 200.0}
    found = compare_machines(summed(windows(means).to_batches(max_chunksize=3)), {"forge-1": "forge-1"})
    first = found[0]
    assert (first.site, first.machine, first.mean, first.median, first.samples) == ("odd", "forge-1", 200.0, 103.0, 18)
    assert first.machines == 7
    assert first.z == pytest.approx((200 - 103) / (1.4826 * 2))
    assert all(abs(one.z or 0) < 3.5 for one in found[1:])


def test_too_few_machines_or_no_spread_are_not_judged() -> None:
    assert robust_z(np.arange(LEAST - 1.0)) == [None] * (LEAST - 1)
    assert robust_z(np.array([1.0] * 6 + [9.0])) == [None] * 7
    assert robust_z(np.array([])) == []


def test_a_sites_rates_are_of_its_own_span() -> None:
    spans = Spans({"a": 2, "b": 2}, {"a": (T0, T0 + timedelta(days=3)), "b": (T0, T0 + timedelta(days=1))})
    breach = {"status": "breach", "detector": "limits"}
    findings = [{"site": "a", **breach}] * 6 + [{"site": "b", **breach}, {"site": "a", "status": "ok", "detector": "x"}]
    drift = {"detector": "drift", "method": "worst_ratio", "feature": "", "subject": "forging"}
    board = [
        {"site": "a", **drift, "status": "breach", "value": 1.5},
        {"site": "b", **drift, "status": "ok", "value": None},
    ]
    a, b = site_figures(spans, findings, board, Counter({("a", "hold"): 1, ("a", "continue"): 3}))
    assert (a.breaches_per_machine_day, b.breaches_per_machine_day) == (1.0, 0.5)
    assert (a.drifting, a.steps, a.drift, a.decisions, a.held) == (1, 1, 1.5, 4, 0.25)
    assert (b.drifting, b.drift, b.decisions, b.held) == (0, None, 0, None)
    skill = {"site": "a", "detector": "performance", "subject": "forging", "feature": "", "method": "skill"}
    (of_gate,) = model_figures([{**skill, "value": 0.4}])
    assert (of_gate.gate, of_gate.skill, of_gate.mean_absolute_error) == ("forging", 0.4, None)


def parts(seed: int, slope: float, lots: int = 16) -> GateParts:
    """Parts whose outcome is `slope` times the first input, in lots of 25."""
    chance = np.random.default_rng(seed)
    rows = chance.normal(size=(lots * 25, 2))
    target = slope * rows[:, 0] + 0.05 * chance.normal(size=len(rows))
    return GateParts(rows, target, [f"P{i}" for i in range(len(rows))], [f"L{i // 25}" for i in range(len(rows))])


@pytest.mark.slow
def test_plants_that_are_alike_do_with_one_model_and_an_unlike_one_with_its_own(tmp_path: Path) -> None:
    loaded = load(simulated_lake(tmp_path, 0, 1.0), ()).plant
    gate = loaded.gates["machining"].model_copy(update={"covariates": ["machining.tool_wear", "machining.roughness"]})
    sites = {"a": parts(1, 1.0), "b": parts(2, 1.0), "c": parts(3, 1.0), "odd": parts(4, -1.0)}
    found = {one.site: one for one in compare_models("machining", gate, sites)}
    assert set(found) == set(sites)
    assert {one.lots for one in found.values()} == {4}
    assert found["odd"].better == "own"
    assert found["odd"].own is not None
    assert found["odd"].own < 0.3 < found["odd"].shared
    assert found["a"].own is not None
    assert found["a"].own < found["a"].naive
    assert why_not(loaded.gates["inspection"]) == "it predicts no number"
    assert why_not(loaded.gates["machining"]) is None


@pytest.mark.soak
def test_the_commands_judge_and_compare_two_plants(tmp_path: Path) -> None:
    file = simulated_lake(tmp_path, 2, 1.0)
    common = ["--format", "parquet", "--set", "gates.inspection.since=2100-01-01T00:00:00Z"]

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(cli, [*arguments, *common], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    folders = str(tmp_path / "raw"), str(tmp_path / "judged"), str(tmp_path / "fleet")
    rows = json.loads(
        said("backfill", str(file), "--from", folders[0], "--to", folders[1], "--no-models", "--json",
             "--start", START.isoformat())
    )["rows"]  # fmt: skip
    assert min(rows[name] for name in ("findings", "machine_windows", "decisions", "training_parts")) > 0
    compared = json.loads(said("fleet", str(file), "--from", folders[1], "--to", folders[2], "--json"))
    assert [site["site"] for site in compared["fleet_sites"]] == ["site-0", "site-1"]
    assert sum(site["decisions"] for site in compared["fleet_sites"]) == rows["decisions"]
    assert len(compared["fleet_machines"]) == 2 * 6 * 8
    assert (tmp_path / "fleet" / "fleet_machines" / "rows.parquet").exists()
    text = said("fleet", str(file), "--from", folders[1])
    assert "96 sensors are not judged: too few machines of their type, or no spread" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "nowhere"), "nowhere is no folder; expected one with a table for each source"),
        (("--from", "."), ". has no table of a source; expected Delta or Parquet tables named historian, "),
        (("--from", ".", "--start", "2026-01-02", "--end", "2026-01-01"), "is not before --end"),
    ],
)
def test_a_wrong_use_is_said_in_a_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = simulated_lake(tmp_path, 0, 1.0)
    monkeypatch.chdir(tmp_path)
    command = ["backfill", str(file), "--to", "out", "--no-models", "--format", "parquet", *arguments]
    done = CliRunner().invoke(cli, command)
    assert done.exception is not None
    assert sentence in str(done.exception)
