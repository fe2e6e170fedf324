"""Every kind of gate model keeps the contract of `inference.models.kind.ModelKind`; a kind added by one line does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import model_kind as suite
import numpy as np
import pytest

from inference import packaging
from inference.child import run_job, train_and_package
from inference.kinds import KINDS, OF_CLASSES
from monitor.gate_models.training_child import write_job
from monitor.gate_models.training_set import TrainingSet
from monitor.plant.gates import GateConfig

NAMES = (*(kind for kind in KINDS if kind not in OF_CLASSES), "linear")
"""The kinds that predict a number; for classes see `test_class_kinds`, for pictures `test_inference_image`."""


@pytest.fixture(scope="module", autouse=True)
def _roster() -> object:
    """The line that adds a kind to the plant file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, "linear", "linear_kind")
        yield


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, suite.Case]:
    """By kind; what is made of a case is made once."""
    return {name: suite.Case(name, tmp_path_factory.mktemp(name)) for name in NAMES}


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, cases: dict[str, suite.Case]) -> suite.Case:
    return cases[request.param]


@pytest.mark.parametrize(
    ("case", "check"),
    [(name, check) for name in NAMES for check in suite.checks_of(name)],
    indirect=["case"],
    ids=lambda value: value if isinstance(value, str) else value.__name__.removeprefix("check_"),
)
@pytest.mark.slow
def test_the_contract_holds(case: suite.Case, check: Callable[[suite.Case], None]) -> None:
    check(case)


def test_a_gate_of_the_plant_file_is_trained_with_its_kind(case: suite.Case) -> None:
    """From the key in the plant file through the training child's work to the package that is registered."""
    gate = GateConfig.model_validate(
        {
            "step": "forge", "characteristic": "tip", "model": "m", "kind": case.kind,
            "profile": list(suite.INPUTS[: suite.POINTS]), "covariates": list(suite.INPUTS[suite.POINTS :]),
            "training": {"epochs": 40},
        }
    )  # fmt: skip
    learnt, words = suite.LEARNT, ("",) * len(suite.LEARNT)
    known = (datetime(2026, 3, 1, tzinfo=UTC),) * len(learnt)
    data = TrainingSet(
        learnt.rows, learnt.target, tuple(learnt.serials), np.empty((len(learnt), 0)), known, words, words, words,
        tuple(range(len(learnt))), known,
    )  # fmt: skip
    write_job(case.folder, gate, data)
    result = json.loads(json.dumps(train_and_package(case.folder)))
    model = packaging.load(case.folder / "package", result["digest"])
    assert (model.inputs, model.skill) == (gate.inputs(), result["metrics"]["skill"])
    assert packaging.verify(case.folder / "package").architecture == case.kind


def test_outcomes_of_no_part_that_is_known_are_too_few_to_train_on(tmp_path: Path) -> None:
    gate = GateConfig.model_validate({"step": "forge", "characteristic": "tip", "model": "m", "profile": [*"abcd"]})
    nothing = np.empty(0)
    write_job(tmp_path, gate, TrainingSet(np.empty((0, 4)), nothing, (), np.empty((0, 0)), (), (), (), (), (), ()))
    run_job(tmp_path)
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["reason"] == "too_few_rows"
    assert result["error"].startswith("too few rows to train")
