"""Model packages: weights as safetensors and a manifest of digests; nothing in them can run code.

A package is a folder. `manifest.json` (canonical JSON) holds the kind of the model (`architecture`), its inputs, the
training metrics, the digest of the training data, the SHA-256 of `weights.safetensors`, and the kind's own entries. Of
a kind that predicts its training parts out of fold, `held_out.json` holds these predictions; `MLmodel` is the signature
for MLflow, which nothing here reads; both with their SHA-256 in the manifest. The SHA-256 of the manifest is the
package's digest: it covers everything in the package. Packages of before have no `MLmodel`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal
from uuid import uuid4

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference.kinds import kind_names, load_kind
from inference.mlmodel import MLMODEL, mlmodel
from inference.models.kind import Contents, HeldOut, Tensors
from inference.training import TrainedModel
from monitor.errors import ModelError, ModelReason
from monitor.files import sync_folder
from monitor.model import Prediction
from monitor.ports import GateModel

MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
HELD_OUT = "held_out.json"
MOST_HELD_OUT = 2000
"""The newest parts whose predictions out of fold are kept."""
FORMAT = 1
_MAX_BYTES = 64 * 2**20  # far more than any kind needs; a shape model has some 100 kB


class Manifest(BaseModel):
    """What every `manifest.json` holds; `own` are the entries of its kind."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    format: Literal[1]
    architecture: str
    inputs: tuple[str, ...]
    metrics: dict[str, float]
    categories: dict[str, tuple[str, ...]] = {}
    target: str = ""
    data_digest: str
    weights_sha256: str
    held_out_sha256: str = ""
    mlmodel_sha256: str = ""

    @property
    def own(self) -> dict[str, object]:
        """The kind's own entries, not validated."""
        return dict(self.model_extra or {})

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each other file of the package, by its name."""
        digests = {HELD_OUT: self.held_out_sha256, MLMODEL: self.mlmodel_sha256}
        return {WEIGHTS: self.weights_sha256, **{name: digest for name, digest in digests.items() if digest}}


def save(trained: TrainedModel, folder: Path) -> str:
    """Write a package atomically and return its digest."""
    from safetensors.numpy import save as to_bytes

    weights = to_bytes({name: np.ascontiguousarray(tensor) for name, tensor in trained.contents.tensors.items()})
    described = {"categories": trained.categories, "target": trained.target}
    files = {} if trained.contents.held_out is None else {HELD_OUT: _held_out(trained.contents.held_out)}
    described["held_out_sha256"] = hashlib.sha256(files[HELD_OUT]).hexdigest() if files else ""
    files[MLMODEL] = mlmodel(trained.kind, trained.inputs, trained.categories, (MANIFEST, WEIGHTS, *files))
    described["mlmodel_sha256"] = hashlib.sha256(files[MLMODEL]).hexdigest()
    manifest = canonical(
        {
            **{name: value for name, value in described.items() if value},
            **trained.contents.entries,
            "format": FORMAT,
            "architecture": trained.kind,
            "inputs": trained.inputs,
            "metrics": trained.metrics.numbers(),
            "data_digest": trained.data_digest,
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
        }
    )
    write(folder, {**files, WEIGHTS: weights, MANIFEST: manifest})
    return hashlib.sha256(manifest).hexdigest()


def load(folder: Path, expected_digest: str | None = None) -> GateModel:
    """The model of a package, verified; ModelError where anything is missing, damaged or unexpected."""
    return load_described(folder, expected_digest)[1]


def load_described(folder: Path, expected_digest: str | None = None) -> tuple[Manifest, GateModel]:
    """The manifest of a package and its model, as `load`."""
    manifest, digest, weights = _verified(folder, expected_digest)
    contents = Contents(manifest.own, _tensors(folder, weights))
    try:
        return manifest, load_kind(manifest.architecture).load(manifest.inputs, contents, digest)
    except ValidationError as exc:
        raise _unreadable(folder, exc) from exc
    except ValueError as exc:
        raise ModelError(f"model package {folder} {exc}; train the model again", ModelReason.MISMATCH) from exc


def _held_out(held_out: HeldOut) -> bytes:
    """The newest of them: the numbers of each prediction, by serial; of pictures with their coordinates."""
    newest = slice(-MOST_HELD_OUT, None)
    numbers = [
        [p.value, p.lower, p.upper, p.distance, p.distance_limit, *p.probabilities] for p in held_out.predictions
    ]
    where = [p.coordinates for p in held_out.predictions[newest]]
    content = {"serials": list(held_out.serials[newest]), "predictions": numbers[newest]}
    return canonical({**content, "coordinates": where} if any(where) else content)


class HeldOutFile(BaseModel):
    """What `held_out.json` holds: value, lower, upper, distance, its limit, then the probabilities of classes.

    `coordinates`: those of each, where they are of pictures; none in a package made before there were embeddings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    serials: tuple[str, ...] = Field(max_length=MOST_HELD_OUT)
    predictions: tuple[tuple[float, ...], ...] = Field(max_length=MOST_HELD_OUT)
    coordinates: tuple[tuple[float, ...], ...] = Field((), max_length=MOST_HELD_OUT)


