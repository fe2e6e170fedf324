"""A ranking as text, JSON and a page: against golden files, and whatever names hold."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporters.report.ranking.page import steps_page
from exporters.report.ranking.values import LossKind, RankedStep, StepFigures, StepRanking
from monitor.reports.step_text import as_text, as_values

GOLDEN = Path(__file__).parents[2] / "golden" / "steps"
EVIL = "</script><script>alert(1)</script>\x1b[31m\ud800"
RANKING = StepRanking(
    "width", "mm", datetime(2026, 3, 2, 12, tzinfo=UTC), 300, 20, True, LossKind.SQUARED_ERROR, 0.85,
    (
        RankedStep("press", 300, "width", StepFigures(4, 0.375, 0.3, 0.45, 0.0002, 0.0006, 0.53, 0.375, True), True),
        RankedStep("wash", 298, "", StepFigures(1, -0.0004, -0.01, 0.008, 0.6, 0.6, 0.53, 0.0, False)),
        RankedStep("camera", 300, "look", StepFigures(3, -0.4, -1.2, 0.3, 0.001, 0.002, 0.53, 0.0, False)),
        RankedStep("paint", 300, "", StepFigures(1, 0.25, 0.2, 0.3, 0.0002, 0.0006, 0.4, 0.156, True), True),
        RankedStep("dry", 300, "", StepFigures(1, 0.004, -0.0003, 0.01, 0.0002, 0.0006, 0.4, 0.002, True)),
        RankedStep("pack", 12, "", unranked="only 12 parts passed it, 30 are needed"),
    ),
)  # fmt: skip
CLASSES = replace(RANKING, characteristic="leak", unit="", loss_kind=LossKind.LOG_LOSS, are_lots=False)


def _compare(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), "if meant: UPDATE_GOLDEN=1 pytest, then look at the difference"


def test_what_is_printed_is_as_committed() -> None:
    _compare("ranking.txt", "\n\n".join([as_text(RANKING), as_text(CLASSES)]) + "\n")
    _compare("ranking.json", json.dumps([as_values(RANKING), as_values(CLASSES)], indent=1, default=str) + "\n")


def test_the_page_is_as_committed() -> None:
    page = steps_page("north", [RANKING, CLASSES], {"colour": "characteristic 'colour': no part has an outcome yet"})
    _compare("ranking.html", page.replace("><", ">\n<"))


def test_names_are_escaped() -> None:
    named = replace(RANKING, characteristic=EVIL, steps=(replace(RANKING.steps[0], step=EVIL, gate=EVIL),))
    assert "\x1b" not in as_text(named)
    assert "<script" not in steps_page(EVIL, [named], {EVIL: EVIL})


@pytest.mark.parametrize("unranked", [True, False], ids=["no step could be ranked", "no steps"])
def test_a_ranking_without_figures_is_still_a_page(unranked: bool) -> None:
    steps = (RankedStep("pack", 0, "", unranked="it has no values"),) if unranked else ()
    page = steps_page("north", [replace(RANKING, steps=steps)], {})
    assert "0 of" in page
    assert as_text(replace(RANKING, steps=steps)).startswith("width: 300 parts in 20 lots\n")
