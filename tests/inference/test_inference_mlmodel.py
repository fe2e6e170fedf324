"""The file MLmodel of packages: MLflow reads the signature back, and packages without one go on."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from inference_parts import INPUTS

from inference import packaging
from inference.mlmodel import MLMODEL, mlmodel
from inference.packaging import HELD_OUT, MANIFEST, WEIGHTS

Package = tuple[Path, str]
OUTPUTS = ["value", "lower", "upper", "distance", "distance_limit"]


def read(folder: Path) -> Any:
    from mlflow.models import Model

    return Model.load(folder)


def test_mlflow_reads_the_signature_of_a_package(package: Package) -> None:
    found = read(package[0])
    assert [(c.name, c.type.name, c.required) for c in found.signature.inputs] == [(n, "double", True) for n in INPUTS]
    assert [(c.name, c.type.name) for c in found.signature.outputs] == [(name, "double") for name in OUTPUTS]
    assert found.flavors == {"gatewatch": {"architecture": "shape", "files": [MANIFEST, WEIGHTS]}}


@pytest.mark.parametrize(
    ("kind", "inputs", "categories", "types", "more"),
    [
        pytest.param("ensemble", ("a.b", "lot", "größe"), {"lot"}, ["double", "string", "double"], [], id="of rows"),
        pytest.param("classifier", ("a",), (), ["double"], ["Array(double)"], id="of classes"),
        pytest.param("image", ("image",), (), ["binary"], ["Array(double)"], id="of pictures"),
    ],
)  # fmt: skip
def test_the_types_of_every_kind(
    tmp_path: Path, kind: str, inputs: tuple[str, ...], categories: set[str], types: list[str], more: list[str]
) -> None:
    (tmp_path / MLMODEL).write_bytes(mlmodel(kind, inputs, categories, (MANIFEST, WEIGHTS, HELD_OUT)))
    signature = read(tmp_path).signature
    assert [c.name for c in signature.inputs] == list(inputs)
    assert [c.type.name for c in signature.inputs] == types
    assert [str(c.type) for c in signature.outputs][len(OUTPUTS) :] == more


def test_mlflow_finds_nothing_in_a_package_that_it_could_run(package: Package) -> None:
    import mlflow

    with pytest.raises(mlflow.exceptions.MlflowException, match="python_function"):
        mlflow.pyfunc.load_model(str(package[0]))


def without_signature(folder: Path) -> str:
    """Make it a package as it was before there were signatures; returns its digest."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    del manifest["mlmodel_sha256"]
    (folder / MANIFEST).write_bytes(packaging.canonical(manifest))
    (folder / MLMODEL).unlink()
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def test_a_package_of_before_is_verified_loaded_and_copied(package: Package, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(package[0], tmp_path / "old"))
    digest = without_signature(folder)
    assert packaging.load(folder, digest).digest == digest
    packaging.copy(folder, tmp_path / "copy", digest)
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == sorted([MANIFEST, WEIGHTS])
