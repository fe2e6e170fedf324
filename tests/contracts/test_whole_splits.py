"""How a history is cut into batches and slots changes nothing of what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from plant_kit import QUICK, SOURCES, copied, run_replay
from whole_kit import WHOLE, agreed

pytestmark = pytest.mark.process


def _every(interval: str) -> tuple[str, ...]:
    return tuple(f"sources.{source}.every={interval}" for source in SOURCES)


CASES = {
    "batches of nineteen rows": ("store.batch_rows=19",),
    "batches of fifty rows, states saved often": ("store.batch_rows=50", "store.snapshot_rows=40"),
    "slots of five minutes": _every("5m"),
    "slots of half an hour in single batches": (*_every("30m"), "store.batch_rows=100000"),
}


IN_SHORT = "batches of nineteen rows"
"""The most different from the whole."""


@pytest.mark.parametrize(
    "overrides",
    [pytest.param(case, id=name, marks=[pytest.mark.soak] * (name != IN_SHORT)) for name, case in CASES.items()],
)
def test_any_split_of_a_history_gives_the_same(
    overrides: tuple[str, ...], with_models: Path, whole_run: Path, tmp_path: Path
) -> None:
    plant = copied(with_models, tmp_path / "plant")
    assert run_replay(plant, WHOLE, (*QUICK, *overrides)) == []
    whole, split = agreed(whole_run), agreed(plant)
    assert len(whole["decisions"]) > 15
    assert len(whole["readings"]) > 1000
    assert whole["findings"]
    assert any('"hold"' not in line for line in whole["decisions"])
    for what, lines in whole.items():
        assert split[what] == lines, f"{what} depend on the split"
