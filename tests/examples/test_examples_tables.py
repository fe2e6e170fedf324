"""The classifier on whole real tables, as its benchmark measures it: `make soak`.

`make test` takes the first parts of them through the whole chain (test_examples_ai4i2020.py, test_examples_secom.py),
and the contract of the kinds holds that what has nothing to do with the inputs gives no skill.
"""

from __future__ import annotations

import pytest
from examples_kit import data

from benchmarks.bench_models_table import ai4i, secom

pytestmark = pytest.mark.soak


def test_failures_of_the_last_quarter_are_told_by_the_first_three() -> None:
    found = ai4i(data("ai4i2020").parent)
    last = found["last_quarter"]
    assert last["auroc"] >= 0.95
    assert last["brier_skill"] > 0.5
    assert last["out_of_distribution"] < 0.02
    assert abs(found["training"]["skill"] - last["skill"]) < 0.15
    rare = last["reliability"][0]
    assert rare["parts"] > 1400
    assert abs(rare["predicted"] - rare["happened"]) < 0.004


def test_no_skill_is_claimed_on_secom() -> None:
    assert secom(data("secom").parent)["training"]["skill"] <= 0
