"""Packages: what is saved comes back to the last bit, and nothing damaged, changed or foreign is ever used."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inference_parts import INPUTS, make_parts
from package_kit import cut, flip_byte
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes

from inference import packaging
from inference.mlmodel import MLMODEL
from inference.packaging import MANIFEST, WEIGHTS
from inference.training import TrainedModel
from monitor.errors import ModelError, ModelReason

Package = tuple[Path, str]
ROWS = make_parts(50, seed=8)[0]


@pytest.fixture
def folder(package: Package, tmp_path: Path) -> Path:
    """A copy of the package that a test may damage."""
    return Path(shutil.copytree(package[0], tmp_path / "copy"))


@pytest.mark.slow
def test_a_loaded_model_predicts_the_same_bits_as_the_one_that_was_trained(
    package: Package, trained: TrainedModel
) -> None:
    loaded = packaging.load(*package)
    fresh = trained.model(package[1])
    assert list(loaded.predict(ROWS)) == list(fresh.predict(ROWS))
    assert (loaded.inputs, loaded.digest, loaded.skill) == (INPUTS, package[1], trained.metrics.skill)
    assert loaded.coverage == 0.9


@pytest.mark.slow
def test_a_prediction_recomputed_from_its_stored_inputs_agrees_within_a_millionth(package: Package) -> None:
    stored = json.loads(json.dumps([dict(zip(INPUTS, row, strict=True)) for row in ROWS.tolist()]))
    first = packaging.load(*package).predict(ROWS)
    for row, was in zip(stored, first, strict=True):
        (again,) = packaging.load(*package).predict(np.array([[row[name] for name in INPUTS]]))
        assert again.value == pytest.approx(was.value, abs=1e-6)
        assert again == was


def test_the_digest_is_that_of_the_manifest_and_the_same_model_gives_the_same_bytes(
    package: Package, trained: TrainedModel, tmp_path: Path
) -> None:
    assert packaging.save(trained, tmp_path / "again") == package[1]
    assert hashlib.sha256((package[0] / MANIFEST).read_bytes()).hexdigest() == package[1]
    for name in (MANIFEST, WEIGHTS, MLMODEL):
        assert (tmp_path / "again" / name).read_bytes() == (package[0] / name).read_bytes()


def test_the_manifest_is_canonical_and_says_what_the_model_was_made_of(package: Package, trained: TrainedModel) -> None:
    content = (package[0] / MANIFEST).read_bytes()
    found = json.loads(content)
    assert packaging.canonical(found) == content
    assert found["inputs"] == list(INPUTS)
    assert found["data_digest"] == trained.data_digest
    assert found["metrics"]["rows"] == 400
    assert packaging.verify(package[0]).metrics["r2"] == trained.metrics.quality["r2"]


def edit_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        change(manifest)
        (folder / MANIFEST).write_text(json.dumps(manifest))

    return edit


def edit_weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    """Change the weights and make the manifest name them: only their content is wrong."""

    def edit(folder: Path) -> None:
        tensors = from_bytes((folder / WEIGHTS).read_bytes())
        change(tensors)
        forge(folder, to_bytes(tensors))

    return edit


def forge(folder: Path, weights: bytes) -> None:
    (folder / WEIGHTS).write_bytes(weights)
    edit_manifest(lambda m: m.update(weights_sha256=hashlib.sha256(weights).hexdigest()))(folder)


DAMAGE: list[tuple[str, Callable[[Path], object], ModelReason, str]] = [
    ("the folder is gone", shutil.rmtree, ModelReason.NOT_FOUND, "no readable manifest.json"),
    ("the manifest is gone", lambda f: (f / MANIFEST).unlink(), ModelReason.NOT_FOUND, "no readable manifest.json"),
    ("the weights are gone", lambda f: (f / WEIGHTS).unlink(), ModelReason.NOT_FOUND, "no readable weights"),
    (
        "the weights are a folder",
        lambda f: ((f / WEIGHTS).unlink(), (f / WEIGHTS).mkdir()),
        ModelReason.NOT_FOUND,
        "no readable weights",
    ),
    ("the weights are cut in half", lambda f: cut(f / WEIGHTS, 0.5), ModelReason.CORRUPT, "does not match the digest"),
    ("the weights are empty", lambda f: cut(f / WEIGHTS, 0), ModelReason.CORRUPT, "does not match the digest"),
    (
        "one bit of a weight flipped",
        lambda f: flip_byte(f / WEIGHTS, -100),
        ModelReason.CORRUPT,
        "does not match the digest",
    ),
    ("the signature is gone", lambda f: (f / MLMODEL).unlink(), ModelReason.NOT_FOUND, "no readable MLmodel"),
    ("one bit of the signature", lambda f: flip_byte(f / MLMODEL, 9), ModelReason.CORRUPT, "MLmodel does not match"),
    ("the manifest is cut in half", lambda f: cut(f / MANIFEST, 0.5), ModelReason.CORRUPT, "cannot be read"),
    ("the manifest is empty", lambda f: cut(f / MANIFEST, 0), ModelReason.CORRUPT, "cannot be read"),
    (
        "the manifest is no text",
        lambda f: (f / MANIFEST).write_bytes(b"\xff\xfe\x00"),
        ModelReason.CORRUPT,
        "cannot be read",
    ),
    ("the manifest is another JSON", lambda f: (f / MANIFEST).write_text("[1]"), ModelReason.CORRUPT, "cannot be read"),
    ("a key is missing", edit_manifest(lambda m: m.pop("inputs")), ModelReason.CORRUPT, "at inputs"),
    ("a key is unknown", edit_manifest(lambda m: m.update(hook="os.system")), ModelReason.CORRUPT, "at hook"),
    (
        "a limit is NaN",
        edit_manifest(lambda m: m["calibration"].update(distance_limit=float("nan"))),
        ModelReason.CORRUPT,
        "distance_limit",
    ),
    (
        "an interval is negative",
        edit_manifest(lambda m: m["regression"].update(quantile=-1)),
        ModelReason.CORRUPT,
        "quantile",
    ),
    (
        "a network that would fill the memory",
        edit_manifest(lambda m: m["sizes"].update(hidden=10**9)),
        ModelReason.CORRUPT,
        "sizes.hidden",
    ),
    ("a later format", edit_manifest(lambda m: m.update(format=2)), ModelReason.MISMATCH, "format 2, expected 1"),
    (
        "another architecture",
        edit_manifest(lambda m: m.update(architecture="cnn")),
        ModelReason.MISMATCH,
        "'cnn', expected 'classifier', 'ensemble', 'forecast', 'image', 'shape'",
    ),
    ("an input too few", edit_manifest(lambda m: m["inputs"].pop()), ModelReason.MISMATCH, "names 39 inputs"),
    ("another size", edit_manifest(lambda m: m["sizes"].update(hidden=16)), ModelReason.MISMATCH, "do not fit"),
    (
        "weights that are no safetensors",
        lambda f: forge(f, b"\x80\x04pickled"),
        ModelReason.CORRUPT,
        "not a safetensors",
    ),
    ("a tensor is missing", edit_weights(lambda t: t.pop("code.bias")), ModelReason.MISMATCH, "code.bias"),
    ("a tensor too many", edit_weights(lambda t: t.update(extra=torch.zeros(1))), ModelReason.MISMATCH, "extra"),
    (
        "single precision",
        edit_weights(lambda t: t.update({"code.bias": t["code.bias"].float()})),
        ModelReason.MISMATCH,
        "code.bias",
    ),
    ("a weight is NaN", edit_weights(lambda t: t["code.bias"].fill_(torch.nan)), ModelReason.CORRUPT, "not finite"),
]


@pytest.mark.parametrize(("damage", "reason", "words"), [c[1:] for c in DAMAGE], ids=[c[0] for c in DAMAGE])
def test_a_damaged_package_is_refused_in_one_sentence(
    folder: Path, damage: Callable[[Path], object], reason: ModelReason, words: str
) -> None:
    damage(folder)
    with pytest.raises(ModelError, match=words) as caught:
        packaging.load(folder)
    assert caught.value.reason is reason
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tampered_package_that_agrees_with_itself_is_refused_by_its_digest(folder: Path, package: Package) -> None:
    edit_weights(lambda t: t["gp_target"].mul_(2))(folder)
    packaging.load(folder)
    for look in (packaging.load, packaging.verify):
        with pytest.raises(ModelError, match="it was changed or is another version") as caught:
            look(folder, package[1])
        assert caught.value.reason is ModelReason.MISMATCH


def test_a_file_too_large_to_be_weights_is_not_read(folder: Path) -> None:
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(2**40)  # a sparse file: no space is used
    with pytest.raises(ModelError, match="larger than"):
        packaging.load(folder)


def test_saving_replaces_what_is_there_and_leaves_no_draft(folder: Path, trained: TrainedModel) -> None:
    cut(folder / WEIGHTS, 0.5)
    (folder / "stray").touch()
    digest = packaging.save(trained, folder)
    assert packaging.load(folder, digest).digest == digest
    assert sorted(p.name for p in folder.parent.iterdir()) == [folder.name]
    assert sorted(p.name for p in folder.iterdir()) == sorted([MANIFEST, WEIGHTS, MLMODEL])


def test_a_failed_write_leaves_what_was_there_and_no_draft(
    folder: Path, package: Package, trained: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packaging.os, "fsync", full)
    with pytest.raises(ModelError, match="cannot be written: No space left on device"):
        packaging.save(trained, folder)
    monkeypatch.undo()
    assert packaging.load(folder, package[1]).digest == package[1]
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_cannot_be_made_is_one_sentence(trained: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="cannot be written: File exists"):
        packaging.save(trained, tmp_path / "file" / "package")


def test_a_copy_is_verified_before_anything_is_written(folder: Path, package: Package, tmp_path: Path) -> None:
    flip_byte(folder / WEIGHTS, -1)
    with pytest.raises(ModelError, match="corrupt"):
        packaging.copy(folder, tmp_path / "target", package[1])
    assert not (tmp_path / "target").exists()


def test_no_source_of_this_folder_can_unpickle() -> None:
    for source in Path(packaging.__file__).parent.rglob("*.py"):
        text = source.read_text()
        assert "import pickle" not in text, source
        assert text.count("torch.load(") == text.count("weights_only=True"), source
        assert "allow_pickle=True" not in text, source