def held_out(folder: Path, expected_digest: str) -> dict[str, Prediction] | None:
    """By serial what a verified package's model said of parts that it was not fitted to; None where it does not say."""
    manifest, _, _ = _verified(folder, expected_digest)
    if not manifest.held_out_sha256:
        return None
    try:
        file = HeldOutFile.model_validate_json(_read(folder / HELD_OUT))
        rows = zip(file.serials, file.predictions, file.coordinates or ((),) * len(file.serials), strict=True)
        return {serial: _prediction(row, where) for serial, row, where in rows}
    except ValueError as exc:  # pydantic's is one too
        raise _corrupt(folder, f"{HELD_OUT} cannot be read") from exc


def _prediction(numbers: Sequence[float], coordinates: tuple[float, ...]) -> Prediction:
    value, lower, upper, distance, limit, *probabilities = numbers
    return Prediction(value, lower, upper, distance, limit, tuple(probabilities), coordinates)


def verify(folder: Path, expected_digest: str | None = None) -> Manifest:
    """The manifest of a package, all its digests verified; the kind's own entries are not checked."""
    return _verified(folder, expected_digest)[0]


def digest_of(folder: Path) -> str:
    """The digest of a verified package."""
    return _verified(folder, None)[1]


def copy(source: Path, folder: Path, expected_digest: str) -> None:
    """Copy a package to another folder atomically, verified before and after."""
    names = _verified(source, expected_digest)[0].digests
    write(folder, {name: _read(source / name) for name in (*names, MANIFEST)})
    _verified(folder, expected_digest)


def canonical(value: Mapping[str, object]) -> bytes:
    """JSON with sorted keys and no spaces, so that equal values are equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files atomically, synced to disk.

    An existing folder is replaced; a crash during that may leave none, but never an incomplete one.
    """
    draft = folder.with_name(f".{folder.name}.{uuid4().hex}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir()
        for name, content in files.items():
            with (draft / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(draft)
        _swap(draft, folder)
        sync_folder(folder.parent)
    except OSError as exc:
        shutil.rmtree(draft, ignore_errors=True)
        raise ModelError(
            f"model package {folder} cannot be written: {exc.strerror}; free space or grant access",
            ModelReason.UNREACHABLE,
        ) from exc


def _swap(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        # rename cannot replace a folder with files: move the old one away first
        old = folder.with_name(f".{folder.name}.{uuid4().hex}")
        folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def _verified(folder: Path, expected_digest: str | None) -> tuple[Manifest, str, bytes]:
    content = _read(folder / MANIFEST)
    digest = hashlib.sha256(content).hexdigest()
    if expected_digest is not None and digest != expected_digest:
        raise ModelError(
            f"model package {folder} has digest {digest[:12]}, expected {expected_digest[:12]}: "
            "it was changed or is another version; fetch it again",
            ModelReason.MISMATCH,
        )
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as exc:
        raise _unreadable(folder, exc) from exc
    if manifest.architecture not in kind_names():
        raise _unsupported(folder, "architecture", manifest.architecture, ", ".join(map(repr, kind_names())))
    files = {name: _read(folder / name) for name in manifest.digests}
    for name, sha256 in manifest.digests.items():
        if hashlib.sha256(files[name]).hexdigest() != sha256:
            raise _corrupt(folder, f"{name} does not match the digest in its manifest")
    return manifest, digest, files[WEIGHTS]


def _unreadable(folder: Path, exc: ValidationError) -> ModelError:
    first = exc.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the file"
    if first["loc"] == ("format",) and first["type"] == "literal_error":
        return _unsupported(folder, where, first["input"], first["ctx"]["expected"])
    return _corrupt(folder, f"{MANIFEST} cannot be read at {where}: {first['msg']}")


def _unsupported(folder: Path, what: str, value: object, expected: str) -> ModelError:
    return ModelError(
        f"model package {folder} has {what} {value!r}, expected {expected}; train the model again with this version",
        ModelReason.MISMATCH,
    )


def _tensors(folder: Path, weights: bytes) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        tensors: Tensors = from_bytes(weights)
    except (SafetensorError, KeyError, TypeError, ValueError) as exc:
        raise _corrupt(folder, f"{WEIGHTS} is not a safetensors file") from exc
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise _corrupt(folder, f"{WEIGHTS} holds a number that is not finite")
    return tensors


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _corrupt(path.parent, f"{path.name} is larger than {_MAX_BYTES} bytes")
        return path.read_bytes()
    except OSError as exc:
        raise ModelError(
            f"model package {path.parent} has no readable {path.name}: {exc.strerror}; fetch or train the model again",
            ModelReason.NOT_FOUND,
        ) from exc


def _corrupt(folder: Path, why: str) -> ModelError:
    return ModelError(f"model package {folder} is corrupt: {why}; fetch or train the model again", ModelReason.CORRUPT)
