"""A plant for the tests of alerts."""

from __future__ import annotations

from pathlib import Path

import pytest
from alert_plant import PLANT

from monitor.plant import Plant
from monitor.plant_file import parse


@pytest.fixture
def good_plant(tmp_path: Path) -> Plant:
    """A plant without any change of the alerts."""
    return parse(PLANT, tmp_path, {}).plant
