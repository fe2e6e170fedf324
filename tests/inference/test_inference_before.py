"""A package written before there were kinds of gate models still loads, and predicts what it predicted."""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from inference import packaging

BEFORE = Path(__file__).parent / "package_before"


def test_a_package_of_the_version_before_predicts_what_it_predicted() -> None:
    recorded = json.loads((BEFORE / "predictions.json").read_text())
    model = packaging.load(BEFORE / "package", recorded["digest"])
    rows = np.array(recorded["rows"], dtype=np.float64)
    assert np.isnan(rows).any(), "missing inputs are filled as they were"
    # Another processor may add in another order: the last digits only.
    again = [astuple(prediction)[:5] for prediction in model.predict(rows)]
    np.testing.assert_allclose(again, recorded["predictions"], rtol=1e-9)
    for name in ("skill", "coverage", "max_missing"):
        assert getattr(model, name) == pytest.approx(recorded[name])
    assert (model.inputs, model.needed) == (tuple(recorded["inputs"]), tuple(recorded["needed"]))
