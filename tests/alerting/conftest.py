"""A plant for the tests of alerts."""

from __future__ import annotations

from pathlib import Path

import pytest
from alert_plant import PLANT

from monitor.plant.file.load import parse
from monitor.plant.plant import Plant


@pytest.fixture
def good_plant(tmp_path: Path) -> Plant:
    """A plant without any change of the alerts."""
    return parse(PLANT, tmp_path, {}).plant
