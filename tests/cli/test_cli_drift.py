"""`gatewatch drift`: what the board says, references and their versions, and usage errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_kit import gatewatch

from detectors.shared.wasserstein import wasserstein

pytestmark = pytest.mark.process

SMALL = ("--set", "drift.reference_rows=150", "--set", "drift.window_rows=40")


def no_reports() -> None:
    """For `before`: Evidently's three reports take ten times as long as all else; test_jobs_report.py is about them."""
    from monitor.jobs import report

    report.write_report = lambda *_: None  # type: ignore[assignment]


@pytest.fixture(scope="module")
def judged(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plant file of a plant whose drift was judged; tests may add references."""
    wasserstein(np.arange(3.0), np.arange(3.0))  # SciPy's import is paid here once, not in every forked command
    plant = Path(shutil.copytree(taught, tmp_path_factory.mktemp("judged") / "plant")) / "plant.yaml"
    said = gatewatch("once", plant, *SMALL, before=no_reports)
    assert said.code == 0, said.err
    return plant


def test_show_prints_each_feature_with_value_and_limit(judged: Path) -> None:
    said = gatewatch("drift", "show", "forging", "-p", judged)
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].startswith("forging  chart  worst feature  worst_ratio ")
    assert sum(line.startswith("forging  drift  worst feature  worst_ratio ") for line in lines) == 1
    assert sum("hardness  cusum" in line and " against " in line for line in lines) == 1
    assert sum("hardness  wasserstein" in line and " against " in line for line in lines) == 1
    assert all(line.startswith("forging  ") for line in lines)


def test_show_as_data_has_every_step(judged: Path) -> None:
    rows = json.loads(gatewatch("drift", "show", "--json", "-p", judged).out)
    assert {r["subject"] for r in rows} == {"forging", "machining", "coating", "inspection"}
    assert {r["detector"] for r in rows} == {"chart", "drift", "image_drift"}
    assert {r["method"] for r in rows} == {
        "cusum", "rule_1", "wasserstein", "missing_rate", "worst_slice", "explained_by_mix", "worst_ratio",
    }  # fmt: skip


def test_freeze_adds_a_version_once_and_list_shows_it(judged: Path) -> None:
    before = json.loads(gatewatch("drift", "list", "--json", "-p", judged).out)
    assert ("drift", "forging", 1) in [(r["detector"], r["subject"], r["version"]) for r in before]
    said = gatewatch(
        "drift", "freeze", "forging", "--cause", "new die", "-p", judged, "--set", "drift.reference_rows=140"
    )
    assert (said.code, said.out.split(",")[:2]) == (0, ["forging: version 2", " 140 rows"])
    again = gatewatch("drift", "freeze", "forging", "-p", judged, "--set", "drift.reference_rows=140", "--json")
    assert json.loads(again.out)["version"] == 2, "the same rows are the same version"
    assert "forging  drift  version 2  140 rows" in gatewatch("drift", "list", "-p", judged).out
    assert "new die" in gatewatch("drift", "list", "-p", judged).out


WRONG = {
    "show of an unknown step": (("show", "welding"), "the plant file has no such step; it has forging"),
    "freeze of an unknown step": (("freeze", "welding"), "the plant file has no such step"),
    "report of an unknown step": (("report", "welding"), "the plant file has no such step"),
    "freeze of a step without parts": (("freeze", "testing"), "fewer than 500 parts so far"),
}


@pytest.mark.parametrize(("arguments", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_a_sentence(arguments: tuple[str, ...], sentence: str, judged: Path) -> None:
    said = gatewatch("drift", *arguments, "-p", judged)
    assert said.code == 2
    assert sentence in said.err
    assert "Traceback" not in said.err


def test_a_report_of_a_step_without_parts_fails_with_a_sentence(judged: Path) -> None:
    said = gatewatch("drift", "report", "testing", "-p", judged)
    assert (said.code, said.err.strip().splitlines()[-1]) == (3, "gatewatch: step 'testing': no part has passed it yet")


def test_before_anything_was_judged_it_says_so(plant: Path) -> None:
    gatewatch("store", "upgrade", "-p", plant)
    assert "no findings yet" in gatewatch("drift", "show", "-p", plant).out
    assert "no references" in gatewatch("drift", "list", "-p", plant).out
