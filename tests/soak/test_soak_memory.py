"""Memory does not grow with history."""

from __future__ import annotations

from pathlib import Path

import pytest
from plant_kit import copied
from soak_plant import corrections
from soak_runs import HOURS, Cost, measured, replay_all

_ALLOWED_BYTES = 48 * 1024 * 1024
"""What allocators and caches may differ by; five more days of readings in memory would take several times that."""


@pytest.mark.soak
def test_six_days_of_replay_need_no_more_memory_than_one(
    trained: Path, undisturbed: tuple[Path, Cost], tmp_path: Path
) -> None:
    plant = copied(trained, tmp_path / "plant")
    # Under as many plant files as the six days: what each of them leaves behind is not history.
    files = sum(1 for _ in corrections(HOURS))
    one = measured(lambda: [replay_all(plant, 24.0 * (number + 1) / files) for number in range(files)])
    _, six = undisturbed
    print(
        f"peak memory: {one.peak_bytes / 2**20:.0f} MiB after 1 day, {six.peak_bytes / 2**20:.0f} after {HOURS:.0f} h"
    )
    assert six.peak_bytes - one.peak_bytes < _ALLOWED_BYTES
