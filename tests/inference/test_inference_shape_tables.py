"""The kind `shape` on tables outside any plant: columns in any order, categories, groups, what it cannot take."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from inference_parts import POINTS, make_parts

from inference import packaging
from inference.standalone.scoring import score
from inference.standalone.tables import Roles
from inference.standalone.task import Task
from inference.standalone.training import train_on
from monitor.errors import UsageError


def table(path: Path, count: int, seed: int) -> Path:
    """Points out of order among covariates, a machine by name, a lot; the machine shifts the outcome."""
    rows, target, _, _ = make_parts(count, seed)
    machines = np.random.default_rng(seed).integers(0, 3, count)
    order = np.random.default_rng(2).permutation(POINTS)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["machine", *(f"h{i:02d}" for i in order), "hardness", "length", "lot"])
        for i in range(count):
            length = target[i] + [0.0, 0.6, -0.4][machines[i]]
            writer.writerow(
                [["lathe", "mill", "anvil"][machines[i]], *rows[i, order], rows[i, POINTS], length, f"L{i // 4}"]
            )
    return path


@pytest.mark.slow
def test_a_table_with_a_profile_and_a_category_is_learnt_with_all_its_parts(tmp_path: Path) -> None:
    path = table(tmp_path / "parts.csv", 240, 1)
    outcome = train_on(path, Task("shape", Roles("length", "lot")))
    assert outcome.model.inputs == (*(f"h{i:02d}" for i in range(POINTS)), "hardness", "machine")
    assert outcome.model.categories == {"machine": ("anvil", "lathe", "mill")}
    assert outcome.model.contents.entries["sizes"]["profile"] == POINTS  # type: ignore[index]
    assert len(outcome.model.contents.tensors["gp_weights"]) == 240, "the final model is fitted to all"
    assert outcome.model.metrics.training_rows < 200
    packaging.save(outcome.model, tmp_path / "m")
    fresh = table(tmp_path / "fresh.csv", 400, 2)
    lines = list(score(tmp_path / "m", fresh))
    with fresh.open(encoding="utf-8", newline="") as file:
        truth = np.array([float(row["length"]) for row in csv.DictReader(file)])
    value, lower, upper = (np.array([line[key] for line in lines]) for key in ("value", "lower", "upper"))
    assert 1 - np.var(truth - value) / np.var(truth) > 0.9
    # one draw of 240 parts; the mean over draws is tested with the regression
    assert np.mean((truth >= lower) & (truth <= upper)) == pytest.approx(0.9, abs=0.1)


def test_too_few_columns_of_numbers_are_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "parts.csv"
    lines = [f"{'ab'[i % 2]},{i * i % 17},{i * 0.5}" for i in range(100)]
    path.write_text("\n".join(["machine,x,y", *lines]))
    with pytest.raises(UsageError, match="has 1 columns of numbers beside the target; the kind shape needs at least 3"):
        train_on(path, Task("shape", Roles("y")))
